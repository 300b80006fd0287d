// SPDX-License-Identifier: MIT
/**
 * agent/object-wait — wait until a condition on one or several objects holds.
 *
 * Pairs  P1 rows published, mark set, then the condition ↔ change of the condition, then the mark or the rows.
 */

import type { Agent } from './agent.js';
import { publish, withdraw } from './shared-rows.js';
import type { Wait } from './wait.js';

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
    this.#armed = true;
    publish(this.agent, this.keys); // P1
    this.mark?.();
    return this.holds();
  }

  check(): boolean {
    return this.holds();
  }

  disarm(): void {
    if (!this.#armed) return;
    this.#armed = false;
    withdraw(this.agent, this.keys);
  }
}
