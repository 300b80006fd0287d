// SPDX-License-Identifier: MIT
// @ts-check
/**
 * model/models/resv-lock — one lock, without contexts: agents that block exclude each other, and nobody sleeps for ever.
 */

import { looksFirst, noMark, noRing, noRow, silentReaper } from '../resv-faults.mjs';
import { blockingIn, makeResvWorld, modelOf, partyOf } from '../resv-world.mjs';

/** @import {Env, Model} from '../engine/types.js' */
/** @import {World} from '../world.mjs' */

const world = makeResvWorld({ buffers: 1, waitRows: 1 });
const common = modelOf(world);
const blocking = blockingIn(world);

/** @param {readonly number[]} rounds @param {number} kills @param {number} preemptions @returns {Model<World>} */
const model = (rounds, kills, preemptions) => ({
  name: `resv-lock, ${rounds.length} agents, ${rounds.join('+')} rounds, ${kills} killed`,
  threads: rounds.map((times, n) => ({
    name: `agent ${n}`,
    run: blocking({ ...partyOf(null, 0), rounds: times }),
  })),
  kills,
  bounds: { preemptions },
  ...common,
});

/** @type {Model<World>[]} */
export const models = [
  {
    ...model([2, 2], 0, 3),
    planted: {
      'the row does not come': noRow,
      'the ring is lost': noRing,
      'nobody says that he waits': noMark,
      'looks before it releases': looksFirst,
    },
  },
  model([1, 1, 1], 0, 2),
  model([2, 2, 2], 0, 1),
  {
    ...model([1, 1], 1, 1),
    planted: { 'the reaper rings nobody': silentReaper },
  },
  model([1, 1, 1], 1, 0),
  model([1, 1], 2, 0),
];
