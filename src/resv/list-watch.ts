// SPDX-License-Identifier: MIT
/**
 * resv/list-watch — a wait for fences to come: readiness is lost when a fence is added, and nobody signals anything then.
 *
 * Whoever adds a fence looks at one word, and only when somebody watches at the wait rows. The word is cleared by who tells, so each
 * look of a watcher sets it anew, before it looks.
 *
 * Pairs  P30 watcher: wait row, `watched`, then the list ↔ holder of the lock: the slot (and count), then `watched`, cleared before the
 *        wait rows are looked at.
 */

import { type Agent, ObjectWait, objectKey, type Wait } from '../agent/index.js';
import { load, store, type Words } from '../mem/index.js';
import { ResvLayout } from './layout.js';

/** Among keys of buffers: those of lists of fences. */
const LIST = 1 << 28;

/** What watchers of the list of this reservation are rung for. */
export function listKey(row: number): number {
  return objectKey('buffer', LIST | row);
}

/** The reservation whose list is meant by the row of a buffer's key; -1 = it is a buffer's. */
export function listOf(row: number): number {
  return (row & LIST) === 0 ? -1 : row & ~LIST;
}

const watchedAt = (at: number): number => at + ResvLayout.at.watched;

/** A fence was added to the list of the record at `at`: after the store of its slot. */
export function tellWatchers(agent: Agent, words: Words, row: number, at: number): void {
  if (load(words, watchedAt(at)) === 0) return; // P30
  store(words, watchedAt(at), 0);
  agent.wake(listKey(row));
}

/** Until one fence is over, or `changed`, which is looked at whenever a fence is added to the list. */
export class ListWatch implements Wait {
  readonly keys: readonly number[];
  /** Nobody is in a hurry to learn that something begins. */
  readonly unpolled: boolean;
  readonly #added: ObjectWait;
  readonly #over: Wait | null;
  readonly #mark: () => void;

  /**
   * @param at    first word of the record.
   * @param over  until a fence of the list is over; null = none is pending.
   */
  constructor(
    { agent, words }: { readonly agent: Agent; readonly words: Words },
    row: number,
    at: number,
    over: Wait | null,
    readonly changed: () => boolean,
  ) {
    const key = listKey(row);
    this.keys = over === null ? [key] : [...over.keys, key];
    this.unpolled = over === null || over.unpolled === true;
    this.#over = over;
    this.#mark = () => store(words, watchedAt(at), 1);
    this.#added = new ObjectWait(agent, [key], changed, this.#mark); // P30: row, mark, then the list
  }

  ready(): boolean {
    return this.#over?.ready() === true || this.changed();
  }

  arm(): boolean {
    const over = this.#over?.arm() === true;
    return this.#added.arm() || over;
  }

  check(): boolean {
    this.#mark(); // P30
    return this.ready();
  }

  disarm(): void {
    this.#over?.disarm();
    this.#added.disarm();
  }
}
