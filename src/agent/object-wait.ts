// SPDX-License-Identifier: MIT
/**
 * agent/object-wait — wait until a condition on one or several objects holds.
 *
 * Pairs  P1 rows published, mark set, then the condition ↔ change of the condition, then the mark or the rows.
 */

import type { Agent } from './agent.js';
import type { Wait } from './wait.js';

/** Waits of one agent share the row of an object: the last one removes it. */
const shares = new WeakMap<Agent, Map<number, number>>();

export class ObjectWait implements Wait {
  #armed = false;

  /**
   * @param keys  the objects whose wakers make the condition worth looking at.
   * @param holds the condition; reads shared words only.
   * @param mark  runs after the rows are published and before the condition is looked at: sets "somebody waits" bits.
   */
  constructor(
    readonly agent: Agent,
    readonly keys: readonly number[],
    readonly holds: () => boolean,
    readonly mark: (() => void) | null = null,
    readonly unpolled = false,
  ) {}

  ready(): boolean {
    return this.holds();
  }

  arm(): boolean {
    const counts = sharesOf(this.agent);
    this.#armed = true;
    for (const key of this.keys) {
      const count = counts.get(key) ?? 0;
      counts.set(key, count + 1);
      if (count === 0) this.agent.rows.put(key); // P1
    }
    this.mark?.();
    return this.holds();
  }

  check(): boolean {
    return this.holds();
  }

  disarm(): void {
    if (!this.#armed) return;
    this.#armed = false;
    const counts = sharesOf(this.agent);
    for (const key of this.keys) {
      const count = (counts.get(key) ?? 1) - 1;
      if (count > 0) {
        counts.set(key, count);
        continue;
      }
      counts.delete(key);
      this.agent.rows.remove(key);
    }
  }
}

function sharesOf(agent: Agent): Map<number, number> {
  let counts = shares.get(agent);
  if (counts === undefined) shares.set(agent, (counts = new Map()));
  return counts;
}
