// SPDX-License-Identifier: MIT
// @ts-check
/**
 * model/models/resv-absent — waiters that others cannot see, or that cannot come now: tasks of an agent that is blocked elsewhere, and
 * agents with more waits than rows.
 */

import { hiddenForgotten, noPass } from '../resv-faults.mjs';
import {
  blockingIn,
  joinResv,
  makeResvWorld,
  modelOf,
  passByHand,
  passSync,
  passTask,
  runUntil,
  Sections,
} from '../resv-world.mjs';

/** @import {Env, Model} from '../engine/types.js' */
/** @import {Party} from '../resv-world.mjs' */
/** @import {World} from '../world.mjs' */

const [A, B] = [0, 1];
const roomy = makeResvWorld({ agents: 6, buffers: 2, waitRows: 2 });
/** A row for one wait, and no more. */
const narrow = makeResvWorld({ agents: 6, buffers: 2, waitRows: 1 });

/** @typedef {(world: World) => (none: World, env: Env) => void} Maker */

/** @param {Party} party @returns {Maker} */
const blocking = (party) => (world) => blockingIn(world)(party);

/** Starts its tasks, then blocks for something, then runs the tasks to their end. @param {Party | null} party @param {readonly Party[]} tasks @returns {Maker} */
const busy =
  (party, ...tasks) =>
  (world) =>
  (_world, env) => {
    const room = joinResv(world, env);
    const sections = new Sections(world, env);
    for (const task of tasks) void room.agent.run('model', passTask(room, sections, task));
    // With a lock in the hands of one of its tasks it may not block, and this is not about that.
    if (party !== null && room.agent.held === 0) passSync(room, sections, party);
    runUntil(room.agent);
  };

/** @param {string} what @param {World} world @param {readonly Maker[]} agents @param {number} kills @param {number} preemptions @returns {Model<World>} */
const model = (what, world, agents, kills, preemptions) => ({
  name: `resv-absent, ${what}, ${kills} killed`,
  threads: agents.map((run, n) => ({ name: `agent ${n}`, run: run(world) })),
  kills,
  bounds: { preemptions },
  ...modelOf(world),
});

/** @type {Party} */
const plain = { algorithm: null, locks: [A] };
/** @type {Party} */
const other = { algorithm: null, locks: [B] };
/** @type {Party} */
const back = { algorithm: 'wait-die', locks: [B, A] };

/** Has that many of its locks before anybody runs. @param {number} first @param {Party} party @returns {Maker} */
const prepared = (first, party) => (world) => (_world, env) => passByHand(world, env, party, first);

/** @type {Model<World>[]} */
export const models = [
  {
    // A task of the first agent is rung for A, while its thread blocks for B, which is held by who needs A next.
    ...model(
      'blocked elsewhere',
      roomy,
      [busy(other, plain), prepared(1, plain), prepared(1, back)],
      0,
      2,
    ),
    planted: { 'nobody is passed on to': noPass },
  },
  model('blocked for the same', roomy, [busy(plain, plain), blocking(plain)], 0, 3),
  model(
    'blocked elsewhere',
    roomy,
    [busy(other, plain), prepared(1, plain), prepared(1, back)],
    1,
    0,
  ),
  {
    ...model('more waits than rows', narrow, [busy(null, plain, other), blocking(back)], 0, 2),
    planted: { 'those without a row are forgotten': hiddenForgotten },
  },
  model(
    'more waits than rows, blocked',
    narrow,
    [busy(other, plain), blocking(back), blocking(plain)],
    0,
    1,
  ),
  model(
    'more waits than rows, twice',
    narrow,
    [busy(null, plain, other), busy(null, other, plain), blocking(back)],
    0,
    1,
  ),
  model('more waits than rows', narrow, [busy(null, plain, other), blocking(back)], 1, 0),
];
