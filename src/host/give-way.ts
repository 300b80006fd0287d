// SPDX-License-Identifier: MIT
/**
 * host/give-way — offer the core to whoever else wants it (sched_yield), through koffi when it is installed.
 *
 * Between two threads on one core this is the difference between a hand-off at once and one at the end of a time slice. koffi
 * is optional: without it nothing breaks, short waits on a shared core sleep instead. Loading it takes 5 to 30 ms; that is paid when
 * a thread joins its first domain, not at its first hand-off.
 */

import { createRequire } from 'node:module';
import { throughGate } from './addon-gate.js';
import { inheritance } from './node-workers.js';

interface Koffi {
  load(path: null): { func(prototype: string): () => number };
}

let call: (() => void) | null | undefined;

function load(): (() => void) | null {
  try {
    const koffi = createRequire(import.meta.url)('koffi') as Koffi;
    return koffi.load(null).func('int sched_yield()');
  } catch {
    return null;
  }
}

/** Gives the core away; null when this thread cannot. */
export function giveWay(): (() => void) | null {
  if (call === undefined) call = throughGate(inheritance()?.gate ?? null, load);
  return call;
}
