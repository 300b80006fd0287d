// SPDX-License-Identifier: MIT
// @ts-check
/**
 * conform/numbers — Linux's numbers for what calls here throw (D-11).
 */

import { DmaBufError, ERROR_CODES, fail } from './built.mjs';

/** @import {ErrorCode} from '../../src/errors.js' */

/** Linux counts time-outs in ticks of a clock of 250 Hz. */
const TICK = 4;
/** What Linux passes for "no time-out". */
const FOREVER = 0x7fff_ffff_ffff_ffffn;

/** The reason with which interrupted calls reject: in Linux a signal. */
export const INTERRUPTED = new Error('a signal arrived');

/** There is no such call for this object: the interface refuses what Linux only complains about. */
export class Refusal extends Error {}

/** "-EIO" → what a callback throws to say so. @param {string} number @returns {Error} */
export function thrownFor(number) {
  const code = number.slice(1);
  if (ERROR_CODES.some((known) => known === code)) {
    return fail(/** @type {ErrorCode} */ (code), 'exporter');
  }
  return Object.assign(new Error(code), { code });
}

/**
 * What Linux would return for what was thrown.
 * @param {unknown} error @param {string} interrupted  number for "a signal arrived" @returns {string | number}
 */
export function numberOf(error, interrupted = '-ERESTARTSYS') {
  if (error === INTERRUPTED) return interrupted;
  if (error instanceof TypeError || error instanceof Refusal) return '-EINVAL';
  if (!DmaBufError.is(error)) throw error;
  // An exporter may throw what is not in our table: it is the cause.
  const cause = /** @type {{ code?: unknown } | undefined} */ (error.cause);
  if (error.code === 'EIO' && typeof cause?.code === 'string') return `-${cause.code}`;
  return error.code === 'ETIMEDOUT' ? 0 : `-${error.code}`;
}

/** Is that how a wrong call is answered: by a typed error? @param {unknown} error */
export function isComplaint(error) {
  return DmaBufError.is(error) || error instanceof TypeError || error instanceof Refusal;
}

/** Milliseconds. @param {string | number | undefined} ticks @returns {number} */
export function milliseconds(ticks = FOREVER.toString()) {
  return BigInt(ticks) >= FOREVER ? Number.POSITIVE_INFINITY : Number(ticks) * TICK;
}

/** What a wait that was successful returns in Linux. @param {string | number | undefined} ticks @param {boolean} waited */
export function remaining(ticks, waited) {
  const limit = milliseconds(ticks);
  if (limit === 0) return 1;
  return waited && limit !== Number.POSITIVE_INFINITY ? 'part of the timeout' : 'full timeout';
}
