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

/** One per agent. */
export function nodePlatform(processes: Processes | null = null): Platform {
  const { timeOrigin } = performance;
  const alive = setInterval(() => {}, FOREVER).unref();
  let holds = 0;
  return {
    now: () => timeOrigin + performance.now(),
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
