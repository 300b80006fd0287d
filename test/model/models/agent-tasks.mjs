// SPDX-License-Identifier: MIT
// @ts-check
/**
 * model/models/agent-tasks — the asynchronous runner: several waits of one agent hang on one bell, and none is lost.
 */

import { ObjectWait, objectKey, ownerTag, until } from '../../../dist/agent/index.js';
import { Reapers } from '../../../dist/agent/reaper.js';
import { WaitRows } from '../../../dist/agent/rows.js';
import { words as field, load, record, section, store } from '../../../dist/mem/index.js';
import { makeWorld, replaceMethod, runTasks } from '../world.mjs';

/** @import {Env, Model} from '../engine/types.js' */
/** @import {World} from '../world.mjs' */

const data = record('data', { raised: field(2, 'what is waited for') }, 16);
const Data = section('data', data, () => 1);
const world = makeWorld([Data], { agents: 5, waitRows: 2 });
const { words } = world.arena;
const raised = world.arena.base(Data) + data.at.raised;
const key = (/** @type {number} */ n) => objectKey('pool', n);

/** @param {number} n */
const changer = (n) => (/** @type {World} */ _world, /** @type {Env} */ env) => {
  const agent = world.join(env);
  store(words, raised + n, 1);
  agent.wake(key(n));
};

/** Two tasks, one per changer, and one that waits for both. @param {World} _world @param {Env} env */
function loop(_world, env) {
  const agent = world.join(env);
  const over = (/** @type {number} */ n) =>
    load(words, raised + n) === 1 || !agent.present(ownerTag(n, 1 << 3));
  const start = (/** @type {number[]} */ keys) => {
    const wait = new ObjectWait(agent, keys.map(key), () => keys.every(over));
    agent.run('model', until(wait, 'model')).catch(() => {});
  };
  start([0]);
  start([1]);
  start([0, 1]);
  runTasks(agent);
}

/** @param {World} _world @param {Env} env */
function reaper(_world, env) {
  const agent = world.join(env);
  while (agent.reapers.sweep().length > 0);
}

/** @param {number} kills @param {number} preemptions @returns {Model<World>} */
const tasks = (kills, preemptions) => ({
  name: `agent-tasks, ${kills} killed`,
  threads: [
    { name: 'changer 0', run: changer(0) },
    { name: 'changer 1', run: changer(1) },
    { name: 'loop', run: loop },
  ],
  kills,
  bounds: { preemptions },
  reset: world.reset,
  onKill: () => ({ name: 'reaper', run: reaper }),
  word: (_array, index) => world.label(index),
  check: () => null,
});

/** @type {Model<World>[]} */
export const models = [
  {
    ...tasks(0, 2),
    planted: {
      'nobody is notified': ({ name }) => (name === 'notify' ? 'drop' : undefined),
      'the rows of a waiter are not looked at': {
        patch: () => replaceMethod(WaitRows.prototype, 'waits', () => false),
      },
      'the bell does not grow': ({ name, word }) =>
        name === 'add' && word.endsWith('.bell') ? 'drop' : undefined,
    },
  },
  {
    ...tasks(1, 1),
    planted: {
      'the reaper rings nobody': {
        patch: () => replaceMethod(Reapers.prototype, 'ringEverybody', () => {}),
      },
    },
  },
];
