// SPDX-License-Identifier: MIT
/**
 * agent/rows — what an agent waits for, readable by everybody.
 *
 * A single-writer hash table per agent: only its owner writes, wakers of all agents read. A row is looked for in a window of
 * WINDOW places, so removing needs no tombstones and a reader never follows anything. A wait that finds its window full counts
 * in `overflow`, and then every waker rings that agent: slower, never lost.
 *
 * Invariants  R2 one writer. A reader takes a row only when `ver` is even and the same before and after; a row that changes
 *             under it is ignored, because its writer looks again after writing (P1).
 * Pairs       P1 waiter: row, then the condition ↔ waker: change of the condition, then the rows.
 */

import { type Arena, load, store, type Words } from '../mem/index.js';
import { SlotLayout, WaitRowLayout, WaitRowSection } from './layout.js';
import type { Slots } from './slots.js';

const row = WaitRowLayout.at;
const SIZE = WaitRowLayout.size;
const slot = SlotLayout.at;
const WINDOW = 8;

/** What a row says beside its object: the place in a lock's queue. */
export interface Place {
  readonly ticket: number;
  /** 0 = no context. */
  readonly stamp: number;
  /** RowFlag bits. */
  readonly flags: number;
}

/** Another agent's row. */
export interface RemoteRow extends Place {
  readonly slot: number;
}

const ANYWHERE: Place = { ticket: 0, stamp: 0, flags: 0 };

export class WaitRows {
  readonly #words: Words;
  readonly #base: number;
  /** Rows of one agent, a power of two. */
  readonly #rows: number;
  /** Where this agent's rows stand; -1 = overflowed. */
  readonly #mine = new Map<number, number>();

  constructor(
    arena: Arena,
    readonly slots: Slots,
    /** The slot whose rows this object writes. */
    readonly self: number,
  ) {
    this.#words = arena.words;
    this.#base = arena.base(WaitRowSection);
    this.#rows = arena.limits.waitRows;
  }

  /** Publishes, or changes, this agent's row for `obj`. Look at the condition afterwards (P1). */
  put(obj: number, place: Place = ANYWHERE): void {
    let at = this.#mine.get(obj);
    if (at === undefined) {
      at = this.#find(this.self, obj, 0);
      this.#mine.set(obj, at);
      const field = at < 0 ? slot.overflow : slot.waiting;
      this.#count(field, 1);
    }
    if (at < 0) return;
    const w = this.#words;
    const ver = load(w, at + row.ver);
    store(w, at + row.ver, ver | 1);
    store(w, at + row.ticket, place.ticket);
    store(w, at + row.stampHigh, Math.floor(place.stamp / 2 ** 32));
    store(w, at + row.stampLow, place.stamp | 0);
    store(w, at + row.flags, place.flags);
    store(w, at + row.obj, obj);
    store(w, at + row.ver, (ver | 1) + 1); // P1
  }

  remove(obj: number): void {
    const at = this.#mine.get(obj);
    if (at === undefined) return;
    this.#mine.delete(obj);
    if (at >= 0) store(this.#words, at + row.obj, 0);
    this.#count(at < 0 ? slot.overflow : slot.waiting, -1);
  }

  /** Does that agent wait for `obj`, or for more than its table holds? */
  waits(index: number, obj: number): boolean {
    const at = this.slots.at(index);
    if (load(this.#words, at + slot.waiting) !== 0 && this.#find(index, obj, obj) >= 0) return true; // P1
    return load(this.#words, at + slot.overflow) !== 0;
  }

  /** That agent's row for `obj`; null when it has none, is writing it, or is blocked in a wait for something else. */
  read(index: number, obj: number): RemoteRow | null {
    const w = this.#words;
    const blocked = this.slots.at(index) + slot.blocked;
    if (load(w, this.slots.at(index) + slot.waiting) === 0) return null;
    const at = this.#find(index, obj, obj);
    if (at < 0) return null;
    const ver = load(w, at + row.ver);
    if ((ver & 1) !== 0) return null;
    const stamp =
      (load(w, at + row.stampHigh) >>> 0) * 2 ** 32 + (load(w, at + row.stampLow) >>> 0);
    const found = {
      slot: index,
      ticket: load(w, at + row.ticket),
      stamp,
      flags: load(w, at + row.flags),
    };
    const other = load(w, blocked);
    if (other !== 0 && other !== obj) return null;
    return load(w, at + row.obj) === obj && load(w, at + row.ver) === ver ? found : null;
  }

  /** Something that agent waits for; 0 = nothing. Old news by the time you look. */
  any(index: number): number {
    const blocked = load(this.#words, this.slots.at(index) + slot.blocked);
    if (blocked !== 0 || load(this.#words, this.slots.at(index) + slot.waiting) === 0)
      return blocked;
    const first = this.#base + index * this.#rows * SIZE;
    for (let i = 0; i < this.#rows; i++) {
      const obj = load(this.#words, first + i * SIZE + row.obj);
      if (obj !== 0) return obj;
    }
    return 0;
  }

  /** All other agents' rows for `obj`. */
  others(obj: number): RemoteRow[] {
    const found: RemoteRow[] = [];
    for (let index = 0, used = this.slots.used; index < used; index++) {
      if (index === this.self) continue;
      const remote = this.read(index, obj);
      if (remote !== null) found.push(remote);
    }
    return found;
  }

  /** For the reaper: a dead agent waits for nothing. */
  clear(index: number): void {
    const w = this.#words;
    const at = this.slots.at(index);
    if (load(w, at + slot.waiting) !== 0) {
      const first = this.#base + index * this.#rows * SIZE;
      for (let i = 0; i < this.#rows; i++) {
        const place = first + i * SIZE;
        if (load(w, place + row.obj) !== 0) store(w, place + row.obj, 0);
        if ((load(w, place + row.ver) & 1) !== 0)
          store(w, place + row.ver, load(w, place + row.ver) + 1);
      }
    }
    for (const field of [slot.waiting, slot.overflow, slot.blocked]) store(w, at + field, 0);
  }

  /** Place of the row whose `obj` word is `wanted` (0 = a free one), or -1. */
  #find(index: number, obj: number, wanted: number): number {
    const first = this.#base + index * this.#rows * SIZE;
    const hash = Math.imul(obj, 0x85eb_ca6b) >>> 20;
    for (let i = 0, window = Math.min(WINDOW, this.#rows); i < window; i++) {
      const at = first + ((hash + i) & (this.#rows - 1)) * SIZE;
      if (load(this.#words, at + row.obj) === wanted) return at;
    }
    return -1;
  }

  #count(field: number, step: number): void {
    const at = this.slots.at(this.self) + field;
    store(this.#words, at, load(this.#words, at) + step);
  }
}
