// SPDX-License-Identifier: MIT
/**
 * agent/sleepers — threads that block on a word of the arena, and who wakes them, in a domain of threads or of processes.
 *
 * The engine wakes only sleepers of its own process, so in a domain of processes all of them sleep in the system instead, on the
 * same word. Both end at the word's change, at the end of their time, or for no reason: a sleeper always looks again.
 */

import { type Arena, block, notify, type Words } from '../mem/index.js';
import type { Processes } from './ports.js';

export class Sleepers {
  readonly #words: Words;

  constructor(
    arena: Pick<Arena, 'words'>,
    readonly processes: Processes | null,
  ) {
    this.#words = arena.words;
  }

  /** Blocks while the word has `value`, at most `ms`. */
  block(index: number, value: number, ms: number): void {
    if (this.processes === null) block(this.#words, index, value, ms);
    else this.processes.block(index, value, ms);
  }

  /** Wakes all who block on the word. */
  wake(index: number): void {
    if (this.processes === null) notify(this.#words, index);
    else this.processes.wake(index);
  }
}
