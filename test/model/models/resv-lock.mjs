// SPDX-License-Identifier: MIT
// @ts-check
/**
 * model/models/resv-lock — one lock, without contexts: agents that block exclude each other, and nobody sleeps for ever.
 */

import { looksFirst, noMark, noRing, noRow, silentReaper } from '../resv-faults.mjs';
import {
  checkLocks,
  joinResv,
  makeResvWorld,
  passSync,
  quietWords,
  reaper,
  Sections,
} from '../resv-world.mjs';

/** @import {Env, Model} from '../engine/types.js' */
/** @import {World} from '../world.mjs' */

const world = makeResvWorld({ buffers: 1, waitRows: 1 });
const quiet = quietWords(world);

/** @param {number} rounds */
const party = (rounds) => (/** @type {World} */ _world, /** @type {Env} */ env) => {
  const room = joinResv(world, env);
  passSync(room, new Sections(world, env), { locks: [0], algorithm: null, rounds });
};

/** @param {readonly number[]} rounds @param {number} kills @param {number} preemptions @returns {Model<World>} */
const model = (rounds, kills, preemptions) => ({
  name: `resv-lock, ${rounds.length} agents, ${rounds.join('+')} rounds, ${kills} killed`,
  threads: rounds.map((times, n) => ({ name: `agent ${n}`, run: party(times) })),
  kills,
  bounds: { preemptions },
  reset: world.reset,
  onKill: () => reaper(world),
  check: () => checkLocks(world),
  word: (_array, index) => world.label(index),
  private: quiet,
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
