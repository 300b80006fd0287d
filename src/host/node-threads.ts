// SPDX-License-Identifier: MIT
/**
 * host/node-threads — which OS thread runs us, and whether one is gone. Linux: /proc says so, to anybody, without an event
 * loop. Elsewhere nobody can ask: a death is noticed by the 'exit' event of the Worker only.
 *
 * A thread id may be used again, so an identity is the id and the start time of the thread.
 */

import { readFileSync, readlinkSync } from 'node:fs';
import { threadId } from 'node:worker_threads';

export interface ThreadIdentity {
  readonly thread: number;
  /** In the system's clock ticks since boot; 0 = unknown. */
  readonly startTime: number;
}

/** The thread that calls. */
export function ownThread(): ThreadIdentity {
  try {
    const thread = Number(readlinkSync('/proc/thread-self').split('/').at(-1));
    return { thread, startTime: startTimeOf(thread) };
  } catch {
    // No /proc: a number that no other thread of this process has.
    return { thread: 0x4000_0000 + threadId, startTime: 0 };
  }
}

/** True when that thread of this process has ended; false when it lives, or nobody can say. */
export function isThreadGone(thread: number, startTime: number): boolean {
  if (process.platform !== 'linux') return false;
  try {
    const now = startTimeOf(thread);
    return startTime !== 0 && now !== startTime;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === 'ENOENT' || code === 'ESRCH';
  }
}

/** Field 22 of stat; the name in field 2 may hold anything, so count from behind its last parenthesis. */
function startTimeOf(thread: number): number {
  const stat = readFileSync(`/proc/self/task/${thread}/stat`, 'latin1');
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]);
}
