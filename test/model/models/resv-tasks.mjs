// SPDX-License-Identifier: MIT
// @ts-check
/**
 * model/models/resv-tasks — tasks of one agent wait for locks beside other agents: hand-over within the agent, one row for all of
 * them, waiters at rest.
 */

import { noRing, rowRewritten, rowTooLate, silentReaper } from '../resv-faults.mjs';
import {
  blockingIn,
  joinResv,
  makeResvWorld,
  modelOf,
  partyOf,
  passResting,
  passTask,
  runUntil,
  Sections,
} from '../resv-world.mjs';

/** @import {Env, Model} from '../engine/types.js' */
/** @import {Algorithm} from '../../../dist/resv/index.js' */
/** @import {Party} from '../resv-world.mjs' */
/** @import {World} from '../world.mjs' */

const [A, B] = [0, 1];
const world = makeResvWorld({ agents: 6, buffers: 2, waitRows: 2 });
const common = modelOf(world);
const blocking = blockingIn(world);

/** An agent with an event loop, and these tasks. @param {readonly Party[]} parties */
const loop =
  (...parties) =>
  (/** @type {World} */ _world, /** @type {Env} */ env) => {
    const room = joinResv(world, env);
    const sections = new Sections(world, env);
    for (const party of parties) void room.agent.run('model', passTask(room, sections, party));
    runUntil(room.agent);
  };

/** An agent that takes A, and has others of it wait at rest meanwhile. @param {number} count */
const resting = (count) => (/** @type {World} */ _world, /** @type {Env} */ env) => {
  const room = joinResv(world, env);
  const sections = new Sections(world, env);
  let left = count;
  const lock = room.of(A).lockSync({ recover: true });
  for (let n = 0; n < count; n++) passResting(room, sections, A, () => void left--);
  sections.pass([lock]);
  runUntil(room.agent, () => left === 0);
};

/** @param {string} what @param {readonly ((world: World, env: Env) => void)[]} agents @param {number} kills @param {number} preemptions @returns {Model<World>} */
const model = (what, agents, kills, preemptions) => ({
  name: `resv-tasks, ${what}, ${kills} killed`,
  threads: agents.map((run, n) => ({ name: `agent ${n}`, run })),
  kills,
  bounds: { preemptions },
  ...common,
});

const plain = partyOf(null, A);

/** @param {Algorithm} algorithm */
const both = (algorithm) => ({ there: partyOf(algorithm, A, B), back: partyOf(algorithm, B, A) });
const [die, wound] = [both('wait-die'), both('wound-wait')];

/** @type {Model<World>[]} */
export const models = [
  {
    ...model('2 plain tasks, 1 agent', [loop(plain, plain), blocking(plain)], 0, 3),
    planted: {
      'the row comes after the look': rowTooLate,
      'the ring is lost': noRing,
    },
  },
  {
    ...model(
      'plain task and wait-die task, 1 agent',
      [loop(plain, die.back), blocking(plain)],
      0,
      2,
    ),
    planted: { 'the first waiter does not look after its row was written': rowRewritten },
  },
  model(
    'plain task and wound-wait task, 1 agent',
    [loop(plain, wound.back), blocking(wound.there)],
    0,
    1,
  ),
  model('ABBA in one agent, wait-die', [loop(die.there, die.back)], 0, 0),
  model('ABBA in one agent, wound-wait', [loop(wound.there, wound.back)], 0, 0),
  model('2 wait-die tasks, 1 agent', [loop(die.there, die.back), blocking(die.back)], 0, 1),
  model('2 wound-wait tasks, 1 agent', [loop(wound.there, wound.back), blocking(wound.back)], 0, 1),
  model('2 agents of 2 tasks', [loop(die.there, plain), loop(plain, die.back)], 0, 1),
  model(
    '2 agents of 2 tasks, mixed',
    [loop(wound.there, die.back), loop(die.there, wound.back)],
    0,
    0,
  ),
  model('2 at rest, 1 agent', [resting(2), blocking(plain)], 0, 3),
  model('2 agents of 1 at rest, 1 agent', [resting(1), resting(1), blocking(plain)], 0, 1),
  model('2 at rest, 1 agent', [resting(2), blocking(plain)], 1, 1),
  {
    ...model('2 plain tasks, 1 agent', [loop(plain, plain), blocking(plain)], 1, 1),
    planted: { 'the reaper rings nobody': silentReaper },
  },
  model('2 wait-die tasks, 1 agent', [loop(die.there, die.back), blocking(die.back)], 1, 0),
];
