// SPDX-License-Identifier: MIT
// @ts-check
/**
 * model/station-world — processes, doorbells and event loops, made of words of a model's arena.
 *
 * Each process has a door. A doorbell counts its rings until somebody drains it; who watches it is called for as long as it is not 0.
 * An event loop sleeps until something has come for it: its doorbell, or what it listened to. What the engine would wake it for
 * reaches listeners of the same process only. Threads that block do so on the arena's own words, and anybody can wake them.
 */

import { Agent, StationSection } from '../../dist/agent/index.js';
import {
  add,
  block,
  exchange,
  load,
  notify,
  record,
  section,
  store,
  u32,
} from '../../dist/mem/index.js';
import { makeWorld, platformOf } from './world.mjs';

/** @import {Env} from './engine/types.js' */
/** @import {Limits, Section} from '../../dist/mem/index.js' */
/** @import {Processes} from '../../dist/agent/index.js' */
/** @import {World} from './world.mjs' */

const LoopLayout = record(
  'loop',
  {
    door: u32('door of its process + 1; 0 = there is no event loop'),
    events: u32('grows with everything that comes for it'),
    listens: u32('1 = it listens to the bell'),
    briefly: u32('1 = it listens for a few milliseconds: nobody need wake it'),
    settled: u32('1 = what it listened to has come'),
  },
  16,
);
const { at } = LoopLayout;
const DoorLayout = record('door', { rung: u32('rings since it was drained') }, 16);
const LoopSection = section('loops', LoopLayout, ({ agents }) => agents);
const DoorSection = section('doors', DoorLayout, ({ agents }) => agents);

/**
 * @typedef {object} Place
 * @property {number} station
 * @property {number} [door]  default: as the station
 * @property {boolean} [watches]  it has an event loop; default true
 * @property {() => boolean} [heard]
 * @property {(station: number) => number} [doorOf]  whose doorbell this process takes for that station's; -1 = it has none
 */

/**
 * @typedef {object} Living
 * @property {Agent} agent
 * @property {(goesOn?: () => boolean) => void} turn  runs its event loop; by default as long as an operation is pending
 */

/**
 * @typedef {object} Streets
 * @property {(env: Env, place: Place) => Living} enter
 * @property {(door: number) => void} tell  something has come for the event loops of that process
 * @property {(slot: number) => boolean} sleepsForLong  its event loop listens, until somebody wakes it
 *
 * @typedef {World & Streets} StationWorld
 */

/** Milliseconds: shorter sleeps than this need no wake. */
const LONG = 1000;

/** Planted faults of doorbells. */
export const faults = { answersBeforeDraining: false };

/** @param {readonly Section[]} sections @param {Partial<Limits>} [limits] @returns {StationWorld} */
export function makeStationWorld(sections, limits) {
  const world = makeWorld([StationSection, LoopSection, DoorSection, ...sections], limits);
  const { arena } = world;
  const { words } = arena;
  const loopAt = (/** @type {number} */ slot) => arena.base(LoopSection) + slot * LoopLayout.size;
  /** @type {Loops} */
  const loops = {
    at: loopAt,
    wake(slot) {
      add(words, loopAt(slot) + at.events, 1);
      notify(words, loopAt(slot) + at.events);
    },
    settle(slot) {
      store(words, loopAt(slot) + at.listens, 0);
      store(words, loopAt(slot) + at.settled, 1);
      loops.wake(slot);
    },
    of: (door) =>
      [...Array(arena.limits.agents).keys()].filter(
        (slot) => load(words, loopAt(slot) + at.door) === door + 1,
      ),
  };
  return {
    ...world,
    enter: (env, place) => env.atomic(() => enter(world, loops, env, place)),
    tell: (door) => loops.of(door).forEach(loops.wake),
    sleepsForLong: (slot) =>
      load(words, loopAt(slot) + at.listens) === 1 && load(words, loopAt(slot) + at.briefly) === 0,
  };
}

