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
  /** How agents of other processes are reached; null where all are threads of one process. */
  readonly processes: Processes | null;
}

/** A notify reaches the threads of its own process only, so between processes there is more to do. */
export interface Processes {
  /** Row of this agent's station + 1, as it stands in its slot. */
  readonly station: number;
  /** Rings the doorbell of another station: the event loops of its agents look at their bells. Never blocks. */
  kick(station: number): void;
  /** Can every process that may have to wake this one ring its doorbell? Ask after publishing that it sleeps. */
  heard(): boolean;
  /** Calls `answer` whenever the doorbell of this station has rung. Does not keep the process alive. */
  listen(answer: () => void): Disposable;
  /** Blocks while that word of the arena has `value`, at most `ms`; `wake` from any process ends it. May end without reason. */
  block(index: number, value: number, ms: number): void;
  /** Ends every `block` on that word, in all processes. */
  wake(index: number): void;
}
