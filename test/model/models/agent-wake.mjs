// SPDX-License-Identifier: MIT
// @ts-check
/**
 * model/models/agent-wake — wait rows, bells and the blocking runner: no wake-up is lost, whoever dies.
 *
 * One thread changes a word and wakes, two wait for it. When the changer dies its slot says so, and the reaper rings: the
 * waiters go home either way. A second model lets a waiter wait for two objects at once, with a table that overflows.
 */

import { Bells } from '../../../dist/agent/bell.js';
import { ObjectWait, objectKey, ownerTag, SlotSection, until } from '../../../dist/agent/index.js';
import { Reapers } from '../../../dist/agent/reaper.js';
import { load, record, section, store, u32 } from '../../../dist/mem/index.js';
import { makeWorld, replaceMethod } from '../world.mjs';

/** @import {Env, Model, Fault} from '../engine/types.js' */
/** @import {World} from '../world.mjs' */

const data = record(
  'data',
  { raised: u32('what is waited for'), other: u32('something else') },
  16,
);
const Data = section('data', data, () => 1);
const KEY = objectKey('pool', 1);
/** The changer joins first. */
const CHANGER = ownerTag(0, 1 << 3);
const OTHER = objectKey('pool', 2);

const world = makeWorld([Data], { agents: 6, waitRows: 2 });
const { arena } = world;
const words = arena.words;
const raised = arena.base(Data) + data.at.raised;

/** A planted fault. */
let wakesFirst = false;

/** @param {World} _world @param {Env} env */
function changer(_world, env) {
  const agent = world.join(env);
  if (wakesFirst) agent.wake(KEY);
  store(words, raised, 1);
  if (!wakesFirst) agent.wake(KEY);
}

/** @param {readonly number[]} keys */
const waiter = (keys) => (/** @type {World} */ _world, /** @type {Env} */ env) => {
  const agent = world.join(env);
  const over = () => load(words, raised) === 1 || !agent.present(CHANGER);
  agent.runSync('model', until(new ObjectWait(agent, keys, over), 'model'));
};

/** @param {World} _world @param {Env} env */
function reaper(_world, env) {
  const agent = world.join(env);
  while (agent.reapers.sweep().length > 0);
}

/** @param {() => () => void} patch @returns {Fault} */
const broken = (patch) => ({ patch });

/** @param {string} name @param {readonly (readonly number[])[]} waits @param {number} kills @param {number} preemptions @returns {Model<World>} */
const wake = (name, waits, kills, preemptions) => ({
  name: `agent-wake, ${name}, ${kills} killed`,
  threads: [
    { name: 'changer', run: changer },
    ...waits.map((keys, n) => ({ name: `waiter ${n}`, run: waiter(keys) })),
  ],
  kills,
  bounds: { preemptions },
  reset: world.reset,
  onKill: () => ({ name: 'reaper', run: reaper }),
  word: (_array, index) => world.label(index),
  check(_world, { dead }) {
    for (const [thread, gone] of dead.entries()) {
      for (let slot = 0; slot < 6; slot++) {
        const claimed = load(words, arena.base(SlotSection) + slot * SlotSection.layout.size);
        if (gone && claimed === thread + 1) return `slot ${slot} of a dead agent was not freed`;
      }
    }
    return null;
  },
});

/** @type {Model<World>[]} */
export const models = [
  {
    ...wake('two waiters', [[KEY], [KEY]], 0, 2),
    planted: {
      'nobody is notified': ({ name }) => (name === 'notify' ? 'drop' : undefined),
      'parked is never said': ({ name, word, args }) =>
        name === 'store' && word.endsWith('.parked') && args[0] !== 0 ? 'drop' : undefined,
      'looks before it publishes': broken(() => {
        /** @this {ObjectWait} */
        const look = function look() {
          const wait = this;
          const over = wait.holds();
          for (const key of wait.keys) wait.agent.rows.put(key);
          return over;
        };
        const arm = replaceMethod(ObjectWait.prototype, 'arm', ObjectWait.prototype.ready);
        const check = replaceMethod(ObjectWait.prototype, 'check', look);
        return () => {
          arm();
          check();
        };
      }),
      'wakes before it changes': broken(() => {
        wakesFirst = true;
        return () => {
          wakesFirst = false;
        };
      }),
      'rings without a dirty bit': broken(() =>
        replaceMethod(Bells.prototype, 'ring', function ring() {}),
      ),
    },
  },
  {
    ...wake('one waiter on two objects', [[OTHER, KEY]], 1, 2),
    planted: {
      'the reaper rings nobody': broken(() =>
        replaceMethod(Reapers.prototype, 'ringEverybody', function ringEverybody() {}),
      ),
    },
  },
  wake('two waiters', [[KEY], [OTHER, KEY]], 2, 1),
];
