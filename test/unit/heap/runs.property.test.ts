// SPDX-License-Identifier: MIT

import { describe, expect, it } from 'vitest';
import { PageKind } from '../../../src/heap/heap-layout.js';
import { lengthOf, type Runs } from '../../../src/heap/runs.js';
import { fc } from '../properties.js';
import { pageTable, problems, shape } from './page-table.js';

const PAGES = 48;
/** Of one slab, of two that differ, of many, of the smallest. */
const slabs = fc.constantFrom(PAGES, 29, 16, 7, 1);
const SLOT = 3;

type Step =
  | { readonly do: 'take'; readonly length: number }
  | { readonly do: 'use' | 'give' | 'give clean' | 'trim'; readonly which: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constant('take' as const), length: fc.integer({ min: 1, max: 20 }) }),
  fc.record({ do: fc.constantFrom('use', 'give', 'give clean', 'trim'), which: fc.nat(15) }),
);

/** Who has each page: the simplest thing that could be an allocator. */
class Model {
  readonly taken = new Map<number, number>();
  /** Pages that were used since they were clean. */
  readonly dirty = new Set<number>();

  constructor(readonly slabPages: number) {}

  has(first: number, length: number): string | null {
    for (const [other, size] of this.taken) {
      if (first < other + size && other < first + length) return `page ${first} has two owners`;
    }
    return null;
  }

  get longest(): number {
    let [longest, from] = [0, 0];
    for (const [first, length] of [...this.taken].toSorted(([a], [b]) => a - b)) {
      longest = Math.max(longest, this.#unbroken(from, first));
      from = first + length;
    }
    return Math.max(longest, this.#unbroken(from, PAGES));
  }

  /** The most pages between these that lie in one slab. */
  #unbroken(from: number, to: number): number {
    let longest = 0;
    for (let at = from; at < to; ) {
      const border = Math.min(to, (Math.floor(at / this.slabPages) + 1) * this.slabPages);
      longest = Math.max(longest, border - at);
      at = border;
    }
    return longest;
  }

  wipe(first: number, pages: number): void {
    for (let page = first; page < first + pages; page++) this.dirty.delete(page);
  }

  pick(which: number): number | undefined {
    const all = [...this.taken.keys()];
    return all.length === 0 ? undefined : all[which % all.length];
  }
}

function apply(runs: Runs, model: Model, next: Step): void {
  if (next.do === 'take') {
    const fits = next.length <= model.longest;
    const first = runs.take(next.length, SLOT);
    expect(first >= 0).toBe(fits);
    if (!fits) return;
    expect(model.has(first, next.length)).toBeNull();
    model.taken.set(first, next.length);
    for (let page = first; page < first + next.length; page++) model.dirty.add(page);
    return;
  }
  const first = model.pick(next.which);
  if (first === undefined) return;
  if (next.do === 'use') {
    runs.use(first);
    return;
  }
  runs.claim(first, SLOT);
  if (next.do === 'give') runs.give(first);
  else {
    model.wipe(first, model.taken.get(first) ?? 0);
    const start = runs.give(first, true);
    if (next.do === 'trim') {
      model.wipe(start, lengthOf(runs.head(start)));
      runs.clean(start);
    }
  }
  model.taken.delete(first);
}

/** Free runs that say less than there is. */
function underrated(runs: Runs, model: Model): string[] {
  const found: string[] = [];
  for (const { first, length, kind } of runs.all()) {
    if (kind !== PageKind.FREE) continue;
    const pages = Array.from({ length }, (_, n) => first + n);
    const [said, are] = [runs.dirty(first), pages.filter((page) => model.dirty.has(page)).length];
    if (said < are || said > length) found.push(`run ${first} says ${said} of ${are} in ${length}`);
  }
  return found;
}

/** Runs `work` and stops it for good before its store number `stop`. @returns false when it came to its end */
function killedAt(stop: number, work: () => void): boolean {
  const { store } = Atomics;
  const killed = Symbol('killed');
  let stores = 0;
  const fake = (array: Int32Array, index: number, value: number): number => {
    if (stores++ === stop) throw killed;
    return store(array, index, value);
  };
  Object.assign(Atomics, { store: fake });
  try {
    work();
    return false;
  } catch (error) {
    if (error !== killed) throw error;
    return true;
  } finally {
    Object.assign(Atomics, { store });
  }
}

describe('runs of pages, whatever is done to them', () => {
  it('tile the heap, merge, and agree with their classes after every operation', () => {
    fc.assert(
      fc.property(slabs, fc.array(step, { maxLength: 60 }), (slab, steps) => {
        const [runs, model] = [pageTable(PAGES, slab), new Model(slab)];
        for (const next of steps) {
          apply(runs, model, next);
          expect(problems(runs)).toEqual([]);
          expect(underrated(runs, model)).toEqual([]);
        }
        expect(runs.longest()).toBe(model.longest);
        expect(runs.used).toBe([...model.taken.values()].reduce((sum, length) => sum + length, 0));
      }),
      { numRuns: 300 },
    );
  });

  it('tile the heap after every store, and a rebuild loses nothing, wherever their changer dies', () => {
    fc.assert(
      fc.property(
        slabs,
        fc.array(step, { minLength: 1, maxLength: 14 }),
        fc.nat(30),
        (slab, steps, stop) => {
          const [runs, model] = [pageTable(PAGES, slab), new Model(slab)];
          for (const next of steps.slice(0, -1)) apply(runs, model, next);
          const last = steps.at(-1);
          if (last === undefined) return;
          const before = new Map(model.taken);
          if (!killedAt(stop, () => apply(runs, model, last))) return;
          runs.rebuild();
          expect(problems(runs).filter((problem) => !problem.includes('one with'))).toEqual([]);
          runs.reclaim(SLOT);
          const kept = [...runs.all()].filter(({ kind }) => kind === PageKind.USED);
          for (const { first, length } of kept) expect(before.get(first)).toBe(length);
          for (const { first } of kept) runs.claim(first, SLOT);
          runs.reclaim(SLOT);
          expect(shape(runs)).toBe(shape(pageTable(PAGES, slab)));
          expect(problems(runs)).toEqual([]);
        },
      ),
      { numRuns: 600 },
    );
  });
});
