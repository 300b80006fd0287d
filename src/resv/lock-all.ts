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
import { checkInteger, checkTimeout, fail, shown } from '../errors.js';
import type { AcquireContext } from './acquire-context.js';
import type { ResvLock } from './held-lock.js';
import { deadlock } from './lock-errors.js';
import { type LockSet, makeLockSet } from './lock-set.js';
import { type Lockable, type LockOptions, type LockSyncOptions, reservationOf } from './options.js';
import type { Reservation } from './reservation.js';
import type { Reservations } from './reservations.js';

/** Fence slots to reserve in each. */
export interface Reserving {
  readonly fences?: number;
}

type AllOptions = LockSyncOptions & Reserving;

const NO_OPTIONS: LockOptions & Reserving = {};

class MultiLock {
  /** In the order asked; the first `#taken` of them are held. */
  readonly locks: ResvLock[];
  #taken = 0;
  readonly context: AcquireContext;
  /** Taken out of turn: the lock that this context had to give way for. */
  #first: ResvLock | null = null;
  /** EDEADLK was injected for the next lock. */
  #refused = false;
  readonly #own: boolean;

  constructor(
    room: Reservations,
    readonly op: string,
    readonly of: readonly Lockable[],
    readonly options: AllOptions,
  ) {
    this.locks = new Array<ResvLock>(of.length);
    this.#own = options.context === undefined;
    this.context = options.context ?? room.ownContext();
  }

  /** Takes what is free, in the order asked. @returns whether that was all */
  takeFree(): boolean {
    const { of } = this;
    const from = this.#taken;
    let to = from;
    let again = false;
    try {
      for (; to < of.length; to++) {
        const resv = this.#resvAt(to);
        if (resv.holder === this.context) again = this.#isOurs(resv, to);
        else if (!this.#claim(resv)) break;
      }
    } finally {
      // Objects after locks: what is stored to fresh memory just before an atomic operation has to be waited for.
      while (this.#taken < to) this.#put(this.#resvAt(this.#taken), again);
    }
    const { fences } = this.options;
    if (fences !== undefined && fences > 0) this.#reserve(from, to, fences);
    return to === of.length;
  }

  #claim(resv: Reservation): boolean {
    const { context } = this;
    if (!this.#own) resv.admit(this.op, context);
    this.#refused = context.inject();
    return !this.#refused && resv.claim(context);
  }

  /** It is a duplicate, or was taken out of turn. @throws EALREADY the context has it from elsewhere */
  #isOurs(resv: Reservation, place: number): true {
    if (this.#first?.resv === resv) return true;
    for (let before = 0; before < place; before++) if (this.#resvAt(before) === resv) return true;
    throw fail('EALREADY', this.op, { row: resv.row, stamp: this.context.stamp });
  }

  /** The lock object of the next place. `again`: there are some that have one. */
  #put(resv: Reservation, again: boolean): void {
    const known = again ? this.#find(resv) : undefined;
    this.locks[this.#taken] = known ?? resv.lockOf(this.context);
    this.#taken++;
  }

  #find(resv: Reservation): ResvLock | undefined {
    if (this.#first?.resv === resv) return this.#first;
    return this.locks.slice(0, this.#taken).find((lock) => lock.resv === resv);
  }

  #reserve(from: number, to: number, fences: number): void {
    for (let place = from; place < to; place++) this.locks[place]?.reserve(fences);
  }

  /** Takes the rest. */
  *takeAll(blocking: boolean): Operation<readonly ResvLock[]> {
    let complete = false;
    try {
      while (!this.takeFree()) {
        const resv = this.#resvAt(this.#taken);
        const lock = this.#refused ? null : yield* this.#wait(resv, blocking);
        if (lock !== null) this.locks[this.#taken++] = lock;
        else yield* this.#giveWay(resv, blocking);
      }
      complete = true;
    } finally {
      if (!complete) this.drop();
      this.over();
    }
    return this.locks;
  }

  /** Drops all, and takes the contended lock with nothing held: there it cannot be told to give way. */
  *#giveWay(resv: Reservation, blocking: boolean): Operation<void> {
    this.drop();
    if (this.context.held > 0) throw deadlock(this.op, resv.row, this.context);
    this.#first = yield* this.#wait(resv, blocking);
  }

  *#wait(resv: Reservation, blocking: boolean): Operation<ResvLock | null> {
    const { context, op } = this;
    const { recover, fences = 0 } = this.options;
    resv.admit(op, context);
    const lock = yield* resv.acquire(op, { context, blocking, recover });
    if (lock === null || fences === 0) return lock;
    try {
      lock.reserve(fences);
    } catch (error) {
      lock.unlock();
      throw error;
    }
    return lock;
  }

  #resvAt(place: number): Reservation {
    const resv = reservationOf(this.of[place]);
    if (resv !== undefined) return resv;
    const details = { place, of: shown(this.of[place]) };
    throw fail('EINVAL', this.op, details, { why: 'this is no buffer, and no reservation' });
  }

  /** Nothing is held. */
  drop(): void {
    while (this.#taken > 0) this.locks[--this.#taken]?.unlock();
    this.#first?.unlock();
    this.#first = null;
  }

  /** The context is not needed but for what it holds. */
  over(): void {
    if (this.#own) this.context.retire();
  }
}

function check(room: Reservations, op: string, of: unknown, options: AllOptions): void {
  room.admit(op);
  if (!Array.isArray(of)) {
    throw fail('EINVAL', op, { of: shown(of) }, { why: 'the first argument must be an array' });
  }
  if (options.fences !== undefined) checkInteger(op, 'fences', options.fences, 0);
}

/** What is free is taken at once. @returns false: there is something to wait for */
function takeNow(multi: MultiLock): boolean {
  let all: boolean;
  try {
    all = multi.takeFree();
  } catch (error) {
    multi.drop();
    multi.over();
    throw error;
  }
  if (all) multi.over();
  return all;
}

/** One lock for each that was asked for. */
function setOf<T extends readonly Lockable[]>(locks: readonly ResvLock[]): LockSet<T> {
  return makeLockSet<T>(locks as unknown as { readonly [K in keyof T]: ResvLock });
}

function* setOperation<T extends readonly Lockable[]>(multi: MultiLock): Operation<LockSet<T>> {
  return setOf<T>(yield* multi.takeAll(false));
}

/** Domain.lockAll. */
export function lockAll<const T extends readonly Lockable[]>(
  room: Reservations,
  of: T,
  options: LockOptions & Reserving = NO_OPTIONS,
): Promise<LockSet<T>> {
  const op = 'Domain.lockAll';
  try {
    checkTimeout(op, options.timeout);
    if (options.signal?.aborted === true) return Promise.reject(options.signal.reason);
    check(room, op, of, options);
    const multi = new MultiLock(room, op, of, options);
    if (takeNow(multi)) return Promise.resolve(setOf<T>(multi.locks));
    return room.agent.run(op, setOperation<T>(multi), options);
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
  check(room, op, of, options);
  const multi = new MultiLock(room, op, of, options);
  room.checkBlocking(op, multi.context);
  if (!takeNow(multi)) room.block(op, multi.takeAll(true), limit, multi.context);
  return setOf<T>(multi.locks);
}
