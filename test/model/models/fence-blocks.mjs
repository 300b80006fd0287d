// SPDX-License-Identifier: MIT
// @ts-check
/**
 * model/models/fence-blocks — agents claim blocks of rows, use rows again, die: no row is ever two fences at once.
 *
 * Each agent writes its name to a row when it is handed out, and takes it back before the signal: nobody may find another
 * one's who lives. When one dies its blocks are claimed by others, who find rows in every state.
 */

import { FenceBlocks } from '../../../dist/fence/blocks.js';
import { FenceBlockSection } from '../../../dist/fence/layout.js';
import { exchange, words as field, record, section, store } from '../../../dist/mem/index.js';
import { joinFences, makeFenceWorld, quietWords, recover } from '../fence-world.mjs';
import { replaceMethod } from '../world.mjs';

/** @import {Env, Model} from '../engine/types.js' */
/** @import {Fence} from '../../../dist/fence/index.js' */
/** @import {World} from '../world.mjs' */

const BLOCKS = 4;
const data = record('data', { using: field(2 * BLOCKS, 'who has a fence in this row') });
const Data = section('data', data, () => 1);
const world = makeFenceWorld(BLOCKS, [Data]);
const { arena } = world;
const { words } = arena;
const using = arena.base(Data) + data.at.using;

/** @param {Fence} fence */
const rowOf = (fence) =>
  Math.floor(/** @type {number} */ (fence.toJSON().points[0]?.[1]) / 2 ** 20);

/** @param {number} count */
const maker = (count) => (/** @type {World} */ _world, /** @type {Env} */ env) => {
  const { fences, context } = env.atomic(() => {
    const room = joinFences(world, env);
    return { fences: room, context: room.contexts() };
  });
  for (let seqno = 1; seqno <= count; seqno++) {
    const fence = fences.create(context, seqno);
    const row = rowOf(fence);
    const other = exchange(words, using + row, env.id + 1);
    if (other !== 0 && !env.isDead(other - 1)) env.fail(`row ${row} is two fences`);
    store(words, using + row, 0);
    fences.signal(fence);
    if (!fence.signaled) env.fail(`fence ${seqno} is not signalled`);
  }
};

/** @param {number} kills @param {number} preemptions @returns {Model<World>} */
const model = (kills, preemptions) => ({
  name: `fence-blocks, ${kills} killed`,
  threads: [
    { name: 'maker 0', run: maker(3) },
    { name: 'maker 1', run: maker(3) },
    { name: 'maker 2', run: maker(1) },
  ],
  kills,
  bounds: { preemptions },
  reset: world.reset,
  onKill: () => ({ name: 'reaper', run: (_world, env) => recover(joinFences(world, env)) }),
  check: () => null,
  word: (_array, index) => world.label(index),
  private: quietWords(world),
});

/** @type {Model<World>[]} */
export const models = [
  {
    ...model(0, 3),
    planted: {
      'claiming is a look and a store': ({ name, word }) =>
        name === 'compareExchange' && word.endsWith('.claim') && word.startsWith('fenceBlock')
          ? 'split'
          : undefined,
    },
  },
  {
    ...model(1, 1),
    planted: {
      'blocks of the living are abandoned too': {
        patch: () =>
          replaceMethod(FenceBlocks.prototype, 'abandon', () => {
            for (let block = 0; block < BLOCKS; block++) {
              const claim = arena.base(FenceBlockSection) + block * FenceBlockSection.layout.size;
              store(words, claim, 0);
            }
          }),
      },
    },
  },
];
