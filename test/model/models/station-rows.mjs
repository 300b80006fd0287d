// SPDX-License-Identifier: MIT
// @ts-check
/**
 * model/models/station-rows — processes come and go, doorbells arrive late or never, and no wake-up is lost; nor is a row, and none is
 * taken from the living.
 *
 * The broker lets processes in and gives everybody everybody's doorbell, one at a time, in any order with what they do meanwhile.
 * Each of them raises its flag, wakes, and waits for the flags of all others. Whoever is killed, the broker too: the next one tidies,
 * withdraws who has not entered, frees the rows of the dead after their agents, and hands out what is missing. A row is used again by
 * a process of which some have not heard yet.
 */

import {
  ControlSection,
  ObjectWait,
  objectKey,
  SlotSection,
  StationSection,
  Stations,
  until,
} from '../../../dist/agent/index.js';
import { StationState } from '../../../dist/agent/layout.js';
import {
  add,
  block,
  cas,
  load,
  notify,
  or,
  record,
  section,
  store,
  u32,
} from '../../../dist/mem/index.js';
import { makeStationWorld } from '../station-world.mjs';
import { replaceMethod } from '../world.mjs';

/** @import {Body, Env, Model} from '../engine/types.js' */
/** @import {StationName} from '../../../dist/agent/index.js' */
/** @import {StationWorld} from '../station-world.mjs' */

const AGENTS = 6;
const process = record(
  'process',
  {
    name: u32('life << 8 | row + 1 of its station, once it is let in'),
    inbox: u32('bit per process whose doorbell has come'),
    news: u32('grows with what may let it go on'),
    raised: u32('1 = its flag'),
    gaveUp: u32('1 = it was given up before it came, and says so'),
  },
  16,
);
const Processes = section('processes', process, ({ agents }) => agents);
const world = makeStationWorld([Processes], { agents: AGENTS, waitRows: 2 });
const { arena } = world;
const { words } = arena;
const at = process.at;
const rowOf = (/** @type {number} */ p) => arena.base(Processes) + p * process.size;
const key = (/** @type {number} */ p) => objectKey('pool', p + 1);
const brokerWord =
  arena.base(ControlSection) + Number(Reflect.get(ControlSection.layout.at, 'broker'));
const lifeAt = Number(Reflect.get(StationSection.layout.at, 'life'));

const ringsAt = Number(Reflect.get(StationSection.layout.at, 'rings'));
const ringsWord = (/** @type {number} */ station) =>
  arena.base(StationSection) + station * StationSection.layout.size + ringsAt;
const slotAt = /** @type {{ claim: number, summary: number }} */ (
  /** @type {unknown} */ (SlotSection.layout.at)
);

/** Planted faults. */
const faults = { entersLate: false };

/** @param {number} packed @returns {StationName} */
const unpack = (packed) => ({ station: (packed & 255) - 1, life: packed >>> 8 });
/** @param {number} p */
const nameOf = (p) => unpack(load(words, rowOf(p) + at.name));

/** @param {number} p */
function tell(p) {
  add(words, rowOf(p) + at.news, 1);
  notify(words, rowOf(p) + at.news);
  world.tell(p);
}

/** A process is the thread of its number; its id for others is one more. @param {Env} env */
const stationsOf = (env) => new Stations(arena, { isGone: (pid) => env.isDead(pid - 1) });

/** @param {number} count @returns {Body<StationWorld>} */
const member = (count) => (_world, env) => {
  const own = env.id;
  const row = rowOf(own);
  const others = Array.from({ length: count }, (_, p) => p).filter((p) => p !== own);
  const stations = stationsOf(env);
  while (load(words, row + at.name) === 0) block(words, row + at.name, 0, Infinity);
  const name = nameOf(own);
  /** @type {Map<number, number>} */
  const doors = new Map();
  let taken = 0;
  const take = () => {
    const inbox = load(words, row + at.inbox);
    for (const p of others.filter((other) => (inbox & ~taken & (1 << other)) !== 0)) {
      const other = nameOf(p);
      doors.set(other.station, p);
      stations.canRing(name, other);
    }
    taken = inbox;
  };
  const meet = () => {
    for (let seen = -1; ; block(words, row + at.news, seen, Infinity)) {
      seen = load(words, row + at.news);
      take();
      if (stations.ringsAll(name)) return;
    }
  };
  if (faults.entersLate) meet();
  if (!stations.enter(name)) {
    store(words, row + at.gaveUp, 1);
    return;
  }
  if (!faults.entersLate) meet();
  const { agent, turn } = world.enter(env, {
    station: name.station,
    door: own,
    heard: () => stations.rungByAll(name),
    doorOf: (station) => doors.get(station) ?? -1,
  });
  store(words, row + at.raised, 1);
  agent.wake(key(own));
  for (const p of others) {
    const over = () => load(words, rowOf(p) + at.raised) === 1;
    agent.run('model', until(new ObjectWait(agent, [key(p)], over), 'model')).catch(() => {});
  }
  turn(() => {
    take();
    return agent.tasks.pending > 0;
  });
  if (!stations.knows(name)) env.fail('the row of a living process was freed');
};

