// SPDX-License-Identifier: MIT
// @ts-check
/**
 * model/engine/waiting — what Atomics.wait and Atomics.notify mean to simulated threads.
 *
 * Nobody really blocks: a waiter is marked, and stands in line behind those who came before it.
 */

import { addressOf, LOAD, perform } from './atomics.mjs';

/** @import {IntegerArray} from './types.js' */
/** @import {SimThread} from './thread.mjs' */

/** The wait has begun: its result comes later. */
export const BLOCKED = Symbol('blocked');

/**
 * @param {SimThread} t @param {IntegerArray} array @param {number} index
 * @param {any} expected @param {unknown} timeout
 * @param {number} now  virtual milliseconds
 * @param {number} ticket  place in line
 */
export function beginWait(t, array, index, expected, timeout, now, ticket) {
  if (!(array.buffer instanceof SharedArrayBuffer)) throw new TypeError('wait needs shared memory');
  if (t.depth > 0) throw new Error('a wait inside an atomic block');
  const value = perform(LOAD, array, index, undefined, undefined);
  if (value !== (typeof value === 'bigint' ? expected : expected | 0)) return 'not-equal';
  const limit = timeout === undefined ? Infinity : Number(timeout);
  if (limit <= 0) return 'timed-out';
  t.blocked = true;
  t.ticket = ticket;
  t.deadline = Number.isNaN(limit) ? Infinity : now + limit;
  return BLOCKED;
}

/**
 * Whom a notify wakes, in the order of their coming.
 * @param {readonly SimThread[]} threads @param {IntegerArray} array @param {number} index @param {unknown} count
 */
export function notified(threads, array, index, count) {
  perform(LOAD, array, index, undefined, undefined); // throws what a bad index throws
  const address = addressOf(array, index);
  const waiters = threads
    .filter((t) => t.blocked && t.array?.buffer === array.buffer)
    .filter((t) => t.array !== null && addressOf(t.array, t.index) === address)
    .toSorted((a, b) => a.ticket - b.ticket);
  return count === undefined ? waiters : waiters.slice(0, Math.max(0, Number(count)));
}
