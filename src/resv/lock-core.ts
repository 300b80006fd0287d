// SPDX-License-Identifier: MIT
/**
 * resv/lock-core — the lock of a reservation as far as one CAS goes: what this agent does with it when nobody is in the way.
 *
 * This is the path that has to be short. When somebody waits, a WwLock is made for it (see there).
 *
 * Invariants  I6 the owner word says who holds it; `holder` says which context of this agent, since two holds without a context have
 *             the same tag.
 */

import type { ErrorDetails } from '../errors.js';
import { and, cas, load, or, type Words } from '../mem/index.js';
import type { AcquireContext } from './acquire-context.js';
import { gone, ownerDied } from './admission.js';
import type { FenceList } from './fence-list.js';
import { makeLock, type ResvLock } from './held-lock.js';
import { ResvLayout } from './layout.js';
import type { Holding } from './lost-locks.js';
import { D, H, TAG } from './owner-word.js';
import type { Reservation } from './reservation.js';
import type { Reservations } from './reservations.js';
import type { Rest } from './waiter.js';
import { GONE, type Holder, PLAIN, WwLock } from './ww-lock.js';

/** The first field of a reservation, and so the first thing that posting it, or a lock of it, meets. */
const UNPOSTED = Symbol(
  'a Reservation, or a lock of it, cannot be posted: post buf.share(), and lock the resv of what open() returns',
);
/** From the owner's word, which is the first of the record. */
const TICKET = ResvLayout.at.ticket - ResvLayout.at.owner;
const SINCE = ResvLayout.at.since - ResvLayout.at.owner;

export abstract class LockCore {
  /** @internal Posting a handle fails with this text. */
  readonly unposted = UNPOSTED;
  /** @internal */
  readonly room: Reservations;
  /** @internal Of the reservation table. */
  readonly row: number;
  /** @internal */
  readonly words: Words;
  /** @internal First word of the record: the owner. */
  readonly ownerAt: number;
  /** @internal Who of this agent holds it. */
  holder: Holder | null = null;
  /** @internal A former holder died, and the present one has not said that all is well. */
  dead = false;
  /** @internal Waiters of this agent. */
  waiting = 0;
  /** @internal The lock is lent to another agent: to be called before it is released. */
  lent: (() => void) | null = null;
  /** @internal The lock that is held, while its object is watched (see lost-locks). */
  holding: Holding | null = null;
  /** @internal Made for the first who asks. */
  fenceList: FenceList | null = null;
  /** The first lock of this turn; undefined: none yet. */
  #remembered: ResvLock | undefined;
  /** When the lock was taken, if it was seen; 0 = it was not. */
  #since = 0;
  #ww: WwLock | null = null;

  protected constructor(room: Reservations, row: number, at: number) {
    this.room = room;
    this.row = row;
    this.words = room.words;
    this.ownerAt = at + ResvLayout.at.owner;
  }

  /** @internal What it is when printed: not all that it is made of. */
  [Symbol.for('nodejs.util.inspect.custom')](): string {
    const what = Object.values(this.room.details(this.row)).join(' ');
    return `Reservation { of: ${what}, locked: ${this.holder === null ? 'not here' : 'here'} }`;
  }

  /** @internal */
  toJSON(): ErrorDetails {
    return this.room.details(this.row);
  }

  /** @internal Cheaper than instanceof. */
  static is(value: unknown): value is Reservation {
    return typeof value === 'object' && value !== null && #ww in value;
  }

  /** @internal */
  get ticketAt(): number {
    return this.ownerAt + TICKET;
  }

  // ------------------------------------------------------------------------------------------- taking

  /** @internal Takes the lock if it is free and nobody waits for it: one CAS. The context has to be admitted. */
  take(context: AcquireContext | null): ResvLock | null {
    if (this.holder !== null || this.waiting !== 0) return null;
    const tag = context === null ? this.room.plainTag : context.tag;
    if (cas(this.words, this.ownerAt, 0, tag) !== 0) return null;
    this.hold(context);
    return this.lockOf(context);
  }

  /** @internal Looks on for a moment, for a lock that another agent holds: most are held for less time than it takes to wait. */
  takeSoon(): ResvLock | null {
    const { looks } = this.room.agent.polling;
    for (let look = 0; look < looks && this.holder === null; look++) {
      const v = load(this.words, this.ownerAt);
      const lock = v === 0 ? this.take(null) : null;
      // Free, but not for us: somebody has waited long enough, or there was a dead owner.
      if (lock !== null || (v !== 0 && (v & TAG) === 0)) return lock;
    }
    return null;
  }

