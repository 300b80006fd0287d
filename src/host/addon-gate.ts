// SPDX-License-Identifier: MIT
/**
 * host/addon-gate — nobody ends a thread while it loads a native addon.
 *
 * A thread that is terminated inside an addon's initialisation takes the whole process down. So the main thread gives each
 * thread that it starts a gate, a word of its own: who ends the thread shuts the gate first, and waits for a load that has begun.
 * A thread without a gate (started by somebody else, or by a thread that may itself be terminated) loads nothing.
 *
 *    OPEN ── loads ──▶ LOADING ── loaded ──▶ DONE
 *    OPEN ── about to end ──▶ SHUT
 */

import { isMainThread } from 'node:worker_threads';
import { block, cas, notify, store, type Words } from '../mem/index.js';

const Gate = { OPEN: 0, LOADING: 1, DONE: 2, SHUT: 3 } as const;

/** Milliseconds: a load takes 5 to 30. */
const PATIENCE = 1000;

/** Of threads that live. */
const gates = new Set<Words>();

function shutAll(): void {
  for (const gate of gates) shut(gate);
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

/** That thread has ended. */
export function dropGate(gate: Words | null): void {
  if (gate === null || !gates.delete(gate)) return;
  if (gates.size === 0) process.off('exit', shutAll);
}

/** From now on that thread may be ended at any moment. @blocking while it loads an addon */
export function shut(gate: Words | null): void {
  if (gate === null || cas(gate, 0, Gate.OPEN, Gate.SHUT) !== Gate.LOADING) return;
  block(gate, 0, Gate.LOADING, PATIENCE);
}

/** Runs `loading` unless this thread may be ended meanwhile. @returns null when it may */
export function throughGate<T>(gate: Words | null, loading: () => T): T | null {
  if (isMainThread) return loading();
  if (gate === null || cas(gate, 0, Gate.OPEN, Gate.LOADING) !== Gate.OPEN) return null;
  try {
    return loading();
  } finally {
    store(gate, 0, Gate.DONE);
    notify(gate, 0);
  }
}
