// SPDX-License-Identifier: MIT
// @ts-check
/**
 * model/models/heap-discard — memory of freed runs goes back to the system, and never that of somebody's buffer, wherever somebody
 * dies.
 *
 * The whole heap is one buffer, just large enough to be given back. Who has it says so in a word; whoever gives memory back
 * looks at that word.
 */

import { DmaBufError } from '../../../dist/errors.js';
import { HeapSection, PAGE, PageKind, PageSection } from '../../../dist/heap/heap-layout.js';
import { oneSlab } from '../../../dist/heap/heap-memory.js';
import { Runs } from '../../../dist/heap/runs.js';
import { Slabs } from '../../../dist/heap/slabs.js';
import { SystemHeap } from '../../../dist/heap/system-heap.js';
import { load, record, section, store, u32 } from '../../../dist/mem/index.js';
import { joinRooms, makeBufWorld, quietWords, recover } from '../buf-world.mjs';
import { replaceMethod } from '../world.mjs';

/** @import {Env, Model} from '../engine/types.js' */
/** @import {World} from '../world.mjs' */

const PAGES = 256;
const data = record('data', { tenant: u32('thread + 1 that has the memory') });
const Data = section('data', data, () => 1);
const world = makeBufWorld([Data, HeapSection, PageSection], { pages: PAGES });
const { arena } = world;
const { words } = arena;
const tenant = arena.base(Data) + data.at.tenant;
const memory = oneSlab(new SharedArrayBuffer(PAGES * PAGE));
const [heapAt, pagesAt] = [arena.base(HeapSection), arena.base(PageSection)];

/** @param {Env} env */
function rooms(env) {
  /** @type {SystemHeap | null} */
  let heap = null;
  const { agent } = joinRooms(world, env, (own, buffers) => {
    heap = new SystemHeap(own, buffers, {
      ...memory,
      discard() {
        if (isTaken(env)) env.fail('memory is given back from under its user');
      },
    });
    return heap;
  });
  return { agent, heap: /** @type {SystemHeap} */ (/** @type {unknown} */ (heap)) };
}

/** Has somebody who lives the memory? @param {Env} env */
function isTaken(env) {
  const taken = load(words, tenant);
  return taken !== 0 && !env.isDead(taken - 1);
}

/** @param {World} _world @param {Env} env */
function user(_world, env) {
  const { heap } = rooms(env);
  for (let round = 0; round < 2; round++) {
    try {
      const buf = heap.alloc(PAGES * PAGE);
      if (isTaken(env)) env.fail('two have the memory');
      store(words, tenant, env.id + 1);
      store(words, tenant, 0);
      buf.close();
    } catch (error) {
      // What the other has, or the dead had, may be what is missing.
      if (!DmaBufError.is(error, 'ENOMEM') && !DmaBufError.is(error, 'ENFILE')) throw error;
    }
  }
}

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
  private: quietWords(world, /\.(classes|bitmap)|page\[([1-9]|..+)\]/),
  plain: () => [],
};

/** @type {Model<World>[]} */
export const models = [
  {
    ...common,
    name: 'heap-discard, nobody killed',
    threads: [
      { name: 'user 1', run: user },
      { name: 'user 2', run: user },
    ],
    bounds: { preemptions: 2 },
    planted: { 'memory is given back after it is free': { patch: patchOrder } },
  },
  {
    ...common,
    name: 'heap-discard, 1 killed',
    threads: [
      { name: 'user 1', run: user },
      { name: 'user 2', run: user },
    ],
    kills: 1,
    bounds: { preemptions: 1 },
  },
];
