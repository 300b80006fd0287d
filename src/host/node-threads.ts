// SPDX-License-Identifier: MIT
/**
 * host/node-threads — which OS thread runs us, and whether one is gone. Linux: /proc says so, to anybody, without an event
 * loop. Elsewhere nobody can ask: a death is noticed by the 'exit' event of the Worker only.
 *
 * A thread id may be used again, so an identity is the id and the start time of the thread.
 */

import { readlinkSync } from 'node:fs';
import { threadId } from 'node:worker_threads';
import { taskStat } from './linux/task-stat.js';

export interface ThreadIdentity {
  readonly thread: number;
  /** In the system's clock ticks since boot; 0 = unknown. */
  readonly startTime: number;
}

/** The thread that calls. */
export function ownThread(): ThreadIdentity {
  try {
    const thread = Number(readlinkSync('/proc/thread-self').split('/').at(-1));
    return { thread, startTime: taskStat(`/proc/self/task/${thread}`).started };
  } catch {
    // No /proc: a number that no other thread of this process has.
    return { thread: 0x4000_0000 + threadId, startTime: 0 };
  }
}

/** True when that thread of this process has ended; false when it lives, or nobody can say. */
export function isThreadGone(thread: number, startTime: number): boolean {
  return isGone(`/proc/self/task/${thread}`, startTime);
}

/** The same of any thread, and so of any process: of that number in the whole system. */
export function isTaskGone(thread: number, startTime: number): boolean {
  return isGone(`/proc/${thread}`, startTime, () => isHidden(thread));
}

function isGone(place: string, startTime: number, hidden = () => false): boolean {
  if (process.platform !== 'linux') return false;
  try {
    const { state, started } = taskStat(place);
    // Ended, and nobody has asked yet how: it will never run again.
    if (state === 'Z' || state === 'X') return true;
    return startTime !== 0 && started !== startTime;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === 'ESRCH' || (code === 'ENOENT' && !hidden());
  }
}

/** Where /proc is mounted with hidepid it shows the tasks of one's own user only. Whether there is such a task a signal still tells. */
function isHidden(thread: number): boolean {
  try {
    return process.kill(thread, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

export function ownProcess(): number {
  return process.pid;
}

/** When this process started, as its threads tell it; 0 = unknown. */
export function ownProcessStart(): number {
  try {
    return taskStat('/proc/self').started;
  } catch {
    return 0;
  }
}
