// SPDX-License-Identifier: MIT
/**
 * host/addon-gate — nobody ends a thread while it loads a native addon.
 *
 * A thread that is terminated inside an addon's initialisation takes the whole process down. So the main thread gives each
 * thread that it starts a gate, a word of its own: who ends the thread shuts the gate first, and waits for a load that has begun,
 * however long it takes. Only when the process exits there is no event loop left to wait on: then it blocks, and not for ever.
 * A thread without a gate (started by somebody else, or by a thread that may itself be terminated) loads nothing.
 *
 *    OPEN ── loads ──▶ LOADING ── loaded ──▶ DONE
 *    OPEN ── about to end ──▶ SHUT
 */

import { isMainThread } from 'node:worker_threads';
import { block, cas, load, notify, store, type Words, waitAsync } from '../mem/index.js';

const Gate = { OPEN: 0, LOADING: 1, DONE: 2, SHUT: 3 } as const;

/** Milliseconds that an exiting process waits: a load takes 5 to 30. */
const PATIENCE = 1000;
/** Milliseconds between two signs of life of a timer that only keeps the event loop going. */
const IDLE = 0x7fff_ffff;

/** Of threads that live. */
const gates = new Set<Words>();

/** @blocking while a thread loads an addon */
function shutAll(): void {
  for (const gate of gates) if (close(gate)) block(gate, 0, Gate.LOADING, PATIENCE);
}

/** From now on no load begins. @returns whether one has begun, and is not over */
function close(gate: Words): boolean {
  return cas(gate, 0, Gate.OPEN, Gate.SHUT) === Gate.LOADING;
}

/** A gate for a thread that is about to be started; null when nobody could keep it. */
export function newGate(): Words | null {
  if (!isMainThread) return null;
  const gate = new Int32Array(new SharedArrayBuffer(4));
  // Leaving the process ends its threads, too.
  if (gates.size === 0) process.on('exit', shutAll);
  gates.add(gate);
  return gate;
}

/** That thread has ended, or never begun. Whoever waits for the end of a load need not any more. */
export function dropGate(gate: Words | null): void {
  if (gate === null || !gates.delete(gate)) return;
  if (gates.size === 0) process.off('exit', shutAll);
  leave(gate);
}

/** That thread is to be ended. @returns null: now; else once the load that has begun is over */
export function shut(gate: Words | null): Promise<void> | null {
  return gate !== null && close(gate) ? untilLoaded(gate) : null;
}

async function untilLoaded(gate: Words): Promise<void> {
  // A pending waitAsync does not keep the event loop going.
  const alive = setInterval(() => {}, IDLE);
  try {
    while (load(gate, 0) === Gate.LOADING) await waitAsync(gate, 0, Gate.LOADING, Infinity);
  } finally {
    clearInterval(alive);
  }
}

function leave(gate: Words): void {
  store(gate, 0, Gate.DONE);
  notify(gate, 0);
}

/** Runs `loading` unless this thread may be ended meanwhile. @returns null when it may */
export function throughGate<T>(gate: Words | null, loading: () => T): T | null {
  if (isMainThread) return loading();
  if (gate === null || cas(gate, 0, Gate.OPEN, Gate.LOADING) !== Gate.OPEN) return null;
  try {
    return loading();
  } finally {
    leave(gate);
  }
}
