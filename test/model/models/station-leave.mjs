// SPDX-License-Identifier: MIT
// @ts-check
/**
 * model/models/station-leave — a process leaves while the broker frees its row for it, and gives it away again.
 *
 * Who comes into that row keeps it, whoever was faster, and whoever frees it once more. The broker may be killed; its successor does
 * all of it again.
 */

import { StationSection, Stations } from '../../../dist/agent/index.js';
import { StationLayout, StationState } from '../../../dist/agent/layout.js';
import { block, load, notify, record, section, store, u32 } from '../../../dist/mem/index.js';
import { makeWorld, replaceMethod } from '../world.mjs';

/** @import {Env, Model} from '../engine/types.js' */
/** @import {StationName} from '../../../dist/agent/index.js' */
/** @import {World} from '../world.mjs' */

const data = record('data', { life: u32('of the newcomer; 0 = it is not let in') }, 16);
const Data = section('data', data, () => 1);
const world = makeWorld([StationSection, Data], { agents: 1 });
const { arena } = world;
const { words } = arena;
const admitted = arena.base(Data) + data.at.life;
const lifeAt = arena.base(StationSection) + StationLayout.at.life;
/** The only row there is: of the leaver at first. @type {StationName} */
const FIRST = { station: 0, life: 1 };
const NEWCOMER = 7;

/** @param {Env} env */
const stationsOf = (env) => new Stations(arena, { isGone: (pid) => env.isDead(pid - 1) });

/** @param {World} _world @param {Env} env */
function leaver(_world, env) {
  stationsOf(env).free(FIRST);
}

/** @param {World} _world @param {Env} env */
function broker(_world, env) {
  const stations = stationsOf(env);
  stations.tidy();
  stations.free(FIRST);
  if (load(words, admitted) === 0) {
    // Of a broker before, which could not say so any more.
    for (const name of stations.all()) stations.withdraw(name);
    store(words, admitted, stations.admit(NEWCOMER, 0).life);
  }
  notify(words, admitted);
  stations.free(FIRST);
}

/** @param {World} _world @param {Env} env */
function newcomer(_world, env) {
  const stations = stationsOf(env);
  while (load(words, admitted) === 0) block(words, admitted, 0, Infinity);
  const own = { station: 0, life: load(words, admitted) };
  if (!stations.enter(own)) env.fail('it was let in, and cannot enter');
  if (!stations.knows(own) || stations.pid(0) !== NEWCOMER) env.fail('its row is not its own');
  return own.life;
}

/** @param {number} kills @returns {Model<World>} */
const leave = (kills) => ({
  name: `station-leave, ${kills} killed`,
  threads: [
    { name: 'leaver', run: leaver },
    { name: 'broker', run: broker },
    { name: 'newcomer', run: newcomer },
  ],
  kills,
  bounds: { preemptions: 3 },
  reset: () => {
    world.reset();
    const stations = new Stations(arena, { isGone: () => false });
    stations.enter(stations.admit(1, 0));
    return world;
  },
  onKill: (_world, dead) => (dead.includes(1) ? { name: 'successor', run: broker } : null),
  word: (_array, index) => world.label(index),
  check: (_world, { results, dead }) => {
    if (dead[2] === true) return null;
    const life = load(words, lifeAt);
    const lives = life === ((Number(results[2]) << 2) | StationState.LIVE);
    return lives ? null : `the row of a living process was freed: ${life}`;
  },
});

/** @type {Model<World>[]} */
export const models = [
  {
    ...leave(0),
    planted: {
      'it is looked whose the row is, and then freed': {
        patch: () =>
          replaceMethod(
            Stations.prototype,
            'free',
            /** @this {Stations} @param {StationName} name */ function free(name) {
              if (this.knows(name)) store(words, lifeAt, name.life << 2);
            },
          ),
      },
      'the row is taken in two steps': ({ name, word, args }) =>
        name === 'compareExchange' && word.endsWith('.life') && Number(args[1]) % 4 === 0
          ? 'split'
          : undefined,
    },
  },
  leave(1),
];
