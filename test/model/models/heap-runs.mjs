// SPDX-License-Identifier: MIT
// @ts-check
/**
 * model/models/heap-runs — the page table and its lock: no page has two owners, and none is lost, wherever somebody dies.
 *
 * Each thread takes pages, marks them as its own, and gives them back, under the lock as the system heap does it. A killed one
 * leaves a torn table, a claimed run, or both; the next to come in repairs the table, and the reaper takes back the run. The same in
 * slabs, which no run may cross; there the threads also make the first runs themselves.
 */

import { classOf, FreeRuns } from '../../../dist/heap/free-runs.js';
import {
  HeapLayout,
  HeapSection,
  PageKind,
  PageLayout,
  PageSection,
} from '../../../dist/heap/heap-layout.js';
import { HeapLock } from '../../../dist/heap/heap-lock.js';
import { lengthOf, Runs } from '../../../dist/heap/runs.js';
import { cas, words as field, load, record, section, store } from '../../../dist/mem/index.js';
import { recover } from '../buf-world.mjs';
import { makeWorld, replaceMethod } from '../world.mjs';

/** @import {Agent} from '../../../dist/agent/index.js' */
/** @import {Env, Model} from '../engine/types.js' */
/** @import {World} from '../world.mjs' */

const PAGES = 6;
const data = record('data', { owner: field(PAGES, 'thread + 1 that has the page') });
const Data = section('data', data, () => 1);
const world = makeWorld([Data, HeapSection, PageSection], { agents: 5, pages: PAGES, waitRows: 2 });
const { arena } = world;
const { words } = arena;
const [heapAt, pagesAt] = [arena.base(HeapSection), arena.base(PageSection)];
const owner = arena.base(Data) + data.at.owner;
const heap = HeapLayout.at;
const page = PageLayout.at;

const makeRuns = (slabPages = PAGES) => new Runs(words, heapAt, pagesAt, PAGES, slabPages);

/** The calling thread's part of the heap, which the first one makes; its pages are taken back when it dies. @param {Env} env @param {number} [slabPages] */
function join(env, slabPages) {
  const own = env.atomic(() => {
    const agent = world.join(env);
    const runs = makeRuns(slabPages);
    const lock = new HeapLock(agent, heapAt + heap.lock);
    /** @template T @param {() => T} work */
    const locked = (work) => {
      if (lock.enter()) runs.rebuild();
      try {
        return work();
      } finally {
        lock.leave();
      }
    };
    agent.reapers.register('heap', (slot) => {
      locked(() => {
        // What the row of a buffer tells in the system heap: whose this used run is.
        for (const { first, kind } of runs.all()) {
          if (kind === PageKind.USED && load(words, owner + first) === slot + 1)
            runs.claim(first, slot);
        }
        for (let i = 0; i < PAGES; i++) {
          if (load(words, owner + i) === slot + 1) store(words, owner + i, 0);
        }
        runs.reclaim(slot);
      });
      lock.wake();
      return 0;
    });
    return { agent, runs, locked };
  });
  if (!own.runs.ready) own.locked(() => own.runs.prepare());
  return own;
}

/** Takes runs of these lengths, and gives each back. @param {number[]} lengths @param {number} [slabPages] */
const worker = (lengths, slabPages) => (/** @type {World} */ _world, /** @type {Env} */ env) => {
  const { agent, runs, locked } = join(env, slabPages);
  const { slot } = agent;
  if (!runs.ready) locked(() => runs.prepare());
  for (const length of lengths) {
    const first = locked(() => runs.take(length, slot));
    if (first < 0) continue;
    for (let i = first; i < first + length; i++) {
      if (cas(words, owner + i, 0, slot + 1) !== 0) env.fail(`page ${i} has two owners`);
    }
    runs.use(first);
    runs.claim(first, slot);
    for (let i = first; i < first + length; i++) store(words, owner + i, 0);
    locked(() => runs.give(first));
  }
};

