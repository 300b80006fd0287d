// SPDX-License-Identifier: MIT
// @ts-check
/**
 * conform/stage — the real rooms of several agents on one thread, under a clock that only we move.
 *
 * "It has not returned after a while" is said here when everything has settled: the event loop has turned so often, without
 * anything happening, that every wait has polled enough and sleeps. Only then a timer may fire.
 */

import { setImmediate as turn } from 'node:timers/promises';
import { host, Rooms } from './built.mjs';
import { groundFor } from './ground.mjs';

const LIMITS = { agents: 8, buffers: 64, timelines: 64, channels: 8, pages: 256, waitRows: 16 };
/** Turns without anything happening after which nothing will. */
const QUIET_TURNS = 30;

/** @import {Rooms as AgentRooms} from '../../src/domain/rooms.js' */

const node = host.nodePlatform();

/** Timers fire when they are told to. */
class Clock {
  /** Milliseconds. */
  now = 1;
  /** @type {{ due: number, fn: () => void }[]} */
  #timers = [];

  /** @param {number} ms @param {() => void} fn */
  timer(ms, fn) {
    const timer = { due: this.now + ms, fn };
    this.#timers.push(timer);
    this.#timers.sort((a, b) => a.due - b.due);
    return { cancel: () => void (this.#timers = this.#timers.filter((other) => other !== timer)) };
  }

  /** The next timer fires. @returns {boolean} whether there was one */
  advance() {
    const next = this.#timers.shift();
    if (next === undefined) return false;
    this.now = Math.max(this.now, next.due);
    next.fn();
    return true;
  }
}

export class Stage {
  clock = new Clock();
  /** Errors that nobody waited for. @type {unknown[]} */
  reports = [];
  /** Counted up by whoever sees something happen. */
  happened = 0;
  /** @type {AgentRooms[]} */
  rooms;
  #ground;

  /** @param {number} agents */
  constructor(agents) {
    const { clock } = this;
    const onError = (/** @type {unknown} */ error) => void this.reports.push(error);
    this.#ground = groundFor(agents, LIMITS);
    this.rooms = this.#ground.places.map(({ arena, heap, processes }, n) => {
      const timer = (/** @type {number} */ ms, /** @type {() => void} */ fn) => clock.timer(ms, fn);
      const platform = { ...node, now: () => clock.now, timer, isGone: () => false, processes };
      const name = `t${n}`;
      const own = processes === null ? { pid: 1, station: 0 } : { pid: n + 1, station: n + 1 };
      const kind = /** @type {const} */ ('thread');
      const who = { thread: n + 1, startTime: 0, ...own, kind, member: n, name };
      return new Rooms(arena, heap, platform, who, { onError });
    });
  }

  /** The rooms of one agent. @param {number} n @returns {AgentRooms} */
  agent(n) {
    const rooms = this.rooms[n];
    if (rooms === undefined) throw new RangeError(`there is no agent ${n}`);
    return rooms;
  }

  /** Until nothing happens any more. */
  async settle() {
    for (let quiet = 0, seen = this.happened; quiet < QUIET_TURNS; quiet++) {
      await turn();
      if (seen === this.happened) continue;
      seen = this.happened;
      quiet = 0;
    }
  }

  close() {
    for (const rooms of this.rooms) rooms.close();
    this.#ground.close();
  }
}

/** A call that may still run. @template T */
export class Running {
  /** @type {'pending' | 'returned' | 'threw'} */
  state = 'pending';
  /** What it returned. @type {T | undefined} */
  value;
  /** What it threw. @type {unknown} */
  error;
  /** Everything had settled, and it had not returned. */
  blocked = false;

  /** @param {Stage} stage @param {() => T | Promise<T>} call */
  constructor(stage, call) {
    void this.#follow(stage, call);
  }

  /** @param {Stage} stage @param {() => T | Promise<T>} call */
  async #follow(stage, call) {
    try {
      this.value = await call();
      this.state = 'returned';
    } catch (error) {
      this.error = error;
      this.state = 'threw';
    }
    stage.happened++;
  }

  get pending() {
    return this.state === 'pending';
  }
}
