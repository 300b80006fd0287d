// SPDX-License-Identifier: MIT
/**
 * resv/lock-errors — why a reservation lock was not to be had.
 */

import { fail } from '../errors.js';
import type { AcquireContext } from './acquire-context.js';

export function ownerDied(op: string, row: number): Error {
  const why =
    'its holder died while holding: lock({ recover: true }), repair what it guards, then markConsistent()';
  return fail('EOWNERDEAD', op, { row }, { why });
}

export function gone(op: string, row: number): Error {
  const why = 'the buffer of this reservation was closed, or this agent has left the domain';
  return fail('ESTALE', op, { row }, { why });
}

export function inSignalling(op: string): Error {
  const why = 'inside signalling(): who waits for the fences may hold the lock';
  return fail('EDEADLK', op, {}, { why });
}

/** The context has to give up what it holds, and to come back here first. */
export function deadlock(op: string, row: number, context: AcquireContext | null): Error {
  if (context !== null) context.contended = row;
  return fail('EDEADLK', op, { row, stamp: context?.stamp ?? 0, held: context?.held ?? 0 });
}
