// SPDX-License-Identifier: MIT
/**
 * host/node-platform — the ports of agent/ports on Node: clock, timers, turns, keeping the process alive.
 *
 * A pending waitAsync does not keep Node's event loop alive, so one ref'd interval per thread does while anything
 * is pending.
 */

import type { Platform, Processes, Timer } from '../agent/index.js';
import { giveWay } from './give-way.js';
import { isTaskGone, isThreadGone } from './node-threads.js';

const FOREVER = 0x7fff_ffff;

/** Timers beyond what Node can count are re-armed. */
function timer(ms: number, fn: () => void): Timer {
  const due = performance.now() + ms;
  let handle: NodeJS.Timeout;
  const arm = (): void => {
    const left = due - performance.now();
    handle = setTimeout(left > FOREVER ? arm : fn, Math.min(Math.max(left, 0), FOREVER)).unref();
  };
  arm();
  return { cancel: () => clearTimeout(handle) };
}

/** Milliseconds that the system's monotonic clock, the same for all threads and processes, is ahead of this thread's. */
const ahead = Number(process.hrtime.bigint()) / 1e6 - performance.now();

/** Milliseconds since the epoch at which the monotonic clock of the system was 0, as this thread sees it. */
export function ownClock(): number {
  return performance.timeOrigin - ahead;
}

/** One per agent. `clock`: as `ownClock`, but of whoever made the domain: each thread and process would see another one. */
export function nodePlatform(processes: Processes | null = null, clock = ownClock()): Platform {
  const origin = clock + ahead;
  const alive = setInterval(() => {}, FOREVER).unref();
  let holds = 0;
  return {
    now: () => origin + performance.now(),
    timer,
    soon: (fn) => void setImmediate(fn),
    microtask: queueMicrotask,
    giveWay: giveWay(),
    hold: () => {
      if (holds++ === 0) alive.ref();
    },
    release: () => {
      if (--holds === 0) alive.unref();
    },
    mayBlock: true,
    isGone: processes === null ? isThreadGone : isTaskGone,
    processes,
  };
}

/** Settles after so many milliseconds; keeps the process alive until then. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
