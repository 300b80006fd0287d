// SPDX-License-Identifier: MIT
/**
 * resv/waiter — one who wants a ww lock, and cannot have it now.
 *
 * A waiter is either run (its operation is suspended on it, see agent/wait) or at rest: nobody looks after it, because the lock is held
 * in this very agent, whose unlock hands it over. Who waits without context, time-out and signal begins at rest, until the event
 * loop turns; that costs no more than a promise.
 */

import { type Place, RowFlag, type Wait } from '../agent/index.js';
import type { AcquireContext } from './acquire-context.js';
import type { ResvLock } from './held-lock.js';
import type { WwLock } from './ww-lock.js';

/** How a wait ended. */
export const Outcome = { WAITING: 0, TAKEN: 1, DIE: 2, GONE: 3 } as const;
type OutcomeValue = (typeof Outcome)[keyof typeof Outcome];

/** Whom a waiter at rest is for. */
export interface Rest {
  readonly resolve: (lock: ResvLock) => void;
  readonly reject: (error: unknown) => void;
}

/** Who comes first: the smaller ticket; of equal tickets (contexts only), the older. A total order, the same for everybody. */
export function before(a: Place, b: Place): boolean {
  const difference = (a.ticket - b.ticket) | 0;
  return difference === 0 ? a.stamp < b.stamp : difference < 0;
}

export class Waiter implements Wait, Place {
  outcome: OutcomeValue = Outcome.WAITING;
  /** Times that it was woken, and somebody else had the lock. */
  lost = 0;
  /** Its row stands, or that of a better waiter of this agent. */
  armed = false;
  /** It has not slept since it was armed. */
  #fresh = false;
  ticket = 0;
  readonly tag: number;
  readonly stamp: number;

  constructor(
    readonly lock: WwLock,
    readonly context: AcquireContext | null,
    /** Waits on a blocked thread: the tasks of this agent cannot run now, so none of them is before it. */
    public blocking: boolean,
    /** Not null: at rest. */
    public rest: Rest | null = null,
  ) {
    this.tag = context === null ? lock.host.plainTag : context.tag;
    this.stamp = context === null ? 0 : context.stamp;
  }

  /** Holds something that others may wait for, so it may have to die. */
  get killable(): boolean {
    return this.context !== null && this.context.held > 0;
  }

  get flags(): number {
    if (this.context === null) return 0;
    return this.killable ? RowFlag.CONTEXT | RowFlag.KILLABLE : RowFlag.CONTEXT;
  }

  get keys(): readonly number[] {
    return this.context?.woundable === true ? [this.lock.key, this.context.key] : [this.lock.key];
  }

  ready(): boolean {
    return this.lock.look(this);
  }

  arm(): boolean {
    this.armed = true;
    this.#fresh = this.blocking;
    return this.lock.arm(this);
  }

  check(): boolean {
    if (this.lock.look(this)) return true;
    // The blocking runner looks once more before it sleeps: that is no ring.
    if (this.#fresh) {
      this.#fresh = false;
      return false;
    }
    this.lost++;
    if (!this.blocking) return false;
    // Woken in vain: somebody was faster. He holds it for a short time, or we would not have lost; and now it is our turn (H).
    const { polling, platform } = this.lock.host.agent;
    return platform.giveWay !== null && polling.spin(this);
  }

  /** Held by this very agent. */
  get unpolled(): boolean {
    return this.lock.state.holder !== null;
  }

  disarm(): void {
    if (!this.armed) return;
    this.armed = false;
    this.lock.queue.disarm();
  }

  pass(): void {
    this.lock.pass();
  }
}
