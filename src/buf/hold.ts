// SPDX-License-Identifier: MIT
/**
 * buf/hold — a reservation lock, as it is held around exporter callbacks.
 *
 * A lock is not released under a callback that is running. When the one who waits for an asynchronous callback gives up, a lock
 * that this room took stays held until the callback has ended and was undone, and what has to be undone after it with it; a lock
 * that the importer took is his to release, and is taken once more for the undoing.
 */

import { BorrowedLock, type HeldLock, type Reservation, type ResvLock } from '../resv/index.js';
import type { Buffers } from './buffers.js';

/** Undoes, with the lock held. */
export type Undo = (lock: HeldLock) => void;

export interface Hold {
  readonly lock: HeldLock;
  /** A callback goes on without its caller. @returns to be called when it has ended; it undoes, then calls `ended` */
  outlive(): (undo: Undo | null, ended: () => void) => void;
}

/** A lock that this room took. */
export class OwnHold implements Hold {
  /** Callbacks that go on without their caller. */
  #running = 0;
  #released = false;
  readonly #unwinding: Undo[] = [];

  constructor(readonly lock: ResvLock) {}

  outlive(): (undo: Undo | null, ended: () => void) => void {
    this.#running++;
    return (undo, ended) => {
      try {
        undo?.(this.lock);
      } finally {
        this.#running--;
        this.#settle();
        ended();
      }
    };
  }

  /** Undoes what came before a callback that failed: at once, unless that callback is still running. */
  unwind(undo: Undo): void {
    this.#unwinding.push(undo);
    this.#settle();
  }

  /** Unlocks, unless a callback is still running. */
  release(): void {
    this.#released = true;
    this.#settle();
  }

  #settle(): void {
    if (this.#running > 0) return;
    for (const undo of this.#unwinding.splice(0)) undo(this.lock);
    if (this.#released) this.lock.unlock();
  }
}

/** A lock that the importer took, and showed. */
class ShownHold implements Hold {
  constructor(
    readonly buffers: Buffers,
    readonly lock: HeldLock,
  ) {}

  outlive(): (undo: Undo | null, ended: () => void) => void {
    const { buffers, lock } = this;
    return (undo, ended) => {
      if (undo === null) ended();
      else void buffers.background(withLock(buffers, lock.resv, undo).then(ended, ended));
    };
  }
}

/** A lock that an importer in another agent took, and sent along. */
class BorrowedHold implements Hold {
  constructor(readonly lock: BorrowedLock) {}

  outlive(): (undo: Undo | null, ended: () => void) => void {
    const end = this.lock.outlive();
    return (undo, ended) => {
      try {
        undo?.(this.lock);
      } finally {
        end();
        ended();
      }
    };
  }
}

/** The lock that an importer showed. */
export function shownHold(buffers: Buffers, lock: HeldLock): Hold {
  return lock instanceof BorrowedLock ? new BorrowedHold(lock) : new ShownHold(buffers, lock);
}

/** Runs `work` with the lock, as soon as it is free. A dead holder before us stays known to the next one. */
export function withLock(buffers: Buffers, resv: Reservation, work: Undo): Promise<void> {
  return buffers.agent.run(
    'Reservation.lock',
    (function* () {
      const lock = yield* resv.lockOperation('Reservation.lock', { recover: true });
      try {
        work(lock);
      } finally {
        lock.unlock();
      }
    })(),
  );
}
