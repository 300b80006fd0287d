// SPDX-License-Identifier: MIT
/**
 * fence/options — what every wait of the public API takes.
 */

/** Options of every wait. */
export interface WaitOptions {
  /** Rejects with `signal.reason`. */
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds, >= 0; 0 = fail at once unless no wait is needed. Default Infinity. Too late: ETIMEDOUT. */
  readonly timeout?: number | undefined;
}

/** Options of the blocking twins: nothing can abort a blocked thread. */
export interface SyncWaitOptions {
  readonly timeout?: number | undefined;
}
