// SPDX-License-Identifier: MIT
/**
 * host/give-way — offer the core to whoever else wants it (sched_yield), through koffi when it is installed.
 *
 * Between two threads on one core this is the difference between a hand-off at once and one at the end of a time slice. koffi
 * is optional: without it nothing breaks, short waits on a shared core sleep instead. It is loaded at the first wait, since
 * loading it takes 10 to 30 ms; and on the main thread only: a worker that is terminated while an addon loads takes the whole
 * process down.
 */

import { createRequire } from 'node:module';
import { isMainThread } from 'node:worker_threads';

interface Koffi {
  load(path: null): { func(prototype: string): () => number };
}

let call: (() => void) | null = null;

function nothing(): void {}

function load(): () => void {
  if (!isMainThread) return nothing;
  try {
    const koffi = createRequire(import.meta.url)('koffi') as Koffi;
    return koffi.load(null).func('int sched_yield()');
  } catch {
    return nothing;
  }
}

export function giveWay(): void {
  call ??= load();
  call();
}
