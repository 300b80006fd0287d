// SPDX-License-Identifier: MIT
/**
 * agent/wait — how an algorithm says "I must wait", once, for every runner.
 *
 * An operation that may have to wait is a generator. It yields a `Wait` and is resumed when that wait may be over (null), or
 * was interrupted by time-out or abort (an `Interrupt`). The same generator runs blocking, asynchronously, and in the explorer.
 * The order of R3 (publish, then look) is kept by the runners: `ready` (cheap, unpublished) while polling, then `arm` (publish
 * and look), then `check` after each ring, then `disarm`.
 */

import { type ErrorDetails, fail } from '../errors.js';

/** Something to wait for. */
export interface Wait {
  /** The objects whose wakers ring for this wait. Fixed while it is armed. */
  readonly keys: readonly number[];
  /** Looking for a moment is no use: only this very agent can end it, or nobody is in a hurry. */
  readonly unpolled?: boolean;
  /** A cheap look before anything is published. True = resume the operation. */
  ready(): boolean;
  /** Publishes that somebody waits, then looks (P1). True = resume the operation. */
  arm(): boolean;
  /** Looks again, after a ring. True = resume the operation. */
  check(): boolean;
  /** Takes back what `arm` published. */
  disarm(): void;
  /** A ring came that this wait cannot use now, since its agent is blocked elsewhere: hand it to the next waiter. */
  pass?(): void;
}

/** Why a wait ended without what it waited for. */
export class Interrupt {
  constructor(
    readonly kind: 'timeout' | 'abort',
    readonly reason?: unknown,
  ) {}

  /** What to throw: the signal's own reason, or ETIMEDOUT. */
  error(op: string, at: ErrorDetails = {}): unknown {
    return this.kind === 'abort' ? this.reason : fail('ETIMEDOUT', op, at);
  }
}

/** An operation that may wait. */
export type Operation<T> = Generator<Wait, T, Interrupt | null>;

/** Parks on `wait` until it is over. @throws the interrupt's error */
export function* until(wait: Wait, op: string, at: ErrorDetails = {}): Operation<void> {
  const interrupt = yield wait;
  if (interrupt !== null) throw interrupt.error(op, at);
}
