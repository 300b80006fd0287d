// SPDX-License-Identifier: MIT
/**
 * agent/sleepers — who sleeps on a word of the arena, and how they are woken, in a domain of threads or of processes.
 *
 * The engine wakes only sleepers of its own process. So in a domain of processes threads that block do it in the system, on the same
 * word, where anybody can wake them. An event loop cannot: it listens to the engine, and who is in another process asks a thread of
 * this one to rouse it. Every sleep ends at the word's change, at the end of its time, or for no reason: a sleeper always looks again.
 */

import { type Arena, block, notify, type Words, waitAsync } from '../mem/index.js';
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

  /** Wakes all who block on the word; in a domain of threads also those that listen. */
  wake(index: number): void {
    if (this.processes === null) notify(this.#words, index);
    else this.processes.wake(index);
  }

  /** Settles when it is roused, or after `ms`; null when the word has another value. */
  listen(index: number, value: number, ms: number): PromiseLike<unknown> | null {
    return waitAsync(this.#words, index, value, ms);
  }

  /** Wakes the event loops of this process that listen to the word. */
  rouse(index: number): void {
    notify(this.#words, index);
  }
}
