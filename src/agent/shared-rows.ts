// SPDX-License-Identifier: MIT
/**
 * agent/shared-rows — wait rows that several waits of one agent share: the last one removes the row.
 *
 * Pairs  P1 see rows.
 */

import type { Agent } from './agent.js';

/** How many waits of an agent each object has. */
const shares = new WeakMap<Agent, Map<number, number>>();

export function publish(agent: Agent, keys: readonly number[]): void {
  const counts = sharesOf(agent);
  for (const key of keys) {
    const count = counts.get(key) ?? 0;
    counts.set(key, count + 1);
    if (count === 0) agent.rows.put(key); // P1
  }
}

export function withdraw(agent: Agent, keys: readonly number[]): void {
  const counts = sharesOf(agent);
  for (const key of keys) {
    const count = (counts.get(key) ?? 1) - 1;
    if (count > 0) {
      counts.set(key, count);
      continue;
    }
    counts.delete(key);
    agent.rows.remove(key);
  }
}

function sharesOf(agent: Agent): Map<number, number> {
  let counts = shares.get(agent);
  if (counts === undefined) shares.set(agent, (counts = new Map()));
  return counts;
}
