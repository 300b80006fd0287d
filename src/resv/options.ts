// SPDX-License-Identifier: MIT
/**
 * resv/options — what calls of this room take.
 */

import type { SyncWaitOptions, WaitOptions } from '../fence/index.js';
import type { AcquireContext } from './acquire-context.js';
import { Reservation } from './reservation.js';

/** Options of the calls that take a reservation lock. */
export interface LockOptions extends WaitOptions {
  /** Take part in a multi-lock. */
  readonly context?: AcquireContext | undefined;
  /**
   * The last holder died while holding: false (default) = reject with EOWNERDEAD; true = you get the lock, and `ownerDied`
   * is true.
   */
  readonly recover?: boolean | undefined;
}

/** Options of the blocking twins: nothing can abort a blocked thread. */
export interface LockSyncOptions extends SyncWaitOptions {
  readonly context?: AcquireContext | undefined;
  readonly recover?: boolean | undefined;
}

/** What a lock operation of another room may say. */
export interface LockRequest {
  readonly context?: AcquireContext | null | undefined;
  readonly recover?: boolean | undefined;
  /** The operation runs on this thread, which blocks. */
  readonly blocking?: boolean | undefined;
}

/** What has a reservation: a buffer, or the reservation itself. */
export type Lockable = Reservation | { readonly resv: Reservation };

/** Undefined when it has none. Buffers first: they are what is asked for most. */
export function reservationOf(of: Lockable | undefined): Reservation | undefined {
  const resv: unknown = (of as { readonly resv?: unknown } | null | undefined)?.resv;
  if (Reservation.is(resv)) return resv;
  return Reservation.is(of) ? of : undefined;
}
