// SPDX-License-Identifier: MIT
/**
 * resv/lost-locks — locks whose object was garbage-collected while it held: nobody can unlock them any more.
 *
 * Such a lock is released as if its holder had died, and reported. To be told about a collection costs more than a lock, so only
 * locks that are still held when the turn ends are registered for it, and only the first of each reservation in a turn is
 * remembered that long: one that is taken, and lost, later in the same turn goes unnoticed.
 */

import type { Agent } from '../agent/index.js';
import type { AcquireContext } from './acquire-context.js';
import type { ResvLock } from './held-lock.js';
import type { Reservation } from './reservation.js';

/** A lock that nobody could unlock. */
export interface LostLock {
  /** Of the reservation. */
  readonly row: number;
  /** Where it was taken, if `debug` was on. */
  readonly stack: string | undefined;
}

/** A registered lock, without the object itself. */
export interface Holding {
  readonly resv: Reservation;
  readonly context: AcquireContext | null;
  readonly stack: string | undefined;
}

export class LostLocks {
  /** Remember where locks are taken. */
  debug = false;
  /** Called for each lock that was lost, after it was released. */
  listener: ((lost: LostLock) => void) | null = null;
  /** Reservations that were locked in this turn. */
  #locked: Reservation[] = [];
  /** Locks that were held at the end of some turn; those released since are taken out at the next one. */
  readonly #held = new Set<Holding>();
  readonly #stacks = new WeakMap<ResvLock, string | undefined>();
  readonly #registry = new FinalizationRegistry<Holding>((holding) => this.#lost(holding));

  constructor(readonly agent: Agent) {}

  /** A reservation was locked, for the first time in this turn. */
  watch(resv: Reservation, lock: ResvLock): void {
    if (this.debug) this.#stacks.set(lock, new Error('taken here').stack);
    if (this.#locked.push(resv) === 1) this.agent.platform.soon(() => this.#turn());
  }

  #turn(): void {
    const locked = this.#locked;
    this.#locked = [];
    for (const holding of this.#held)
      if (holding.resv.holding !== holding) this.#held.delete(holding);
    for (const resv of locked) {
      const lock = resv.forget();
      if (lock?.held !== true) continue;
      resv.seen();
      const holding = { resv, context: lock.context, stack: this.#stacks.get(lock) };
      resv.holding = holding;
      this.#held.add(holding);
      this.#registry.register(lock, holding);
    }
  }

  /** This agent leaves: what is still held is reported. */
  close(): void {
    this.#turn();
    for (const { resv, stack } of this.#held) this.listener?.({ row: resv.row, stack });
    this.#held.clear();
  }

  #lost(holding: Holding): void {
    const { resv, context, stack } = holding;
    if (resv.holding !== holding || this.agent.left) return;
    resv.lose(context);
    this.listener?.({ row: resv.row, stack });
  }
}
