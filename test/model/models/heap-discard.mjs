// SPDX-License-Identifier: MIT
// @ts-check
/**
 * model/models/heap-discard — memory of freed runs goes back to the system, and never that of somebody's buffer, wherever somebody
 * dies.
 *
 * The whole heap is just large enough to be given back: as one buffer, or as what two have left behind. Who has a half of it says so in
 * a word; whoever gives memory back looks at these words.
 */

import { DmaBufError } from '../../../dist/errors.js';
import { HeapSection, PAGE, PageKind, PageSection } from '../../../dist/heap/heap-layout.js';
import { HeapLock } from '../../../dist/heap/heap-lock.js';
import { oneSlab } from '../../../dist/heap/heap-memory.js';
import { Runs } from '../../../dist/heap/runs.js';
import { Slabs } from '../../../dist/heap/slabs.js';
import { SystemHeap } from '../../../dist/heap/system-heap.js';
import { words as field, load, record, section, store } from '../../../dist/mem/index.js';
import { joinRooms, makeBufWorld, quietWords, recover } from '../buf-world.mjs';
import { replaceMethod } from '../world.mjs';

/** @import {Env, Model} from '../engine/types.js' */
/** @import {World} from '../world.mjs' */

const PAGES = 256;
const HALF = PAGES / 2;
const data = record('data', { tenants: field(2, 'thread + 1 that has that half') });
const Data = section('data', data, () => 1);
const world = makeBufWorld([Data, HeapSection, PageSection], { pages: PAGES });
const { arena } = world;
const { words } = arena;
const tenants = arena.base(Data) + data.at.tenants;
const memory = oneSlab(new SharedArrayBuffer(PAGES * PAGE));
const [heapAt, pagesAt] = [arena.base(HeapSection), arena.base(PageSection)];

/** @param {Env} env */
function rooms(env) {
  /** @type {SystemHeap | null} */
  let heap = null;
  const { agent } = joinRooms(world, env, (own, buffers) => {
    heap = new SystemHeap(own, buffers, {
      ...memory,
      discard(_slab, offset, bytes) {
        for (const half of halves(offset / PAGE, bytes / PAGE))
          if (isTaken(env, half)) env.fail('memory is given back from under its user');
      },
    });
    return heap;
  });
  return { agent, heap: /** @type {SystemHeap} */ (/** @type {unknown} */ (heap)) };
}

/** Words of the halves that these pages lie in. @param {number} first @param {number} pages */
function halves(first, pages) {
  return [0, 1]
    .filter((half) => first < (half + 1) * HALF && first + pages > half * HALF)
    .map((half) => tenants + half);
}

/** Has somebody who lives that half? @param {Env} env @param {number} half */
function isTaken(env, half) {
  const taken = load(words, half);
  return taken !== 0 && !env.isDead(taken - 1);
}

/** @param {number} pages @param {number} [rounds] */
const user =
  (pages, rounds = 2) =>
  (/** @type {World} */ _world, /** @type {Env} */ env) => {
    const { heap } = rooms(env);
    for (let round = 0; round < rounds; round++) {
      try {
        const buf = heap.alloc(pages * PAGE);
        const mine = halves(heap.buffers.rows.word(buf.row, 'page'), pages);
        for (const half of mine) {
          if (isTaken(env, half)) env.fail('two have the memory');
          store(words, half, env.id + 1);
        }
        for (const half of mine) store(words, half, 0);
        buf.close();
      } catch (error) {
        // What the other has, or the dead had, may be what is missing.
        if (!DmaBufError.is(error, 'ENOMEM') && !DmaBufError.is(error, 'ENFILE')) throw error;
      }
    }
  };

/** @param {World} _world @param {Env} env */
function reaper(_world, env) {
  recover(rooms(env).agent);
}

