// SPDX-License-Identifier: MIT
// @ts-check
/**
 * model/models/doorbell-wake — bells between processes: no wake-up is lost, whoever drains the doorbell, and whoever dies.
 *
 * A thread of one station changes words and wakes. In another station two threads share a doorbell: a waiter, and an idle one, which
 * may drain what was meant for the waiter, and die before it has told. The waiter listens, or blocks, or listens while it blocks: the
 * end of a blocking call finds its tasks as the rings meanwhile have left them. Who comes when somebody has died is of either station.
 */

import { Bells } from '../../../dist/agent/bell.js';
import { ObjectWait, objectKey, ownerTag, SlotSection, until } from '../../../dist/agent/index.js';
import { Reapers } from '../../../dist/agent/reaper.js';
import { Sleepers } from '../../../dist/agent/sleepers.js';
import { words as field, load, record, section, store } from '../../../dist/mem/index.js';
import { faults, makeStationWorld } from '../station-world.mjs';
import { replaceMethod } from '../world.mjs';

/** @import {Body, Env, Fault, Model, Thread} from '../engine/types.js' */
/** @import {StationWorld} from '../station-world.mjs' */

const AGENTS = 4;
const data = record('data', { raised: field(2, 'what is waited for') }, 16);
const Data = section('data', data, () => 1);
const world = makeStationWorld([Data], { agents: AGENTS, waitRows: 2 });
const { arena } = world;
const { words } = arena;
const raised = arena.base(Data) + data.at.raised;
const key = (/** @type {number} */ n) => objectKey('pool', n + 1);
/** The changer joins first. */
const CHANGER = ownerTag(0, 1 << 3);
/** The stations. */
const [HERE, THERE] = [0, 1];

/** @typedef {Body<StationWorld>} Run */

/** @param {number} objects @returns {Run} */
const changer = (objects) => (_world, env) => {
  const { agent } = world.enter(env, { station: HERE });
  for (let n = 0; n < objects; n++) {
    store(words, raised + n, 1);
    agent.wake(key(n));
  }
};

/** @param {ReturnType<StationWorld['enter']>['agent']} agent @param {number} n */
function operation(agent, n) {
  const over = () => load(words, raised + n) === 1 || !agent.present(CHANGER);
  return until(new ObjectWait(agent, [key(n)], over), 'model');
}

/** @param {number} objects @returns {Run} */
const listener = (objects) => (_world, env) => {
  const { agent, turn } = world.enter(env, { station: THERE });
  for (let n = 0; n < objects; n++) agent.run('model', operation(agent, n)).catch(() => {});
  turn();
};

/** @type {Run} */
function blocker(_world, env) {
  const { agent } = world.enter(env, { station: THERE });
  agent.runSync('model', operation(agent, 0));
}

/** Its task hangs while it blocks for something else. @type {Run} */
function mixer(_world, env) {
  const { agent, turn } = world.enter(env, { station: THERE });
  agent.run('model', operation(agent, 0)).catch(() => {});
  agent.runSync('model', operation(agent, 1));
  turn();
}

/** Waits for nothing; its event loop watches the doorbell like all others. @type {Run} */
function idle(_world, env) {
  const { agent, turn } = world.enter(env, { station: THERE });
  agent.listen();
  turn(() => true);
}

/** @param {number} station @returns {Run} */
const reaper = (station) => (_world, env) => {
  const { agent } = world.enter(env, { station, watches: false });
  while (agent.reapers.sweep().length > 0);
};

/** @type {Thread<StationWorld>} */
const IDLE = { name: 'idle', run: idle, daemon: true };

/**
 * @param {string} name @param {readonly Thread<StationWorld>[]} threads
 * @param {number} kills @param {number} preemptions @param {number} [home]  of who comes when somebody has died
 * @returns {Model<StationWorld>}
 */
const doorbell = (name, threads, kills, preemptions, home = HERE) => ({
  name: `doorbell-wake, ${name}, ${kills} killed`,
  threads,
  kills,
  bounds: { preemptions },
  reset: () => {
    world.reset();
    return world;
  },
  onKill: () => ({ name: 'reaper', run: reaper(home) }),
  word: (_array, index) => world.label(index),
  check(_world, { dead }) {
    for (let slot = 0; slot < AGENTS; slot++) {
      const claim = load(words, arena.base(SlotSection) + slot * SlotSection.layout.size);
      if (claim > 0 && dead[claim - 1] === true)
        return `slot ${slot} of a dead agent was not freed`;
    }
    return null;
  },
});

/** @param {number} objects @param {Run} waiter */
const threads = (objects, waiter) => [
  { name: 'changer', run: changer(objects) },
  { name: 'waiter', run: waiter },
  IDLE,
];

/** @param {() => () => void} patch @returns {Fault} */
const broken = (patch) => ({ patch });

/** @type {Model<StationWorld>[]} */
export const models = [
  {
    ...doorbell('it listens', threads(1, listener(1)), 0, 2),
    planted: {
      'who has drained rouses nobody': broken(() =>
        replaceMethod(Bells.prototype, 'rouse', () => {}),
      ),
      'the bell does not grow': ({ name, word }) =>
        name === 'add' && word.endsWith('.bell') ? 'drop' : undefined,
      'it is not said that the event loop listens': ({ name, word, args }) =>
        name === 'store' && word.endsWith('.parked') && args[0] === 1 ? 'drop' : undefined,
      'it asks what the bell stands at after it has looked': broken(() => {
        const { listen } = Bells.prototype;
        return replaceMethod(
          Bells.prototype,
          'listen',
          /** @this {Bells} @param {number} index @param {number} _seen @param {number} ms */
          function late(index, _seen, ms) {
            return listen.call(this, index, this.read(index), ms);
          },
        );
      }),
      'nobody rings another station': ({ name, word }) =>
        name === 'add' && word.endsWith('.rung') ? 'drop' : undefined,
    },
  },
  {
    ...doorbell('it listens for two', threads(2, listener(2)), 0, 1),
    planted: {
      'it answers before it drains': broken(() => {
        faults.answersBeforeDraining = true;
        return () => {
          faults.answersBeforeDraining = false;
        };
      }),
    },
  },
  {
    ...doorbell('it listens', threads(1, listener(1)), 1, 1),
    planted: {
      'the reaper rings nobody': broken(() =>
        replaceMethod(Reapers.prototype, 'ringEverybody', () => {}),
      ),
    },
  },
  doorbell('it listens, its own station reaps', threads(1, listener(1)), 1, 0, THERE),
  {
    ...doorbell('it blocks', threads(1, blocker), 0, 2),
    planted: {
      'only those that listen are woken': broken(() =>
        replaceMethod(Sleepers.prototype, 'wake', () => {}),
      ),
    },
  },
  {
    ...doorbell('it listens, and blocks', threads(2, mixer), 0, 2),
    planted: {
      'it forgets after it has blocked that it listens': ({ name, word, args }) =>
        name === 'store' && word.endsWith('.parked') && args[0] === 1 ? [0] : undefined,
    },
  },
  doorbell('it listens, and blocks', threads(2, mixer), 1, 0),
];
