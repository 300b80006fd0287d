// SPDX-License-Identifier: MIT
/**
 * agent/lingering — an agent that has served a call looks for the next one for a moment, before its bell has to wake it: a wake
 * costs many times as much as a look, and who calls once calls again.
 *
 * Meanwhile `looking` says so, and callers need not ring. How long it is worth, the time between recent calls tells.
 *
 * Pairs  P13 target: looking = 0, then inbox ↔ caller: inbox, then looking.
 */

import { load, store, type Words } from '../mem/index.js';
import type { Agent } from './agent.js';
import { SlotLayout } from './layout.js';
import { Polling } from './poll.js';

/** Calls, one after the other, after which the event loop turns. */
const SPINS = 64;

export class Lingering {
  readonly #words: Words;
  readonly #at: number;
  readonly #polling: Polling;
  #turns = 0;
  #looking = false;
  /** When the last call came. */
  #last = 0;

  constructor(
    readonly agent: Agent,
    /** Serves what is in the inbox. */
    readonly serve: () => void,
  ) {
    this.#words = agent.arena.words;
    this.#at = agent.slots.at(agent.slot);
    this.#polling = new Polling(agent.platform);
  }

  /** A call has come: another one may follow soon. */
  called(): void {
    const now = this.agent.platform.now();
    this.#polling.learn(now - this.#last);
    this.#last = now;
    this.#turns = this.#polling.turns;
    if (this.#looking || this.#turns === 0) return;
    this.#looking = true;
    store(this.#words, this.#at + SlotLayout.at.looking, 1);
    this.agent.platform.soon(() => this.#turn());
  }

  #turn(): void {
    const { platform, left } = this.agent;
    if (left) return;
    // Who calls again at once is served at once; but now and then the event loop turns for all others.
    for (let spins = SPINS; spins > 0 && this.#polling.spin(this); spins--) this.serve();
    if (--this.#turns > 0) {
      platform.soon(() => this.#turn());
      return;
    }
    this.#looking = false;
    store(this.#words, this.#at + SlotLayout.at.looking, 0); // P13
    if (this.ready()) this.serve();
  }

  /** There is a call, or one was given up. */
  ready(): boolean {
    return load(this.#words, this.#at + SlotLayout.at.inbox) !== 0; // P13
  }
}
