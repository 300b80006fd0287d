// SPDX-License-Identifier: MIT
/** The list of fences against a list in plain JavaScript that says what the rules are. */

import { expect, test } from 'vitest';
import type { Fence, Timeline } from '../../../src/fence/index.js';
import type { Reservation, Reservations, ResvLock, Usage } from '../../../src/resv/index.js';
import { fc } from '../properties.js';
import { resvRooms } from './rooms.js';

const USAGES: readonly Usage[] = ['kernel', 'write', 'read', 'bookkeep'];
/** Enough for lists that need a chunk. */
const LINES = 12;
const rank = (usage: Usage): number => USAGES.indexOf(usage);

/** A point as the model knows it. */
interface Point {
  readonly fence: Fence;
  state: 'pending' | 'good' | 'failed';
}

interface Entry {
  readonly point: Point;
  readonly usage: Usage;
}

const pending = ({ point }: Entry): boolean => point.state === 'pending';
const stuck = ({ point, usage }: Entry): boolean => usage === 'write' && point.state === 'failed';

class Model {
  entries: Entry[] = [];
  #limit = -1;
  #wrote = false;

  reserve(n: number): void {
    this.entries = this.entries.filter((entry) => pending(entry) || stuck(entry));
    this.#limit = Math.max(this.#limit, this.entries.length + n);
  }

  /** @returns false: no room */
  add(point: Point, usage: Usage): boolean {
    const rewrites = usage === 'write' && !this.#wrote;
    const { timeline, seqno } = point.fence;
    const yields = (entry: Entry): boolean => {
      if (!pending(entry)) return !stuck(entry) || rewrites;
      const other = entry.point.fence;
      return (
        rank(entry.usage) >= rank(usage) && other.timeline === timeline && other.seqno <= seqno
      );
    };
    const place = this.entries.findIndex(yields);
    if (place < 0 && this.entries.length >= this.#limit) return false;
    this.entries.splice(place < 0 ? this.entries.length : place, 1, { point, usage });
    if (rewrites) {
      this.#wrote = true;
      this.consistent(point);
    }
    return true;
  }

  replace(timeline: number, point: Point, usage: Usage): void {
    this.entries = this.entries.map((entry) =>
      entry.point.fence.timeline === timeline ? { point, usage } : entry,
    );
  }

  copyFrom(source: Model): void {
    const copied = source.entries.filter((entry) => pending(entry) || stuck(entry));
    this.entries = [...this.entries.filter(stuck), ...copied];
  }

  consistent(but?: Point): void {
    this.entries = this.entries.filter((entry) => entry.point === but || !stuck(entry));
  }

  unlock(): void {
    this.#limit = -1;
    this.#wrote = false;
  }
}

const op = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('reserve'), n: fc.integer({ min: 1, max: 24 }) }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('add'),
      line: fc.nat(LINES - 1),
      /** 0: a new point; else the n-th last one. */
      back: fc.oneof(fc.constant(0), fc.nat(3)),
      usage: fc.constantFrom(...USAGES),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constantFrom('signal', 'fail'), line: fc.nat(LINES - 1) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('replace'),
      line: fc.nat(LINES - 1),
      by: fc.nat(LINES - 1),
      usage: fc.constantFrom(...USAGES),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constantFrom('copy', 'unlock', 'consistent', 'other') }),
  },
) as fc.Arbitrary<Step>;

interface Step {
  readonly do: string;
  readonly n: number;
  readonly line: number;
  readonly by: number;
  readonly back: number;
  readonly usage: Usage;
}

/** The same steps, done to two reservations and to two models of them. */
class Pair {
  readonly #lines: Timeline[];
  readonly #points: Point[][] = Array.from({ length: LINES }, () => []);
  readonly #resvs: Reservation[];
  readonly #models = [new Model(), new Model()];
  readonly #locks: ResvLock[];
  #at = 0;

  constructor(
    readonly room: Reservations,
    readonly other: Reservations,
  ) {
    this.#lines = this.#points.map((_, n) => room.fences.timeline(`line ${n}`));
    this.#resvs = [room.of(1), room.of(2)];
    this.#locks = this.#resvs.map((resv) => resv.lockSync());
  }

