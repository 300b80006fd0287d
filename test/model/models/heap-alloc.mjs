// SPDX-License-Identifier: MIT
// @ts-check
/**
 * model/models/heap-alloc — a buffer of the system heap from alloc to its last put: wherever somebody dies, its pages and its
 * row are free in the end, once.
 *
 * What stands between the two is who names the pages: the run itself while it is CLAIMED, the row from before it is USED until
 * it is CLAIMED again.
 */

import { Buffers } from '../../../dist/buf/buffers.js';
import { Phase, phaseOf } from '../../../dist/buf/index.js';
import { BufferLayout, BufferSection } from '../../../dist/buf/layout.js';
import { Life } from '../../../dist/buf/life.js';
import { DmaBufError } from '../../../dist/errors.js';
import { HeapSection, PageKind, PageSection } from '../../../dist/heap/heap-layout.js';
import { oneSlab } from '../../../dist/heap/heap-memory.js';
import { Runs } from '../../../dist/heap/runs.js';
import { SystemHeap } from '../../../dist/heap/system-heap.js';
import { load } from '../../../dist/mem/index.js';
import { joinRooms, makeBufWorld, quietWords, recover } from '../buf-world.mjs';
import { replaceMethod } from '../world.mjs';

/** @import {Env, Model} from '../engine/types.js' */
/** @import {World} from '../world.mjs' */

const PAGES = 4;
const PAGE = 4096;
const world = makeBufWorld([HeapSection, PageSection], { pages: PAGES });
const { arena } = world;
const { words } = arena;
const memory = new SharedArrayBuffer(PAGES * PAGE);

const makeRuns = () =>
  new Runs(words, arena.base(HeapSection), arena.base(PageSection), PAGES, PAGES);

/** @param {Env} env */
function rooms(env) {
  /** @type {SystemHeap | null} */
  let heap = null;
  const { agent, buffers } = joinRooms(world, env, (own, bufs) => {
    heap = new SystemHeap(own, bufs, oneSlab(memory));
    return heap;
  });
  return { agent, buffers, heap: /** @type {SystemHeap} */ (/** @type {unknown} */ (heap)) };
}

/** @param {number} pages */
const user = (pages) => (/** @type {World} */ _world, /** @type {Env} */ env) => {
  const { heap } = rooms(env);
  try {
    heap.alloc(pages * PAGE).close();
  } catch (error) {
    // What the others have, or the dead had, may be what is missing.
    if (!DmaBufError.is(error, 'ENOMEM') && !DmaBufError.is(error, 'ENFILE')) throw error;
  }
};

/** @param {World} _world @param {Env} env */
function reaper(_world, env) {
  recover(rooms(env).agent);
}

function check() {
  for (let row = 0; row < arena.limits.buffers; row++) {
    const at = arena.base(BufferSection) + row * BufferSection.layout.size;
    const phase = phaseOf(load(words, at + BufferLayout.at.life));
    if (phase !== Phase.FREE) return `row ${row} is in phase ${phase} at the end`;
    if (load(words, at + BufferLayout.at.pages) !== 0) return `row ${row} still names pages`;
  }
  const all = [...makeRuns().all()];
  const kinds = all.map(({ first, length, kind }) => `${kind}:${first}+${length}`).join(' ');
  return all.length === 1 && all[0]?.kind === PageKind.FREE ? null : kinds;
}

/** @type {Omit<Model<World>, 'name' | 'threads'>} */
const common = {
  reset: () => {
    world.reset();
    makeRuns().prepare();
    return world;
  },
  check,
  onKill: () => ({ name: 'reaper', run: reaper }),
  word: (_array, index) => world.label(index),
  private: quietWords(world, /\.(fresh|classes\+([5-9]|..+)|bitmap\+)/),
  plain: () => [],
};

/** @type {NonNullable<Model<World>['planted']>} */
const planted = {
  'the row forgets its pages before they are claimed again': {
    patch: () => {
      const { release } = SystemHeap.prototype;
      return replaceMethod(SystemHeap.prototype, 'release', function (/** @type {number} */ row) {
        const self = /** @type {SystemHeap} */ (/** @type {unknown} */ (this));
        const { rows } = self.buffers;
        const pages = rows.word(row, 'pages');
        rows.setWord(row, 'pages', 0);
        makeRuns().claim(rows.word(row, 'page'), self.agent.slot);
        rows.setWord(row, 'pages', pages);
        return release.call(self, row);
      });
    },
  },
  'pages are used before the row names them': {
    patch: () => {
      const { place } = Buffers.prototype;
      return replaceMethod(
        Buffers.prototype,
        'place',
        function (/** @type {[number, number, number]} */ ...args) {
          makeRuns().use(args[1]);
          place.apply(/** @type {Buffers} */ (/** @type {unknown} */ (this)), args);
        },
      );
    },
  },
  'a row that was being built, or released, is left behind': {
    patch: () => replaceMethod(Life.prototype, 'takeOver', () => false),
  },
  'a reaper skips claimed runs': {
    patch: () => replaceMethod(Runs.prototype, 'reclaim', () => {}),
  },
};

/** @type {Model<World>[]} */
export const models = [
  {
    ...common,
    name: 'heap-alloc, 1 killed',
    threads: [
      { name: 'user 1', run: user(2) },
      { name: 'user 2', run: user(1) },
    ],
    kills: 1,
    bounds: { preemptions: 1 },
  },
  {
    ...common,
    name: 'heap-alloc, 2 killed',
    // One, then its reaper.
    threads: [{ name: 'user', run: user(2) }],
    kills: 2,
    bounds: { preemptions: 2 },
    planted,
  },
];