  /** @internal Takes it also from under those who wait, unless one of them lost a race before. @throws EOWNERDEAD · ESTALE */
  takeAnyway(op: string): ResvLock | null {
    if (this.holder === GONE) throw gone(op, this.room, this.row);
    for (;;) {
      const v = load(this.words, this.ownerAt);
      if ((v & TAG) === 0 && (v & D) !== 0) throw ownerDied(op, this.room, this.row);
      if ((v & (TAG | H)) !== 0 || this.holder !== null) return null;
      if (cas(this.words, this.ownerAt, v, this.room.plainTag | v) !== v) continue;
      this.hold(null);
      return this.lockOf(null);
    }
  }

  /** @internal The owner word says that it is ours. */
  hold(context: AcquireContext | null): void {
    this.holder = context ?? PLAIN;
    if (context !== null) context.acquired++;
    this.room.agent.countHeld(1);
  }

  /** @internal The object for a lock that is held. */
  lockOf(context: AcquireContext | null): ResvLock {
    const self = this as unknown as Reservation; // there is no other subclass
    const lock = makeLock(self, context);
    if (this.#remembered === undefined) {
      this.#remembered = lock;
      this.room.lost.watch(self, lock);
    }
    return lock;
  }

  // ------------------------------------------------------------------------------------------- releasing

  /** @internal For the lock object. `dead` stays in the word: the next holder learns it. */
  release(context: AcquireContext | null): void {
    if (this.lent !== null) this.lent();
    if (this.holder === GONE) return;
    const tag = context === null ? this.room.plainTag : context.tag;
    const { dead } = this;
    if (this.#since !== 0) this.#setSince(0);
    this.holding = null;
    this.fenceList?.unlocked();
    context?.drop();
    this.holder = null;
    this.dead = false;
    if (this.waiting > 0 || cas(this.words, this.ownerAt, tag, 0) !== tag)
      this.ww.release(tag, dead);
    else this.room.agent.countHeld(-1);
  }

  /** @internal The owner word says that it was passed to this agent. What counts as held for it was counted when it was borrowed. */
  adopt(): ResvLock {
    this.holder = PLAIN;
    this.dead = (load(this.words, this.ownerAt) & D) !== 0;
    return this.lockOf(null);
  }

  /** @internal Whoever the lock passes to by its word alone learns that too. */
  consistent(): void {
    if (this.dead) and(this.words, this.ownerAt, ~D);
    this.dead = false;
  }

  /** @internal Nobody can unlock it: as if the holder had died. */
  lose(context: AcquireContext | null): void {
    or(this.words, this.ownerAt, D);
    this.dead = true;
    this.release(context);
  }

  /** @internal This agent does not lock it any more; whoever waits here learns that. */
  retire(): void {
    this.holder = GONE;
    this.#ww?.retire();
  }

  // ------------------------------------------------------------------------------------------- waiting

  /** @internal Made for the first who has to wait. */
  get ww(): WwLock {
    return (this.#ww ??= new WwLock(this.room, this));
  }

  /** @internal A waiter at rest has the lock. */
  settle({ resolve, reject }: Rest): void {
    if (!this.dead) return resolve(this.lockOf(null));
    this.release(null);
    reject(ownerDied('Reservation.lock', this.room, this.row));
  }

  /** @internal It will not have it: the reason, or null when this was retired. */
  fail({ reject }: Rest, error: unknown): void {
    reject(error ?? gone('Reservation.lock', this.room, this.row));
  }

  // ------------------------------------------------------------------------------------------- for people

  /** @internal The lock has been taken about now: worth noting only if it is held for longer than a turn. */
  seen(): void {
    this.#setSince(this.room.agent.time());
  }

  #setSince(time: number): void {
    this.#since = time;
    this.room.agent.arena.floats[(this.ownerAt + SINCE) >> 1] = time;
  }

  /** @internal The turn is over. @returns the first lock that was taken in it */
  forget(): ResvLock | undefined {
    const lock = this.#remembered;
    this.#remembered = undefined;
    return lock;
  }
}
