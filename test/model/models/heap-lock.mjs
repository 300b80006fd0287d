// SPDX-License-Identifier: MIT
// @ts-check
/**
 * model/models/heap-lock — one agent at a time, and a holder that dies inside holds up nobody: neither before its slot is freed
 * nor after.
 *
 * Inside, an agent makes a pair of words differ and equal again. Who is told that the one before died there repairs the pair; who
 * is not finds it whole. The dead one's slot is freed while the lock still names it: the lock must come free all the same.
 */

import { HeapLock } from '../../../dist/heap/heap-lock.js';
import { add, load, record, section, store, u32 } from '../../../dist/mem/index.js';
import { makeWorld, replaceMethod } from '../world.mjs';

/** @import {Env, Model} from '../engine/types.js' */
/** @import {World} from '../world.mjs' */

const data = record(
  'data',
  {
    lock: u32('the lock'),
    one: u32('a pair'),
    two: u32('the other half'),
    inside: u32('who is inside, and lives'),
  },
  16,
);
const Data = section('data', data, () => 1);
const world = makeWorld([Data], { agents: 4, waitRows: 2 });
const { arena } = world;
const { words } = arena;
const base = arena.base(Data);
const at = data.at;

/** @param {World} _world @param {Env} env */
function user(_world, env) {
  const agent = world.join(env);
  const lock = new HeapLock(agent, base + at.lock);
  const died = lock.enter();
  const one = load(words, base + at.one);
  if (died) {
    store(words, base + at.two, one);
    store(words, base + at.inside, 0);
  } else if (load(words, base + at.two) !== one) env.fail('the pair is torn, and nobody said so');
  if (add(words, base + at.inside, 1) !== 0) env.fail('two agents are inside');
  store(words, base + at.one, one + 1);
  store(words, base + at.two, one + 1);
  store(words, base + at.inside, 0);
  lock.leave();
}

/** @param {World} _world @param {Env} env */
function reaper(_world, env) {
  const agent = world.join(env);
  while (agent.reapers.sweep().length > 0);
  // Sleepers wake by themselves, now and then. Here time stands still: who comes next wakes them, also those whom the dead
  // one had to wake.
  const lock = new HeapLock(agent, base + at.lock);
  if (lock.enter()) {
    store(words, base + at.two, load(words, base + at.one));
    store(words, base + at.inside, 0);
  }
  lock.leave();
  lock.wake();
}

/** @param {number} users @param {number} kills @param {number} preemptions @returns {Model<World>} */
const model = (users, kills, preemptions) => ({
  name: `heap-lock, ${users} users, ${kills} killed`,
  threads: Array.from({ length: users }, (_, n) => ({ name: `user ${n}`, run: user })),
  kills,
  bounds: { preemptions },
  reset: world.reset,
  onKill: () => ({ name: 'reaper', run: reaper }),
  word: (_array, index) => world.label(index),
  check: (_world, { dead }) => {
    const inside = load(words, base + at.inside);
    return inside === 0 || dead.includes(true) ? null : 'somebody is inside still';
  },
});

/** @type {Model<World>[]} */
export const models = [
  {
    ...model(2, 0, 2),
    planted: {
      'who leaves wakes nobody': ({ name }) => (name === 'notify' ? 'drop' : undefined),
      'it is taken in two steps': ({ name, word }) =>
        name === 'compareExchange' && word.endsWith('.lock') ? 'split' : undefined,
    },
  },
  {
    ...model(2, 1, 2),
    planted: {
      'who takes it over from the dead is not told': {
        patch: () => {
          const { enter } = HeapLock.prototype;
          return replaceMethod(
            HeapLock.prototype,
            'enter',
            /** @this {HeapLock} */ function tellsNothing() {
              enter.call(this);
              return false;
            },
          );
        },
      },
    },
  },
  model(3, 1, 1),
];
