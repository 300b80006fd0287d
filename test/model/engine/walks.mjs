// SPDX-License-Identifier: MIT
// @ts-check
/**
 * model/engine/walks — seeded random schedules, for what a bounded search cannot reach.
 *
 * Two kinds, which find different bugs: the sticky walk goes on with the same thread most of the time; the priority walk runs
 * whoever has the highest priority, and lowers it at a few random steps, which finds bugs that need few ordered events with a
 * known least probability (Burckhardt et al., ASPLOS 2010).
 */

import { EXPIRE, KILL } from './choice.mjs';

/** @import {Machine} from './machine.mjs' */
/** @import {Plan} from './strategy.js' */
/** @import {SimThread} from './thread.mjs' */

/** A small seeded generator (mulberry32): the same numbers everywhere. */
export class Random {
  #state;

  /** @param {number} seed */
  constructor(seed) {
    this.#state = seed | 0;
  }

  /** An integer in [0, n). @param {number} n */
  below(n) {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let x = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return Math.floor((((x ^ (x >>> 14)) >>> 0) / 2 ** 32) * n);
  }

  /** @template T @param {readonly T[]} items @returns {T} */
  pick(items) {
    return /** @type {T} */ (items[this.below(items.length)]);
  }
}

/**
 * One in `expiry` choices lets a wait time out, if that may happen; nothing else to do is a reason, too.
 * @param {Machine} machine @param {Random} random @param {readonly SimThread[]} runnable @param {number} expiry
 * @returns {number | null}
 */
function timeOut(machine, random, runnable, expiry) {
  if (machine.expiriesLeft === 0) return null;
  const waiting = machine.threads.filter((t) => machine.expirable(t));
  if (waiting.length === 0 || (runnable.length > 0 && random.below(expiry) > 0)) return null;
  return EXPIRE + random.pick(waiting).id;
}

/** @typedef {{ switches?: number, kills?: number, expiries?: number }} Odds one in so many choices */

/** @implements {Plan} */
export class StickyWalk {
  reduces = false;
  teaches = false;
  doom = null;
  label = 'sticky walk';
  #random;
  #odds;

  /** @param {number} seed @param {Odds} [odds] */
  constructor(seed, odds = {}) {
    this.#random = new Random(seed);
    this.#odds = { switches: 4, kills: 60, expiries: 20, ...odds };
  }

  begin() {}

  /** @param {Machine} machine @returns {number} */
  choose(machine) {
    const random = this.#random;
    if (machine.killsLeft > 0 && random.below(this.#odds.kills) === 0) {
      return KILL + random.pick(machine.threads.filter((t) => t.alive)).id;
    }
    const runnable = machine.threads.filter((t) => t.runnable);
    const expiry = timeOut(machine, random, runnable, this.#odds.expiries);
    if (expiry !== null) return expiry;
    const last = machine.threads[machine.last];
    if (last?.runnable && random.below(this.#odds.switches) > 0) return last.id;
    return random.pick(runnable).id;
  }

  advance() {
    return true;
  }
}

/** @implements {Plan} */
export class PriorityWalk {
  reduces = false;
  teaches = false;
  doom = null;
  label = 'priority walk';
  #random;
  #depth;
  /** Length of the longest schedule so far: where change points may lie. */
  #longest = 20;
  #step = 0;
  /** @type {number[]} by thread id; higher runs first */
  #priorities = [];
  /** @type {Set<number>} */
  #changes = new Set();
  /** @type {Set<number>} */
  #deaths = new Set();
  #lowest = 0;

  /** @param {number} seed @param {number} [depth] change points, at most */
  constructor(seed, depth = 4) {
    this.#random = new Random(seed);
    this.#depth = depth;
  }

  /** @param {Machine} machine */
  begin(machine) {
    const random = this.#random;
    this.#step = 0;
    this.#lowest = 0;
    this.#priorities = [];
    this.#changes.clear();
    this.#deaths.clear();
    for (let n = random.below(this.#depth + 1); n > 0; n--)
      this.#changes.add(random.below(this.#longest));
    for (let n = machine.killsLeft; n > 0; n--) this.#deaths.add(random.below(this.#longest));
  }

  /** @param {Machine} machine @returns {number} */
  choose(machine) {
    const random = this.#random;
    const step = this.#step++;
    if (this.#deaths.has(step) && machine.killsLeft > 0) {
      return KILL + random.pick(machine.threads.filter((t) => t.alive)).id;
    }
    if (this.#changes.has(step) && machine.last >= 0)
      this.#priorities[machine.last] = --this.#lowest;
    const runnable = machine.threads.filter((t) => t.runnable);
    const expiry = timeOut(machine, random, runnable, 20);
    if (expiry !== null) return expiry;
    let best = /** @type {SimThread} */ (runnable[0]);
    for (const t of runnable) if (this.#priority(t) > this.#priority(best)) best = t;
    return best.id;
  }

  /** @param {SimThread} t */
  #priority(t) {
    return (this.#priorities[t.id] ??= 1 + this.#random.below(1 << 20));
  }

  advance() {
    this.#longest = Math.max(this.#longest, this.#step);
    return true;
  }
}