/** @param {number} [slabPages] */
const reaper = (slabPages) => (/** @type {World} */ _world, /** @type {Env} */ env) => {
  recover(join(env, slabPages).agent);
};

/** The free runs that there are when all pages are free. @param {number} slabPages */
function slabsOf(slabPages) {
  const slabs = [];
  for (let first = 0; first < PAGES; first += slabPages) {
    slabs.push({ first, length: Math.min(slabPages, PAGES - first) });
  }
  return slabs;
}

/** Where a free run names the next one of its class. @param {number} run  its first page + 1 */
const next = (run) => pagesAt + (run - 1) * PageLayout.size + page.next;

/** Each slab is one free run, and what is derived says the same. */
const check = (slabPages = PAGES) => {
  const runs = makeRuns(slabPages);
  const all = [...runs.all()].map(({ first, length, kind }) => `${kind}:${first}+${length}`);
  const slabs = slabsOf(slabPages);
  const free = slabs.map(({ first, length }) => `${PageKind.FREE}:${first}+${length}`);
  if (all.join(' ') !== free.join(' ')) return all.join(' ');
  if (load(words, heapAt + heap.lock) !== 0) return 'somebody still has the lock';
  if (runs.used !== 0) return `${runs.used} pages count as used`;
  const bits = slabs.reduce((sum, { length }) => sum | (1 << classOf(length)), 0);
  if (load(words, heapAt + heap.bitmap) !== bits) return 'the bitmap is wrong';
  const listed = [];
  for (const index of new Set(slabs.map(({ length }) => classOf(length)))) {
    let run = load(words, heapAt + heap.classes + index);
    for (; run !== 0 && listed.length < PAGES; run = load(words, next(run))) listed.push(run - 1);
  }
  const found = listed.toSorted((a, b) => a - b).join();
  if (found !== slabs.map(({ first }) => first).join()) return `classes list ${found}`;
  for (const { first, length } of slabs) {
    const tail = load(words, pagesAt + (first + length - 1) * PageLayout.size + page.tail);
    if (tail !== length) return `the last page of run ${first} says ${tail}`;
  }
  return null;
};

/** Runs.take, but the store that takes the run comes before the one that makes a run of what is left. @this {Runs} @param {number} length @param {number} slot */
function takeInWrongOrder(length, slot) {
  const free = new FreeRuns(words, heapAt, pagesAt, (first) => lengthOf(this.head(first)));
  const first = free.find(length);
  if (first < 0) return -1;
  const rest = lengthOf(this.head(first)) - length;
  free.remove(first, rest + length);
  const at = (/** @type {number} */ index) => pagesAt + index * PageLayout.size;
  store(words, at(first + length - 1) + page.tail, 0);
  store(words, at(first) + page.head, (length << 10) | (slot << 2) | PageKind.CLAIMED);
  if (rest > 0) {
    store(words, at(first + length) + page.head, (rest << 10) | PageKind.FREE);
    store(words, at(first + length + rest - 1) + page.tail, rest);
    free.add(first + length, rest);
  }
  store(words, heapAt + heap.used, this.used + length);
  return first;
}

/** Runs.prepare, but slabs become runs in order. @this {Runs} */
function prepareFromTheFirst() {
  if (this.ready) return;
  for (const { first, length } of slabsOf(this.slabPages)) {
    store(words, pagesAt + first * PageLayout.size + page.head, (length << 10) | PageKind.FREE);
  }
  this.rebuild();
  store(words, heapAt + heap.ready, 1);
}

const QUIET =
  /^header|\.(fresh|name|pid|kind|member|start|watched|pad|lost|classes\+(7|8|9|..+)|bitmap\+)/;
const quiet = new Set([...words.keys()].filter((index) => QUIET.test(world.label(index))));

/** @type {Omit<Model<World>, 'name' | 'threads'>} */
const common = {
  reset: () => {
    world.reset();
    makeRuns().prepare();
    return world;
  },
  check: () => check(),
  onKill: () => ({ name: 'reaper', run: reaper() }),
  word: (_array, index) => world.label(index),
  private: (_array, index) => quiet.has(index),
};

