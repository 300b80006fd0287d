// SPDX-License-Identifier: MIT
/**
 * resv/lock-all — any number of reservations at once, in any order, duplicates allowed.
 *
 * One context takes one lock after the other. When it has to give way, it drops what it took here, waits for the contended lock with
 * nothing held, and goes on from there; its age grows, so its turn comes. What is free costs one CAS each.
 *
 * Invariants  When it is over, either all locks are held, or none that it took.
 * Source      Linux 6.10 drivers/gpu/drm/drm_exec.c. Differs: it waits instead of returning to the caller's loop.
 */

import type { Operation } from '../agent/index.js';
import { checkInteger, checkTimeout, checkWait, fail, shown } from '../errors.js';
import type { AcquireContext } from './acquire-context.js';
import { admit, deadlock } from './admission.js';
import type { ResvLock } from './held-lock.js';
import { type LockSet, makeLockSet } from './lock-set.js';
import { type Lockable, type LockOptions, type LockSyncOptions, reservationOf } from './options.js';
import type { Reservation } from './reservation.js';
import type { Reservations } from './reservations.js';

/** Fence slots to reserve in each. */
export interface Reserving {
  readonly fences?: number;
}

type AllOptions = LockSyncOptions & Reserving;

/** One call, under way. */
interface Multi {
  readonly op: string;
  readonly of: readonly Lockable[];
  readonly options: AllOptions;
  readonly context: AcquireContext;
  /** One place for each that was asked for; empty: not held yet. */
  readonly locks: (ResvLock | undefined)[];
  /** EDEADLK was injected for the place that takeFree came to. */
  refused: boolean;
}

const NO_OPTIONS: LockOptions & Reserving = {};

function reservationAt(op: string, of: readonly Lockable[], place: number): Reservation {
  const resv = reservationOf(of[place]);
  if (resv !== undefined) return resv;
  const details = { place, of: shown(of[place]) };
  throw fail('EINVAL', op, details, { why: 'this is no buffer, and no reservation' });
}

/** Takes what is free, in the order asked. @returns the first place that is not to be had at once; of.length: all are held */
function takeFree(multi: Multi): number {
  const { op, of, options, context, locks } = multi;
  for (let place = 0; place < of.length; place++) {
    if (locks[place] !== undefined) continue;
    const resv = reservationAt(op, of, place);
    if (resv.holder === context) {
      locks[place] = duplicate(op, resv, context, locks);
      continue;
    }
    if (options.context !== undefined) admit(resv, op, context);
    multi.refused = context.inject();
    const lock = multi.refused ? null : resv.take(context);
    if (lock === null) return place;
    locks[place] = lock;
    if (options.fences !== undefined) reserve(lock, options.fences);
  }
  return of.length;
}

/** The context holds it: by another place here, or from elsewhere. @throws EALREADY */
function duplicate(
  op: string,
  resv: Reservation,
  context: AcquireContext,
  locks: Multi['locks'],
): ResvLock {
  const lock = locks.find((each) => each?.resv === resv);
  if (lock !== undefined) return lock;
  throw fail('EALREADY', op, { ...resv.room.details(resv.row), stamp: context.stamp });
}

function reserve(lock: ResvLock, fences: number): void {
  if (fences > 0) lock.reserve(fences);
}

function drop(locks: Multi['locks']): void {
  for (const lock of locks) lock?.unlock();
  locks.length = 0;
}

/** Takes the rest, and waits. */
function* takeRest(multi: Multi, blocking: boolean): Operation<void> {
  const { op, of, context, locks } = multi;
  for (let place = takeFree(multi); place < of.length; place = takeFree(multi)) {
    const resv = reservationAt(op, of, place);
    let lock = multi.refused ? null : yield* take(multi, resv, blocking);
    if (lock === null) {
      // Gives way: with nothing held it cannot be told to, and what it then has, it keeps.
      drop(locks);
      if (context.held > 0) throw deadlock(op, resv.room, resv.row, context);
      lock = yield* take(multi, resv, blocking);
    }
    if (lock === null) continue;
    locks[place] = lock;
    if (multi.options.fences !== undefined) reserve(lock, multi.options.fences);
  }
}

function take(multi: Multi, resv: Reservation, blocking: boolean): Operation<ResvLock | null> {
  const { op, context, options } = multi;
  admit(resv, op, context);
  return resv.acquire(op, { context, blocking, recover: options.recover });
}

function begin(room: Reservations, op: string, of: unknown, options: AllOptions): Multi {
  room.admit(op);
  if (!Array.isArray(of)) {
    throw fail('EINVAL', op, { of: shown(of) }, { why: 'the first argument must be an array' });
  }
  if (options.fences !== undefined) checkInteger(op, 'fences', options.fences, 0);
  const context = options.context ?? room.ownContext();
  return { op, of, options, context, locks: [], refused: false };
}

/** All are held. */
function finish<T extends readonly Lockable[]>({ options, context, locks }: Multi): LockSet<T> {
  if (options.context === undefined) context.retire();
  return makeLockSet<T>(locks as unknown as { readonly [K in keyof T]: ResvLock });
}

/** Nothing is held. @returns the error */
function giveUp({ options, context, locks }: Multi, error: unknown): unknown {
  drop(locks);
  if (options.context === undefined) context.retire();
  return error;
}

function* operation<T extends readonly Lockable[]>(
  multi: Multi,
  blocking: boolean,
): Operation<LockSet<T>> {
  try {
    yield* takeRest(multi, blocking);
  } catch (error) {
    throw giveUp(multi, error);
  }
  return finish<T>(multi);
}

/** What is free is taken at once. @returns null: there is something to wait for */
function takeNow<T extends readonly Lockable[]>(multi: Multi): LockSet<T> | null {
  try {
    if (takeFree(multi) < multi.of.length) return null;
  } catch (error) {
    throw giveUp(multi, error);
  }
  return finish<T>(multi);
}

/** Domain.lockAll. */
export function lockAll<const T extends readonly Lockable[]>(
  room: Reservations,
  of: T,
  options: LockOptions & Reserving = NO_OPTIONS,
): Promise<LockSet<T>> {
  const op = 'Domain.lockAll';
  try {
    checkWait(op, options);
    const multi = begin(room, op, of, options);
    const set = takeNow<T>(multi);
    if (set !== null) return Promise.resolve(set);
    return room.agent.run(op, operation<T>(multi, false), options);
  } catch (error) {
    return Promise.reject(error);
  }
}

/** Domain.lockAllSync. */
export function lockAllSync<const T extends readonly Lockable[]>(
  room: Reservations,
  of: T,
  options: LockSyncOptions & Reserving = NO_OPTIONS,
): LockSet<T> {
  const op = 'Domain.lockAllSync';
  const limit = checkTimeout(op, options.timeout);
  const multi = begin(room, op, of, options);
  room.checkBlocking(op, multi.context);
  return takeNow<T>(multi) ?? room.block(op, operation<T>(multi, true), limit, multi.context);
}
