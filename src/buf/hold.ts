// SPDX-License-Identifier: MIT
/**
 * buf/hold — a reservation lock, as it is held around exporter callbacks.
 *
 * A lock is not released under a callback that is running. When the one who waits for an asynchronous callback gives up, a lock
 * that this room took stays held until the callback has ended and was undone; a lock that the importer took is his to release,
 * and is taken once more for the undoing.
 */

import { BorrowedLock, type HeldLock, type Reservation, type ResvLock } from '../resv/index.js';
import type { Buffers } from './buffers.js';

/** Undoes, with the lock held. */
export type Undo = (lock: HeldLock) => void;

export interface Hold {
  readonly lock: HeldLock;
  /** A callback goes on without its caller. @returns to be called when it has ended, with what is to be undone */
  outlive(): (undo: Undo | null) => void;
}

/** A lock that this room took. */
export class OwnHold implements Hold {
  #users = 1;

  constructor(readonly lock: ResvLock) {}

  outlive(): (undo: Undo | null) => void {
    this.#users++;
    return (undo) => {
      try {
        undo?.(this.lock);
      } finally {
        this.release();
      }
    };
  }

  /** Unlocks, unless a callback is still running. */
  release(): void {
    if (--this.#users === 0) this.lock.unlock();
  }
}

/** A lock that the importer took, and showed. */
class ShownHold implements Hold {
  constructor(
    readonly buffers: Buffers,
    readonly lock: HeldLock,
  ) {}

  outlive(): (undo: Undo | null) => void {
    const { buffers, lock } = this;
    return (undo) => {
      if (undo !== null) void buffers.background(withLock(buffers, lock.resv, undo));
    };
  }
}

/** A lock that an importer in another agent took, and sent along. */
class BorrowedHold implements Hold {
  constructor(readonly lock: BorrowedLock) {}

  outlive(): (undo: Undo | null) => void {
    const end = this.lock.outlive();
    return (undo) => {
      try {
        undo?.(this.lock);
      } finally {
        end();
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
