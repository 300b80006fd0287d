// SPDX-License-Identifier: MIT
// @ts-check
/**
 * conform/calls/lock — the calls of a script that locks and unlocks.
 */

import { DmaBufError } from '../built.mjs';

/** @import {AcquireContext, Algorithm, Reservation, ResvLock} from '../../../src/resv/index.js' */
/** @import {Command, Thread} from '../thread.mjs' */

/**
 * What a call is about.
 * @typedef {object} Call
 * @property {Thread} thread
 * @property {Reservation} resv
 * @property {AcquireContext | null} context  what the call is given
 * @property {{ signal?: AbortSignal }} options
 * @property {Algorithm} algorithm
 * @property {(got: ResvLock) => void} taken
 * @property {string} lock
 */

/** @param {Call} call */
function init({ thread, algorithm }) {
  thread.context = thread.room.acquireContext({ algorithm });
  return null;
}

/** @param {Call} call */
function done({ thread }) {
  thread.context?.done();
  return null;
}

/** @param {Call} call */
function fini({ thread }) {
  thread.context?.[Symbol.dispose]();
  thread.context = null;
  return null;
}

/** @param {Call} call */
function unlock({ thread, lock }) {
  thread.locks.get(lock)?.unlock();
  thread.locks.delete(lock);
  return null;
}

/** @param {Call} call */
async function take({ resv, context, options, taken }) {
  taken(await resv.lock({ ...options, ...(context === null ? {} : { context }) }));
  return 0;
}

/** Without EDEADLK before it is refused, as Linux's debug checks would have it; then a plain lock does the same. @param {Call} call */
async function takeSlow({ thread, resv, options, taken }) {
  const context = /** @type {AcquireContext} */ (thread.context);
  try {
    taken(await resv.lockSlow(context, options));
  } catch (error) {
    if (!DmaBufError.is(error, 'EINVAL')) throw error;
    thread.refusal = error;
    taken(await resv.lock({ ...options, context }));
  }
  return null;
}

/** With a context: a lock that is not waited for. @param {Call} call @returns {Promise<boolean>} */
async function tryIt({ resv, context, taken }) {
  try {
    const got = context === null ? resv.tryLock() : await resv.lock({ context, timeout: 0 });
    if (got !== null) taken(got);
    return got !== null;
  } catch (error) {
    if (DmaBufError.is(error, 'ETIMEDOUT') || DmaBufError.is(error, 'EALREADY')) return false;
    throw error;
  }
}

/** @param {Call} call */
function clearSignals({ thread }) {
  thread.signaled = false;
  return null;
}

/** @type {ReadonlyMap<string, (call: Call) => unknown>} */
const CALLS = new Map(
  /** @type {[string, (call: Call) => unknown][]} */ ([
    ['ww_acquire_init', init],
    ['ww_acquire_done', done],
    ['ww_acquire_fini', fini],
    ['unlock', unlock],
    ['lock', take],
    ['lock_interruptible', take],
    ['lock_slow', takeSlow],
    ['lock_slow_interruptible', async (call) => (await takeSlow(call)) ?? 0],
    ['dma_resv_trylock', tryIt],
    ['ww_mutex_trylock', async (call) => ((await tryIt(call)) ? 1 : 0)],
    ['is_locked', ({ resv }) => resv.locked],
    ['clear_signals', clearSignals],
  ]),
);

/** Calls of both names do the same. */
const COMMON = /^(?:dma_resv|ww_mutex)_/;

/** @param {Thread} thread @param {Command} command @param {Algorithm} algorithm @param {AbortSignal | undefined} signal @returns {unknown} */
export function lockCall(thread, { call, lock = 'A' }, algorithm, signal) {
  const [name = '', by] = call.split(/[()]/);
  const run = CALLS.get(name) ?? CALLS.get(name.replace(COMMON, ''));
  if (run === undefined || !['ctx', 'null', undefined].includes(by)) {
    throw new RangeError(`unknown call ${call}`);
  }
  const context = by === 'ctx' ? thread.context : null;
  const options = signal === undefined ? {} : { signal };
  const taken = (/** @type {ResvLock} */ got) => void thread.locks.set(lock, got);
  return run({ thread, resv: thread.resv(lock), context, options, algorithm, taken, lock });
}
