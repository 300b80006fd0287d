// SPDX-License-Identifier: MIT
/**
 * agent/alarm — makes the tasks of this agent look at a wait again when it is due. Who blocks looks by itself, now and then.
 */

import type { Agent } from './agent.js';
import type { Timer } from './ports.js';

export class Alarm {
  #timer: Timer | null = null;

  constructor(
    readonly agent: Agent,
    /** Object that the wait waits for. */
    readonly key: number,
  ) {}

  /** Rings once, at `due` or later; Infinity: never. Takes the place of what was set before. */
  set(due: number): void {
    this.cancel();
    if (due === Infinity) return;
    const { agent, key } = this;
    const { platform } = agent;
    this.#timer = platform.timer(Math.max(0, due - platform.now()), () => {
      if (platform.now() < due)
        this.set(due); // it may come early, by a part of a millisecond
      else agent.ring(agent.slot, key);
    });
  }

  cancel(): void {
    this.#timer?.cancel();
    this.#timer = null;
  }
}
