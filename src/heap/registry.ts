// SPDX-License-Identifier: MIT
/**
 * heap/registry — rows with names: found by their name, or made by whoever asks first.
 *
 * Finding and making happen under one lock per table. It is held for a moment, or, while a pool is made, for as long as its
 * buffers take. A row that is BUILDING while somebody else has the lock is what a dead holder left behind.
 *
 * Invariants  a row is LIVE by the last store of its making, and only the holder of the lock makes rows.
 * Lock order  before the lock of a heap; nothing else is taken under it.
 * Deaths      the lock is taken over from the dead (see heap-lock). BUILDING rows are discarded by the next who makes one; what
 *             they had claimed is given back by `discard`.
 */

import { AGENT_WORDS, type Agent } from '../agent/index.js';
import { fail } from '../errors.js';
import { byteLength, load, readText, store, type Words, writeText } from '../mem/index.js';
import { HeapLock } from './heap-lock.js';

/** FREE → BUILDING → LIVE → (CLOSING) → FREE. Low bits of a row's state word; its table may use the others. */
export const RowState = { FREE: 0, BUILDING: 1, LIVE: 2, CLOSING: 3 } as const;
const STATE = 7;

/** Where a table with names stands in the arena; the last five are offsets in a row. */
export interface NamedTable {
  readonly rows: number;
  readonly base: number;
  readonly size: number;
  /** Words of the arena: the lock, and how many rows have ever been in use. */
  readonly lock: number;
  readonly used: number;
  readonly state: number;
  readonly openers: number;
  readonly name: number;
  readonly nameBytes: number;
}

export class Registry {
  readonly #words: Words;
  readonly #lock: HeapLock;
  #inside = false;

  constructor(
    readonly agent: Agent,
    readonly table: NamedTable,
  ) {
    this.#words = agent.arena.words;
    this.#lock = new HeapLock(agent, table.lock);
  }

  at(row: number): number {
    return this.table.base + row * this.table.size;
  }

  get used(): number {
    return load(this.#words, this.table.used);
  }

  stateOf(row: number): number {
    return load(this.#words, this.at(row) + this.table.state) & STATE;
  }

  isLive(row: number): boolean {
    return this.stateOf(row) === RowState.LIVE;
  }

  /** Calls `each` for every row that is LIVE now. */
  eachLive(each: (row: number) => void): void {
    for (let row = 0, used = this.used; row < used; row++) if (this.isLive(row)) each(row);
  }

  nameOf(row: number): string {
    return readText(this.#words, this.at(row) + this.table.name, this.table.nameBytes);
  }

  /** @throws EINVAL */
  checkName(op: string, name: unknown): string {
    const { nameBytes } = this.table;
    if (typeof name === 'string' && name.length > 0 && byteLength(name) <= nameBytes) return name;
    const why = `name must be a text of 1 to ${nameBytes} bytes`;
    throw fail('EINVAL', op, { name: typeof name === 'string' ? name : typeof name }, { why });
  }

  // ------------------------------------------------------------------------------------------- under the lock

  /** Runs `body` with the lock of the table held. @throws EDEADLK this thread is inside already */
  locked<T>(op: string, body: () => T): T {
    if (this.#inside) {
      throw fail('EDEADLK', op, {}, { why: 'this thread is in the middle of such a call already' });
    }
    this.#inside = true;
    // Whoever died inside left at most a BUILDING row behind.
    this.#lock.enter();
    try {
      return body();
    } finally {
      this.#lock.leave();
      this.#inside = false;
    }
  }

  /** The live row of that name, or -1. */
  find(name: string): number {
    const length = byteLength(name);
    for (let row = 0, used = this.used; row < used; row++) {
      // Most names differ in their lengths already, which is the first word of a text.
      if (!this.isLive(row) || load(this.#words, this.at(row) + this.table.name) !== length)
        continue;
      if (this.nameOf(row) === name) return row;
    }
    return -1;
  }

  /** A free row, BUILDING from now on; -1 when there is none. `discard` clears what a dead builder had begun. */
  claim(name: string, discard: (row: number) => void): number {
    const w = this.#words;
    const { rows, used, state, openers, name: text } = this.table;
    let found = -1;
    for (let row = 0; row < rows && (found < 0 || row < this.used); row++) {
      if (this.stateOf(row) === RowState.BUILDING) {
        discard(row);
        this.free(row);
      }
      if (found < 0 && this.stateOf(row) === RowState.FREE) found = row;
    }
    if (found < 0) return -1;
    const at = this.at(found);
    if (load(w, used) <= found) store(w, used, found + 1);
    store(w, at + state, RowState.BUILDING);
    for (let i = 0; i < AGENT_WORDS; i++) store(w, at + openers + i, 0);
    writeText(w, at + text, name);
    return found;
  }

  /** BUILDING → LIVE. */
  publish(row: number): void {
    store(this.#words, this.at(row) + this.table.state, RowState.LIVE);
  }

  /** Nobody has it open, and nothing is in it. */
  free(row: number): void {
    store(this.#words, this.at(row) + this.table.state, RowState.FREE);
  }
}