/** One broker after the other: the role is free when the one before has done all, or died. @param {number} count @returns {Body<StationWorld>} */
const broker = (count) => (_world, env) => {
  const tag = env.id + 1;
  for (;;) {
    const before = load(words, brokerWord);
    if (before !== 0 && !env.isDead(before - 1)) block(words, brokerWord, before, Infinity);
    else if (cas(words, brokerWord, before, tag) === before) break;
  }
  const stations = stationsOf(env);
  const all = Array.from({ length: count }, (_, p) => p);
  const { agent } = world.enter(env, {
    station: AGENTS - 1,
    watches: false,
    doorOf: (station) => all.findLast((p) => nameOf(p).station === station) ?? -1,
  });
  stations.tidy();
  for (const name of stations.all()) stations.withdraw(name);
  const freeDead = () => {
    agent.reapers.sweep();
    for (const name of stations.all()) if (stations.isGone(name.station)) stations.free(name);
  };
  const give = (/** @type {number} */ to, /** @type {number} */ of) =>
    env.atomic(() => {
      or(words, rowOf(to) + at.inbox, 1 << of);
      tell(to);
    });
  for (const p of all) {
    freeDead();
    if (load(words, rowOf(p) + at.name) === 0) {
      if (env.isDead(p)) continue;
      const { station, life } = stations.admit(p + 1, 0);
      env.atomic(() => {
        store(words, rowOf(p) + at.name, (life << 8) | (station + 1));
        notify(words, rowOf(p) + at.name);
      });
    }
    for (const q of all.slice(0, p)) {
      if (load(words, rowOf(q) + at.name) === 0) continue;
      give(p, q);
      give(q, p);
    }
  }
  freeDead();
  // Who waited for the dead looks again.
  for (const p of all) env.atomic(() => tell(p));
  env.atomic(() => {
    store(words, brokerWord, 0);
    notify(words, brokerWord);
  });
};

/** @param {number} count @param {readonly boolean[]} dead */
function rowsLost(count, dead) {
  for (let station = 0; station < AGENTS; station++) {
    const life = load(
      words,
      arena.base(StationSection) + station * StationSection.layout.size + lifeAt,
    );
    const state = life & 3;
    if (state === StationState.FREE) continue;
    const whose = [...Array(count).keys()].find((p) => {
      const name = nameOf(p);
      return name.station === station && name.life === life >>> 2;
    });
    if (state !== StationState.LIVE || whose === undefined || dead[whose] === true)
      return `row ${station} is lost`;
  }
  return null;
}

/** Whoever lives is in, and nobody sleeps while somebody has rung for it. @param {number} count @param {readonly boolean[]} over */
function someoneWaits(count, over) {
  const inside = new Set();
  for (let slot = 0; slot < AGENTS; slot++) {
    const row = arena.base(SlotSection) + slot * SlotSection.layout.size;
    const p = load(words, row + slotAt.claim) - 1;
    inside.add(p);
    if (p < 0 || p >= count || over[p] === true || load(words, row + slotAt.summary) === 0)
      continue;
    if (world.sleepsForLong(slot)) return `process ${p} sleeps, and was rung`;
  }
  const outside = [...Array(count).keys()].find((p) => over[p] !== true && !inside.has(p));
  return outside === undefined ? null : `process ${outside} never gets in`;
}

const QUIET = /slot.*\.(dirty|name|pid|kind|member|watched|lost|pad|looking|start)/;
const quietWords = new Set([...words.keys()].filter((index) => QUIET.test(world.label(index))));

/** @param {number} count @param {number} kills @param {number} preemptions @returns {Model<StationWorld>} */
const rows = (count, kills, preemptions) => ({
  name: `station-rows, ${count} processes, ${kills} killed`,
  threads: [
    ...Array.from({ length: count }, (_, p) => ({
      name: `process ${p}`,
      run: member(count),
      daemon: kills > 0,
    })),
    { name: 'broker', run: broker(count) },
  ],
  kills,
  bounds: { preemptions },
  reset: () => {
    world.reset();
    return world;
  },
  onKill: () => ({ name: 'successor', run: broker(count) }),
  word: (_array, index) => world.label(index),
  private: (_array, index) => quietWords.has(index),
  check(_world, { dead, done }) {
    const over = done.map((ended, thread) => ended || dead[thread] === true);
    return rowsLost(count, dead) ?? someoneWaits(count, over);
  },
});

/** @type {Model<StationWorld>[]} */
export const models = [
  {
    ...rows(2, 0, 2),
    planted: {
      'agents join before they can ring all others': {
        patch: () => replaceMethod(Stations.prototype, 'ringsAll', () => true),
      },
      'nobody asks who can ring him before he sleeps': {
        patch: () => replaceMethod(Stations.prototype, 'rungByAll', () => true),
      },
      'it is LIVE after it has looked whom it can ring': {
        patch: () => {
          faults.entersLate = true;
          return () => {
            faults.entersLate = false;
          };
        },
      },
    },
  },
  {
    ...rows(2, 1, 1),
    planted: {
      'who never entered keeps its row': {
        patch: () => replaceMethod(Stations.prototype, 'withdraw', () => false),
      },
      'a row that was half given away is forgotten': {
        patch: () => replaceMethod(Stations.prototype, 'tidy', () => {}),
      },
    },
  },
  {
    ...rows(3, 1, 0),
    planted: {
      'a doorbell is taken for that of any life': {
        patch: () =>
          replaceMethod(
            Stations.prototype,
            'rings',
            /** @this {Stations} @param {StationName} own @param {StationName} other */
            function rings(own, other) {
              return load(words, ringsWord(other.station) + own.station) !== 0;
            },
          ),
      },
    },
  },
];