function check() {
  const runs = [...new Runs(words, heapAt, pagesAt, PAGES, PAGES).all()];
  const kinds = runs.map(({ first, length, kind }) => `${kind}:${first}+${length}`).join(' ');
  return runs.length === 1 && runs[0]?.kind === PageKind.FREE ? null : kinds;
}

/** Memory is given back after the run is free. */
function patchOrder() {
  const { giveBack } = Slabs.prototype;
  const { release } = SystemHeap.prototype;
  /** @type {(() => void)[] | null} */
  let later = null;
  const mendGiveBack = replaceMethod(
    Slabs.prototype,
    'giveBack',
    function (/** @type {number} */ first, /** @type {number} */ pages) {
      const now = () =>
        giveBack.call(/** @type {Slabs} */ (/** @type {unknown} */ (this)), first, pages);
      if (later === null) return now();
      later.push(now);
      return null;
    },
  );
  const mendRelease = replaceMethod(
    SystemHeap.prototype,
    'release',
    function (/** @type {number} */ row) {
      const jobs = (later = []);
      try {
        release.call(/** @type {SystemHeap} */ (/** @type {unknown} */ (this)), row);
      } finally {
        later = null; // the engine leaves by throwing
      }
      for (const job of jobs) job();
    },
  );
  return () => {
    mendRelease();
    mendGiveBack();
  };
}

/** @type {Omit<Model<World>, 'name' | 'threads'>} */
const common = {
  reset: () => {
    world.reset();
    new Runs(words, heapAt, pagesAt, PAGES, PAGES).prepare();
    return world;
  },
  check,
  onKill: () => ({ name: 'reaper', run: reaper }),
  word: (_array, index) => world.label(index),
  private: quietWords(world, /\.(classes|bitmap)/),
  plain: () => [],
};

/** What is left behind is given back when others can have it already. */
function patchTrim() {
  const { giveBack } = Slabs.prototype;
  const { leave } = HeapLock.prototype;
  /** @type {(() => void)[]} */
  let later = [];
  const mendGiveBack = replaceMethod(
    Slabs.prototype,
    'giveBack',
    function (/** @type {number} */ first, /** @type {number} */ pages) {
      const self = /** @type {Slabs} */ (/** @type {unknown} */ (this));
      if (pages < PAGES) return giveBack.call(self, first, pages);
      later.push(() => giveBack.call(self, first, pages));
      return true;
    },
  );
  const mendLeave = replaceMethod(HeapLock.prototype, 'leave', function () {
    const jobs = later;
    later = []; // the engine leaves by throwing
    leave.call(/** @type {HeapLock} */ (/** @type {unknown} */ (this)));
    for (const job of jobs) job();
  });
  return () => {
    mendLeave();
    mendGiveBack();
  };
}

/** @type {Model<World>[]} */
export const models = [
  {
    ...common,
    name: 'heap-discard, nobody killed',
    threads: [
      { name: 'user 1', run: user(PAGES) },
      { name: 'user 2', run: user(PAGES) },
    ],
    bounds: { preemptions: 2 },
    planted: { 'memory is given back after it is free': { patch: patchOrder } },
  },
  {
    ...common,
    name: 'heap-discard, 1 killed',
    threads: [
      { name: 'user 1', run: user(PAGES) },
      { name: 'user 2', run: user(PAGES) },
    ],
    kills: 1,
    bounds: { preemptions: 1 },
  },
  {
    ...common,
    name: 'heap-discard by halves, nobody killed',
    threads: [
      { name: 'user 1', run: user(HALF) },
      { name: 'user 2', run: user(HALF) },
    ],
    bounds: { preemptions: 2 },
    planted: { 'what is left behind is given back outside of the lock': { patch: patchTrim } },
  },
  {
    ...common,
    name: 'heap-discard by halves, 1 killed',
    threads: [
      { name: 'user 1', run: user(HALF, 1) },
      { name: 'user 2', run: user(HALF, 1) },
    ],
    kills: 1,
    bounds: { preemptions: 1 },
  },
];
