// SPDX-License-Identifier: MIT
// @ts-check
/**
 * model/models/station-broker — one broker at a time, and never none for ever.
 *
 * Agents want to be the broker, one after the other: each serves for a moment, and leaves; one of them cannot serve at first, and gives
 * the role back. Who sees that there is a broker waits until a connection to it would end. Brokers are killed while they serve, before they have begun, and while they leave.
 */

import {
  ControlSection,
  ownerTag,
  StationSection,
  Stations,
  tagSlot,
} from '../../../dist/agent/index.js';
import {
  add,
  block,
  cas,
  exchange,
  load,
  notify,
  record,
  section,
  store,
  u32,
} from '../../../dist/mem/index.js';
import { makeWorld, replaceMethod } from '../world.mjs';

/** @import {Env, Model} from '../engine/types.js' */
/** @import {Agent} from '../../../dist/agent/index.js' */
/** @import {World} from '../world.mjs' */

const data = record(
  'data',
  { serves: u32('thread that serves, + 1'), ended: u32('connections that have ended') },
  16,
);
const Data = section('data', data, () => 1);
const world = makeWorld([StationSection, Data], { agents: 5, waitRows: 2 });
const { arena } = world;
const { words } = arena;
const serves = arena.base(Data) + data.at.serves;
const ended = arena.base(Data) + data.at.ended;
const brokerWord =
  arena.base(ControlSection) + Number(Reflect.get(ControlSection.layout.at, 'broker'));

/** Words of slots that say nothing about who lives. */
const QUIET =
  /\.(dirty|name|pid|kind|member|station|watched|lost|pad|parked|summary|everything|blocked|waiting|overflow|bell|looking)/;
const quietWords = new Set([...words.keys()].filter((index) => QUIET.test(world.label(index))));

/** Connections end, and who waits for that looks again. */
function cut() {
  add(words, ended, 1);
  notify(words, ended);
}

/** @param {World} _world @param {Env} env */
function candidate(_world, env) {
  const agent = world.join(env);
  const stations = new Stations(arena, { isGone: () => false });
  for (let fails = env.id === 0; ; ) {
    const seen = load(words, ended);
    if (!stations.takeOver(agent)) {
      if (stations.hasBroker(agent)) block(words, ended, seen, Infinity);
    } else if (fails) {
      fails = false;
      stations.giveBack(agent);
      cut();
    } else break;
  }
  const before = exchange(words, serves, env.id + 1);
  if (before !== 0 && !env.isDead(before - 1)) env.fail('there are two brokers');
  if (!stations.hasBroker(agent)) env.fail('a broker that serves is none');
  store(words, serves, 0);
  agent.leave('done');
  cut();
}

function reaper() {
  cut();
}

/** @param {number} kills @param {number} preemptions @returns {Model<World>} */
const broker = (kills, preemptions) => ({
  name: `station-broker, ${kills} killed`,
  threads: [0, 1, 2].map((n) => ({ name: `candidate ${n}`, run: candidate })),
  kills,
  bounds: { preemptions },
  reset: world.reset,
  onKill: () => ({ name: 'end of a connection', run: reaper }),
  word: (_array, index) => world.label(index),
  private: (_array, index) => quietWords.has(index),
  check: () => null,
});

/** @type {Model<World>[]} */
export const models = [
  {
    ...broker(0, 1),
    planted: {
      'the role is taken in two steps': ({ name, index }) =>
        name === 'compareExchange' && index === brokerWord ? 'split' : undefined,
      'who has left is believed in': {
        patch: () =>
          replaceMethod(Stations.prototype, 'takeOver', (/** @type {Agent} */ { slots, tag }) => {
            const before = load(words, brokerWord);
            const slot = tagSlot(before);
            if (ownerTag(slot, slots.life(slot)) === before && !slots.isDead(slot)) return false;
            return cas(words, brokerWord, before, tag) === before;
          }),
      },
    },
  },
  {
    ...broker(1, 0),
    planted: {
      'it is taken from the living': {
        patch: () =>
          replaceMethod(
            Stations.prototype,
            'takeOver',
            (/** @type {{ tag: number }} */ { tag }) => {
              const before = load(words, brokerWord);
              return exchange(words, brokerWord, tag) === before;
            },
          ),
      },
    },
  },
  broker(2, 0),
];