  get #model(): Model {
    return this.#models[this.#at] as Model;
  }

  get #lock(): ResvLock {
    return this.#locks[this.#at] as ResvLock;
  }

  #point(line: number, back: number): Point {
    const points = this.#points[line] as Point[];
    const known = back === 0 ? undefined : points.at(-back);
    if (known !== undefined) return known;
    const point: Point = { fence: (this.#lines[line] as Timeline).next(), state: 'pending' };
    points.push(point);
    return point;
  }

  step(step: Step): void {
    if (step.do === 'reserve') {
      this.#lock.reserve(step.n);
      this.#model.reserve(step.n);
    } else if (step.do === 'add') this.#add(step);
    else if (step.do === 'signal' || step.do === 'fail') this.#settle(step);
    else if (step.do === 'replace') {
      const point = this.#point(step.by, 0);
      this.#lock.replace(this.#lines[step.line] as Timeline, point.fence, step.usage);
      this.#model.replace((this.#lines[step.line] as Timeline).id, point, step.usage);
    } else if (step.do === 'copy') {
      this.#lock.copyFrom(this.#resvs[1 - this.#at] as Reservation);
      this.#model.copyFrom(this.#models[1 - this.#at] as Model);
    } else if (step.do === 'consistent') {
      this.#lock.markConsistent();
      this.#model.consistent();
    } else if (step.do === 'unlock') {
      this.#lock.unlock();
      this.#locks[this.#at] = (this.#resvs[this.#at] as Reservation).lockSync();
      this.#model.unlock();
    } else this.#at = 1 - this.#at;
  }

  #add({ line, back, usage }: Step): void {
    let point = this.#point(line, back);
    // A write that has failed before it was added is said again by a record of its own.
    if (usage === 'write' && point.state === 'failed') point = { ...point, state: 'pending' };
    const add = (): void =>
      usage === 'kernel' ? this.#lock.addKernel(point.fence) : this.#lock.add(point.fence, usage);
    if (this.#model.add(point, usage)) add();
    else expect(add).toThrow(/^ENOSPC/);
    if (usage === 'write' && point.fence.error !== null) point.state = 'failed';
  }

  #settle(step: Step): void {
    const next = this.#points[step.line]?.find(({ state }) => state === 'pending');
    if (next === undefined) return;
    if (step.do === 'signal') this.#lines[step.line]?.signal(next.fence);
    else this.#lines[step.line]?.fail(next.fence, 'EIO');
    next.state = step.do === 'signal' ? 'good' : 'failed';
  }

  /** Nothing is left for the next run. */
  end(): void {
    for (const lock of this.#locks) lock.unlock();
    for (const resv of this.#resvs) this.room.reset(resv.row);
    this.room.fences.close();
  }

  check(): void {
    const name = ({ timeline, seqno }: Fence): string => `${timeline}.${seqno}`;
    for (const [n, resv] of this.#resvs.entries()) {
      const { entries } = this.#models[n] as Model;
      for (const usage of USAGES) {
        const all = entries.filter((entry) => rank(entry.usage) <= rank(usage));
        const waited = all.filter(pending);
        expect(this.#locks[n]?.fences(usage).map(name)).toEqual(
          all.map(({ point }) => name(point.fence)),
        );
        expect(resv.fences(usage).map(name)).toEqual(waited.map(({ point }) => name(point.fence)));
        expect(this.other.of(resv.row).test(usage)).toBe(waited.length === 0);
      }
      expect(this.other.of(resv.row).writeError()).toBe(entries.some(stuck) ? 'EIO' : null);
    }
  }
}

test('whatever is done to it, the list says what the rules say', () => {
  const [room, other] = resvRooms().rooms;
  fc.assert(
    fc.property(fc.array(op, { maxLength: 80 }), (steps) => {
      const pair = new Pair(room, other);
      try {
        for (const step of steps) {
          pair.step(step);
          pair.check();
        }
      } finally {
        pair.end();
      }
    }),
    { numRuns: 150 },
  );
});
