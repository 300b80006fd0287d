// SPDX-License-Identifier: MIT
/**
 * resv/lending — a lock that goes along with a call to another agent: lent here, borrowed there.
 *
 * While it is lent the word of the lock says that it is the caller's, and the caller waits. When he does not wait any more, or has
 * died, the lock passes to the borrower, by one CAS on the owner's word, and is unlocked there when nothing runs under it.
 *
 * Invariants  I6 holds throughout: the word names exactly one holder. Whoever passes the lock on names both tags in one CAS, so it
 *             passes once.
 */

import { cas, load, type Words } from '../mem/index.js';
import { HeldLock, type ResvLock } from './held-lock.js';
import { D, plainTag, TAG } from './owner-word.js';
import type { Reservation } from './reservation.js';

/** The lock that `tag` holds passes to the agent in `slot`. @returns false, and nothing happens, when it does not hold it (any more) */
export function handOver(
  words: Words,
  ownerAt: number,
  tag: number,
  slot: number,
  died: boolean,
): boolean {
  for (;;) {
    const v = load(words, ownerAt);
    if ((v & TAG) !== tag) return false;
    const next = plainTag(slot) | (v & ~TAG) | (died ? D : 0);
    if (cas(words, ownerAt, v, next) === v) return true;
  }
}

/** In the hands of its owner. */
export class LentAway {
  readonly row: number;
  readonly tag: number;
  readonly #resv: Reservation;
  readonly #lock: ResvLock;

  constructor(lock: ResvLock) {
    const { resv, context } = lock;
    this.#lock = lock;
    this.#resv = resv;
    this.row = resv.row;
    this.tag = context === null ? resv.room.plainTag : context.tag;
  }

  get held(): boolean {
    return this.#lock.held;
  }

  /** `giveUp` runs before the lock is released all the same. */
  begin(giveUp: () => void): void {
    this.#resv.lent = giveUp;
    this.#resv.fenceList?.lend();
  }

  end(): void {
    const resv = this.#resv;
    resv.lent = null;
    resv.fenceList?.takeBack();
    const word = load(resv.words, resv.ownerAt);
    // It was passed on: what is left to do is the owner's own book-keeping.
    if ((word & TAG) !== this.tag) this.#lock.unlock();
    else if ((word & D) === 0) resv.dead = false; // the borrower has said that all is well
  }
}

/** In the hands of the agent that was called. Proof for its callbacks; cannot unlock. */
export class BorrowedLock extends HeldLock {
  #over = false;
  /** It was the lender's when it was kept here. */
  #taken = false;
  #kept: ResvLock | null = null;
  /** Callbacks that run under it, and the call itself. */
  #users = 1;

  constructor(
    readonly resv: Reservation,
    /** The lender's, in the owner's word. */
    readonly tag: number,
  ) {
    super();
    resv.dead = (load(resv.words, resv.ownerAt) & D) !== 0;
    resv.room.agent.countHeld(1);
  }

  get held(): boolean {
    if (this.#kept !== null) return this.#kept.held;
    if (this.#over) return false;
    const { words, ownerAt, room } = this.resv;
    const tag = load(words, ownerAt) & TAG;
    // As long as this runs nobody else of this agent can have it: then it was passed here, and that was not noticed yet.
    return tag === this.tag || tag === room.plainTag;
  }

  /** Before the answer is given: from then on the lock is the lender's again, unless it was kept. */
  giveBack(): void {
    if (this.#kept !== null) return;
    this.#over = true;
    this.resv.dead = false;
    this.resv.fenceList?.unlocked();
  }

  /** The lock passes to this agent. `died`: its lender has; the next holder shall know, if it was the lender's until now. */
  keep(died: boolean): void {
    const { resv } = this;
    const { room } = resv;
    if (this.#kept === null) {
      this.#taken = handOver(resv.words, resv.ownerAt, this.tag, room.agent.slot, died);
      this.#kept = resv.adopt();
    }
    if (died && this.#taken) resv.dead = true;
  }

  /** Something runs under it that nobody waits for any more. @returns to be called when it has ended */
  outlive(): () => void {
    this.#users++;
    // Who leaves takes no lock along: it stays with the caller, as when he dies.
    if (this.resv.room.agent.tasks.over === null) this.keep(false);
    return () => this.end();
  }

  end(): void {
    if (--this.#users > 0) return;
    if (this.#kept !== null) this.#kept.unlock();
    else this.resv.room.agent.countHeld(-1);
  }
}
