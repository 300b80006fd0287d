// SPDX-License-Identifier: MIT
// @ts-check
/**
 * model/models/resv-giveup — waits for a lock that end by time-out or by abort: what they were woken for goes to the next one.
 */

import { load, record, section, store, u32 } from '../../../dist/mem/index.js';
import { noPass } from '../resv-faults.mjs';
import {
  blockingIn,
  joinResv,
  makeResvWorld,
  modelOf,
  partyOf,
  passSync,
  passTask,
  runUntil,
  Sections,
} from '../resv-world.mjs';

/** @import {Env, Model} from '../engine/types.js' */
/** @import {Algorithm} from '../../../dist/resv/index.js' */
/** @import {Party} from '../resv-world.mjs' */
/** @import {World} from '../world.mjs' */

const [A, B] = [0, 1];
const Abort = section(
  'abort',
  record('abort', { asked: u32('the tasks of agent 0 shall give up') }, 16),
  () => 1,
);
const world = makeResvWorld({ agents: 6, buffers: 2, waitRows: 2 }, [Abort]);
const { words } = world.arena;
const asked = world.arena.base(Abort);
const common = modelOf(world);
const blocking = blockingIn(world);

/** Has the lock before anybody runs, and takes it once more. @param {World} _world @param {Env} env */
function holder(_world, env) {
  const { room, lock } = env.atomic(() => {
    const joined = joinResv(world, env);
    return { room: joined, lock: joined.of(A).lockSync() };
  });
  const sections = new Sections(world, env);
  sections.pass([lock]);
  passSync(room, sections, plain);
}

/** A signal that is aborted when agent 0 is told so. @param {import('../../../dist/agent/index.js').Agent} agent */
function signalOf(agent) {
  /** @type {Set<() => void>} */
  const listeners = new Set();
  agent.onNote(() => {
    if (load(words, asked) === 1) listeners.forEach((abort) => abort());
  });
  return {
    aborted: false,
    reason: 'aborted',
    addEventListener: (/** @type {'abort'} */ _type, /** @type {() => void} */ abort) =>
      void listeners.add(abort),
    removeEventListener: (/** @type {'abort'} */ _type, /** @type {() => void} */ abort) =>
      void listeners.delete(abort),
  };
}

/** The first task can be aborted. @param {readonly Party[]} parties */
const loop =
  (...parties) =>
  (/** @type {World} */ _world, /** @type {Env} */ env) => {
    const room = joinResv(world, env);
    const sections = new Sections(world, env);
    const signal = signalOf(room.agent);
    for (const [n, party] of parties.entries()) {
      const limits = n === 0 ? { signal } : {};
      void room.agent.run('model', passTask(room, sections, party, 'aborted'), limits);
    }
    runUntil(room.agent);
  };

/** @param {World} _world @param {Env} env */
function canceller(_world, env) {
  const { agent } = joinResv(world, env);
  store(words, asked, 1);
  agent.note(0);
}

/** @param {string} what @param {readonly ((world: World, env: Env) => void)[]} agents @param {number} timeouts @param {number} kills @param {number} preemptions @returns {Model<World>} */
const model = (what, agents, timeouts, kills, preemptions) => ({
  name: `resv-giveup, ${what}, ${kills} killed`,
  threads: agents.map((run, n) => ({ name: run === canceller ? 'canceller' : `agent ${n}`, run })),
  kills,
  bounds: { preemptions, timeouts },
  ...common,
});

const plain = partyOf(null, A);
const impatient = { ...plain, timeout: 50 };
const there = partyOf('wait-die', A, B);
const back = partyOf('wait-die', B, A);

/** @type {Model<World>[]} */
export const models = [
  {
    ...model('abort of one of 3', [loop(plain), holder, blocking(plain), canceller], 0, 0, 2),
    planted: { 'nobody is passed on to': noPass },
  },
  model('time-out of one of 3', [blocking(plain), blocking(impatient), blocking(plain)], 1, 0, 1),
  model('time-out in ABBA', [blocking(there), blocking({ ...back, timeout: 50 })], 1, 0, 2),
  model('abort of one of 2 tasks', [loop(plain, plain), blocking(plain), canceller], 0, 0, 2),
  model('abort of a context', [loop(there), blocking(back), canceller], 0, 0, 1),
  model('abort of one of 2 tasks', [loop(plain, plain), blocking(plain), canceller], 0, 1, 0),
];
