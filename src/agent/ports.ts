// SPDX-License-Identifier: MIT
/**
 * agent/ports — what the rooms below `host` need of the platform. `host` implements it, `domain` passes it in, models fake it.
 */

/** A pending timer. */
export interface Timer {
  cancel(): void;
}

/** What we use of an AbortSignal, so that no room below `host` depends on a platform's types. */
export interface Abortable {
  readonly aborted: boolean;
  readonly reason: unknown;
  addEventListener(type: 'abort', listener: () => void): void;
  removeEventListener(type: 'abort', listener: () => void): void;
}

export interface Platform {
  /** Milliseconds since the epoch, with fractions; never goes back. */
  now(): number;
  /** Runs `fn` once, in `ms` or later; never sooner. Does not keep the process alive. */
  timer(ms: number, fn: () => void): Timer;
  /** Runs `fn` in a later turn of the event loop, after I/O had its chance. */
  soon(fn: () => void): void;
  /** Runs `fn` when the current JavaScript job is over. */
  microtask(fn: () => void): void;
  /** Gives the core away if somebody else wants it; null where the platform has no such call. */
  readonly giveWay: (() => void) | null;
  /** Between hold and release the process stays alive. Counted: as many releases as holds. */
  hold(): void;
  release(): void;
  /** May this thread block in a blocking wait? False on a browser's main thread. */
  readonly mayBlock: boolean;
  /** True when no instruction of that thread can run any more. Never because it is slow or stopped. Unknown is false. */
  isGone(identity: number, startTime: number): boolean;
  /** Wakes an agent whose waiters a notify from here cannot reach. Nothing to do among threads. */
  kick(slot: number): void;
}