/**
 * @typedef {object} Loops
 * @property {(slot: number) => number} at
 * @property {(slot: number) => void} wake
 * @property {(slot: number) => void} settle  what it listened to comes
 * @property {(door: number) => number[]} of  those of a process
 */

/** @param {World} world @param {Loops} loops @param {Env} env @param {Place} place @returns {Living} */
function enter({ arena }, loops, env, place) {
  const { station, door = station, watches = true } = place;
  const { heard = () => true, doorOf = (/** @type {number} */ of) => of } = place;
  const { words } = arena;
  const rungAt = (/** @type {number} */ of) => arena.base(DoorSection) + of * DoorLayout.size;
  let answer = () => {};
  /** @type {() => unknown} */
  let hear = () => {};

  /** @type {Processes} */
  const processes = {
    station: station + 1,
    heard,
    listen(fn) {
      answer = fn;
      return { [Symbol.dispose]() {} };
    },
    kick(other) {
      const of = doorOf(other);
      env.atomic(() => {
        if (of >= 0) add(words, rungAt(of), 1);
        if (of >= 0) loops.of(of).forEach(loops.wake);
        // Who listens briefly wakes by itself, a moment later.
        for (let slot = 0; slot < arena.limits.agents; slot++) {
          if (slots.word(slot, 'station') !== other + 1) continue;
          const both = [at.listens, at.briefly].map((word) => load(words, loops.at(slot) + word));
          if (both.every((yes) => yes === 1)) loops.settle(slot);
        }
      });
    },
    block: (index, value, ms) => block(words, index, value, ms),
    wake: (index) => notify(words, index),
  };

  const agent = new Agent(arena, { ...platformOf(env), processes }, identityOf(env, station));
  Object.defineProperty(agent.polling, 'looks', { value: 1 });
  Object.defineProperty(agent.polling, 'turns', { value: 0 });
  const { jobs } = /** @type {ReturnType<typeof platformOf>} */ (agent.platform);
  const { sleepers, slots } = agent;
  const own = loops.at(agent.slot);
  if (watches) {
    for (const word of [at.listens, at.settled]) store(words, own + word, 0);
    store(words, own + at.door, door + 1);
  }

  const slotOf = (/** @type {number} */ index) =>
    Math.floor((index - slots.at(0)) / (slots.at(1) - slots.at(0)));
  sleepers.listen = (index, value, ms) =>
    env.atomic(() => {
      if (load(words, index) !== value) return null;
      store(words, own + at.briefly, ms < LONG ? 1 : 0);
      store(words, own + at.listens, 1);
      return heardBy((fn) => {
        hear = fn;
      });
    });
  sleepers.rouse = (index) =>
    env.atomic(() => {
      const slot = slotOf(index);
      const loop = loops.at(slot);
      if (load(words, loop + at.listens) === 0 || load(words, loop + at.door) !== door + 1) return;
      loops.settle(slot);
    });

  const rung = rungAt(door);
  const drain = () => void exchange(words, rung, 0);
  return {
    agent,
    turn(goesOn = () => agent.tasks.pending > 0) {
      for (;;) {
        const seen = load(words, own + at.events);
        for (let job = jobs.shift(); job !== undefined; job = jobs.shift()) job();
        if (!goesOn()) return;
        if (load(words, own + at.settled) !== 0) {
          store(words, own + at.settled, 0);
          hear();
        } else if (load(words, rung) !== 0) {
          if (!faults.answersBeforeDraining) drain();
          answer();
          if (faults.answersBeforeDraining) drain();
        } else block(words, own + at.events, seen, Infinity);
      }
    },
  };
}

/** A promise that the model settles, by calling what it is told. @param {(fn: () => unknown) => void} tell */
function heardBy(tell) {
  const promise = new Promise(() => {});
  Reflect.set(promise, 'then', tell);
  return promise;
}

/** @param {Env} env @param {number} station */
function identityOf(env, station) {
  const kind = /** @type {const} */ ('thread');
  const pid = station + 1;
  const name = `t${env.id}`;
  return { thread: env.id + 1, startTime: 0, pid, station: station + 1, kind, member: 0, name };
}
