// SPDX-License-Identifier: MIT
/**
 * resv/admission — may a reservation lock be taken now, and why was it not to be had.
 */

import { fail, shown } from '../errors.js';
import { AcquireContext } from './acquire-context.js';
import type { Reservation } from './reservation.js';
import type { Reservations } from './reservations.js';
import { GONE } from './ww-lock.js';

/** What has to be right before the lock is tried. @throws EDEADLK · ESTALE · EALREADY · EINVAL · EXDEV */
export function admit(resv: Reservation, op: string, context: AcquireContext | null): void {
  const { room, row, holder } = resv;
  if (room.fences.inSignalling > 0) throw inSignalling(op);
  if (holder === GONE) throw gone(op, room, row);
  if (context === null) return;
  if (!(context instanceof AcquireContext)) {
    const why = 'context must be an AcquireContext: domain.acquireContext()';
    throw fail('EINVAL', op, { context: shown(context) }, { why });
  }
  if (holder === context) {
    throw fail('EALREADY', op, { ...room.details(row), stamp: context.stamp });
  }
  context.admit(op, room, row);
}

export function ownerDied(op: string, room: Reservations, row: number): Error {
  const why =
    'its holder died while holding: lock({ recover: true }), repair what it guards, then markConsistent()';
  return fail('EOWNERDEAD', op, room.details(row), { why });
}

export function gone(op: string, room: Reservations, row: number): Error {
  const why = 'the buffer of this reservation was closed, or this agent has left the domain';
  return fail('ESTALE', op, room.details(row), { why });
}

export function inSignalling(op: string): Error {
  const why = 'inside signalling(): who waits for the fences may hold the lock';
  return fail('EDEADLK', op, {}, { why });
}

/** The context has to give up what it holds, and to come back here first. */
export function deadlock(
  op: string,
  room: Reservations,
  row: number,
  context: AcquireContext | null,
): Error {
  if (context !== null) context.contended = row;
  const { stamp = 0, held = 0 } = context ?? {};
  return fail('EDEADLK', op, { ...room.details(row), stamp, held });
}