const two = [
  { name: 'worker 1', run: worker([2, 3]) },
  { name: 'worker 2', run: worker([1]) },
];

/** Pages of the first slab; the second one has the rest. */
const SLAB = 4;

/** Two slabs that differ. @type {typeof common} */
const slabs = {
  ...common,
  reset: () => world.reset(),
  check: () => check(SLAB),
  onKill: () => ({ name: 'reaper', run: reaper(SLAB) }),
};

/** In and out of the lock, where nobody else may be. @param {World} _world @param {Env} env */
function visitor(_world, env) {
  const { locked } = join(env);
  for (let visit = 0; visit < 2; visit++) {
    locked(() => {
      if (load(words, owner) !== 0) env.fail('two inside');
      store(words, owner, env.id + 1);
      store(words, owner, 0);
    });
  }
}

/** @type {Model<World>[]} */
export const models = [
  {
    ...common,
    name: 'heap-lock',
    threads: [
      { name: 'visitor 1', run: visitor },
      { name: 'visitor 2', run: visitor },
      { name: 'visitor 3', run: visitor },
    ],
    bounds: { preemptions: 2 },
    planted: {
      'a sleeper is not told': ({ name }) => (name === 'notify' ? 'drop' : undefined),
      'the holder looks for sleepers before it leaves': ({ name, word }) =>
        name === 'exchange' && word.endsWith('.lock') ? 'split' : undefined,
      'the lock is taken in two steps': ({ name, word }) =>
        name === 'compareExchange' && word.endsWith('.lock') ? 'split' : undefined,
    },
  },
  { ...common, name: 'heap-runs, nobody killed', threads: two, bounds: { preemptions: 2 } },
  {
    ...common,
    name: 'heap-runs, 1 killed',
    threads: two,
    kills: 1,
    bounds: { preemptions: 1 },
    planted: {
      'a run is taken before its rest is a run': {
        patch: () => replaceMethod(Runs.prototype, 'take', takeInWrongOrder),
      },
      'a claim does not say whose it is': ({ name, word, args }) => {
        const head = Number(args[0]);
        const isClaim =
          name === 'store' && word.endsWith('.head') && (head & 3) === PageKind.CLAIMED;
        return isClaim ? [head | (0xff << 2)] : undefined;
      },
      'the reaper skips claimed runs': {
        patch: () => replaceMethod(Runs.prototype, 'reclaim', () => {}),
      },
      'who takes the lock over repairs nothing': {
        patch: () => replaceMethod(Runs.prototype, 'rebuild', () => {}),
      },
    },
  },
  {
    ...common,
    name: 'heap-runs, 2 killed',
    // One, then its reaper. A reaper that sleeps on the lock of somebody who dies then is helped by time alone.
    threads: [{ name: 'worker', run: worker([2, 3]) }],
    kills: 2,
    bounds: { preemptions: 2 },
  },
  {
    ...slabs,
    name: 'heap-runs in slabs, 1 killed',
    threads: [
      { name: 'worker 1', run: worker([4, 2], SLAB) },
      { name: 'worker 2', run: worker([2], SLAB) },
    ],
    kills: 1,
    bounds: { preemptions: 1 },
    planted: {
      'a run is merged with one of the next slab': {
        patch: () => {
          const { give } = Runs.prototype;
          const inOne = (/** @type {number} */ first) => give.call(makeRuns(), first);
          return replaceMethod(Runs.prototype, 'give', inOne);
        },
      },
      'the first page is a run before the other slabs are': {
        patch: () => replaceMethod(Runs.prototype, 'prepare', prepareFromTheFirst),
      },
    },
  },
  {
    ...slabs,
    name: 'heap-runs in slabs, 2 killed',
    threads: [{ name: 'worker', run: worker([2, 4], SLAB) }],
    kills: 2,
    bounds: { preemptions: 2 },
  },
];
