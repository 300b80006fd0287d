// SPDX-License-Identifier: MIT
/**
 * buf/member — an agent, as its domain sees it. Declared here because a share may be meant for one.
 */

/** An agent, as its domain sees it: spawned, or adopted. */
export interface Member {
  readonly name: string;
  readonly as: 'thread' | 'process';
  /** pid or threadId. */
  readonly id: number;
  /** The real node:worker_threads Worker, or node:child_process ChildProcess: cast it, listen to it. */
  readonly host: unknown;
  /** Settles after death AND recovery: its locks have passed on, its fences have failed, its references are gone. Never rejects. */
  readonly gone: Promise<{ readonly clean: boolean; readonly reason: string }>;
  /** terminate() or SIGKILL; resolves like `gone`: what it held is free then. Right also for a stopped, hung or dead member. */
  kill(): Promise<void>;
}
