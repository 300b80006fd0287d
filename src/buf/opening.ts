// SPDX-License-Identifier: MIT
/**
 * buf/opening — one call that waits for something which comes on the event loop, or which it has to fetch itself if it blocks.
 */

import type { Agent, Wait } from '../agent/index.js';

export class Opening<T> implements Wait {
  readonly keys: readonly number[];
  /** What ends it is work of this agent. */
  readonly unpolled = true;
  outcome: { readonly of: T } | { readonly error: unknown } | null = null;
  /** The call blocks: nothing was started. */
  blocks = false;
  #started = false;

  constructor(
    readonly agent: Agent,
    key: number,
    readonly start: () => Promise<T>,
  ) {
    this.keys = [key];
  }

  ready(): boolean {
    return this.outcome !== null;
  }

  arm(): boolean {
    this.blocks = this.agent.slots.word(this.agent.slot, 'blocked') !== 0;
    if (this.blocks) return true;
    if (!this.#started) this.#start();
    return this.outcome !== null;
  }

  check(): boolean {
    return this.outcome !== null;
  }

  disarm(): void {}

  #start(): void {
    this.#started = true;
    const settle = (outcome: { readonly of: T } | { readonly error: unknown }): void => {
      this.outcome = outcome;
      for (const key of this.keys) this.agent.ring(this.agent.slot, key);
    };
    this.start().then(
      (of) => settle({ of }),
      (error: unknown) => settle({ error }),
    );
  }
}
