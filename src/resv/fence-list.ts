// SPDX-License-Identifier: MIT
/**
 * resv/fence-list — the fences of one reservation, by name: one word each.
 *
 * Written by the holder of the lock, read by everybody at any time. A slot word is row, usage and the low bits of the generation, so
 * one store replaces a fence. A name whose generation is gone means "signalled" (I12); an alias of an old generation can only add a
 * wait that ends.
 *
 * A WRITE fence that failed is not "signalled, so it may go": it stays until a later write, or until the holder of the lock says
 * that all is well. Otherwise the next reader would take half a frame for a good one (D-9).
 *
 * Invariants  At every moment slots [0, count) name every fence that has to be waited for, some of them perhaps twice: a holder may
 *             die anywhere. A reader takes what it sees if `listVersion` is the same before and after; it never waits for the
 *             holder, and begins anew only when the holder has moved something in between.
 *             What is reserved cannot fail to be added: add() needs no memory.
 * Lock order  changes need the ww lock; nothing is taken under them.
 * Pairs       P10 append: slot (and chunk, and link), then count ↔ reader: count, then link, chunk, slot.
 *             P11 move: the copy, listVersion, then what stood in its place ↔ reader: listVersion, slots, listVersion.
 * Source      Linux 6.1 drivers/dma-buf/dma-resv.c. Differs: D-9; reserving drops signalled fences in place; no reference is held.
 */

import { fail } from '../errors.js';
import {
  errorIn,
  type Fence,
  type Fences,
  generationOf,
  Phase,
  type Point,
  phaseOf,
} from '../fence/index.js';
import { add, load, store, type Words } from '../mem/index.js';
import type { Chunks } from './chunks.js';
import { ResvLayout } from './layout.js';
import { tellWatchers } from './list-watch.js';
import { BOOKKEEP, type Usage, usageName, WRITE } from './usage.js';

const resv = ResvLayout.at;
const USAGE_SHIFT = 20;
const ROW_MASK = (1 << USAGE_SHIFT) - 1;
const GENERATION_SHIFT = 22;
const GENERATION_MASK = 0x3ff;

const rowOf = (slot: number): number => slot & ROW_MASK;
const usageOf = (slot: number): number => (slot >>> USAGE_SHIFT) & 3;

function slotWord(point: Point, usage: number): number {
  const generation = point.generation & GENERATION_MASK;
  return point.row | (usage << USAGE_SHIFT) | (generation << GENERATION_SHIFT);
}

/** Is the record with this state the one that the slot names? */
function names(slot: number, state: number): boolean {
  return (generationOf(state) & GENERATION_MASK) === slot >>> GENERATION_SHIFT;
}

/** What lists of one agent share. */
export interface ListHost {
  readonly fences: Fences;
  readonly chunks: Chunks;
  readonly words: Words;
}

/** A pending fence, and where it stands. */
export interface Pending extends Point {
  readonly index: number;
}

export class FenceList {
  readonly #host: ListHost;
  readonly #words: Words;
  /** How many slots may be in use before unlock: what was there, and what was reserved. */
  #limit = -1;
  /** What was reserved when the lock was lent to another agent. */
  #spare = 0;
  /** A WRITE fence was added under this hold of the lock: a failure among these is not "before". */
  #wrote = false;

  constructor(
    host: ListHost,
    readonly row: number,
    /** First word of the record. */
    readonly at: number,
  ) {
    this.#host = host;
    this.#words = host.words;
  }

  get count(): number {
    return load(this.#words, this.at + resv.count); // P10
  }

  // ------------------------------------------------------------------------------------------- reading, with or without the lock

  /** Calls `read` until nothing has moved under it. */
  stable<T>(read: () => T): T {
    for (;;) {
      const { version } = this;
      const result = read();
      if (this.version === version) return result; // P11
    }
  }

  /** Whoever reads without the lock compares it before and after. */
  get version(): number {
    return load(this.#words, this.at + resv.listVersion); // P11
  }

  /** The first pending fence of this class or a stronger one, from slot `from` on. */
  pending(usage: number, from = 0): Pending | null {
    for (let index = from, count = this.count; index < count; index++) {
      const slot = this.#slot(index);
      if (usageOf(slot) > usage) continue;
      const state = this.#host.fences.stateOf(rowOf(slot));
      if (phaseOf(state) === Phase.PENDING && names(slot, state)) {
        return { index, row: rowOf(slot), generation: generationOf(state) };
      }
    }
    return null;
  }

  /** Pending fences of this class and stronger ones. */
  pendingPoints(usage: number): Point[] {
    return this.stable(() => {
      const found: Point[] = [];
      for (let at = this.pending(usage); at !== null; at = this.pending(usage, at.index + 1)) {
        found.push(at);
      }
      return found;
    });
  }

  /** Fences of this class and stronger ones, in order, also signalled ones that are still known. */
  points(usage: number): Point[] {
    return this.stable(() => {
      const found: Point[] = [];
      for (let index = 0, count = this.count; index < count; index++) {
        const slot = this.#slot(index);
        const point = usageOf(slot) <= usage ? this.#pointOf(slot) : null;
        if (point !== null) found.push(point);
      }
      return found;
    });
  }

  /** Shared-memory number of the error of a WRITE fence that failed and that no later write has replaced; 0 = none (D-9). */
  writeError(): number {
    return this.stable(() => {
      for (let index = 0, count = this.count; index < count; index++) {
        const error = this.#stuck(this.#slot(index));
        if (error !== 0) return error;
      }
      return 0;
    });
  }

  /** Pending fences of this class and stronger ones, and failed WRITE fences: what somebody who comes next has to look at. */
  inTheWay(usage: number): Point[] {
    return this.stable(() => {
      const found: Point[] = [];
      for (let index = 0, count = this.count; index < count; index++) {
        const slot = this.#slot(index);
        const point = usageOf(slot) <= usage ? this.#pointOf(slot) : null;
        if (point !== null && (this.#stuck(slot) !== 0 || !this.#isOver(slot))) found.push(point);
      }
      return found;
    });
  }

  /** All of it, for people; the point is null when it is unknown by now. */
  entries(): { readonly point: Point | null; readonly usage: Usage; readonly signaled: boolean }[] {
    return this.stable(() => {
      const found = [];
      for (let index = 0, count = this.count; index < count; index++) {
        const slot = this.#slot(index);
        const usage = usageName(usageOf(slot));
        found.push({ point: this.#pointOf(slot), usage, signaled: this.#isOver(slot) });
      }
      return found;
    });
  }

  /** Rows of all fences named here, signalled or not. */
  *rows(): Generator<{ readonly row: number }> {
    for (let index = 0, count = this.count; index < count; index++) {
      yield { row: rowOf(this.#slot(index)) };
    }
  }

  // ------------------------------------------------------------------------------------------- changing, with the lock

  /** Room for n more. Drops what has signalled. @throws ENOMEM */
  reserve(op: string, n: number): void {
    this.#keep((slot) => !this.#isOver(slot) || this.#stuck(slot) !== 0);
    const wanted = this.count + n;
    this.#grow(op, wanted);
    this.#limit = Math.max(this.#limit, wanted);
  }

  #grow(op: string, wanted: number): void {
    const { chunks } = this.#host;
    if (chunks.grow(this.row, wanted)) return;
    const details = { row: this.row, wanted, table: 'resvChunks', limit: chunks.limit };
    const why = 'no room for more fences: too many are pending in all reservations together';
    throw fail('ENOMEM', op, details, { why });
  }

  /** Unlock: what was reserved and not used is lost. */
  unlocked(): void {
    this.#limit = -1;
    this.#wrote = false;
  }

  /** Another agent may add fences until `takeBack`. */
  lend(): void {
    if (this.#limit >= 0) this.#spare = Math.max(0, this.#limit - this.count);
  }

  /** As much is reserved again as before; if there is no room any more, nothing is. */
  takeBack(): void {
    const spare = this.#spare;
    this.#spare = 0;
    if (this.#limit < 0) return;
    this.#limit = -1;
    try {
      if (spare > 0) this.reserve('HeldLock.reserve', spare);
    } catch {
      this.#limit = -1;
    }
  }

  /** Replaces a fence that is over, or an earlier one of its own context; else takes a reserved slot. @throws ENOSPC */
  add(op: string, fence: Fence, usage: number): void {
    const rewrites = usage === WRITE && !this.#wrote;
    const count = this.count;
    let place = 0;
    while (place < count && !this.#yields(this.#slot(place), fence, usage, rewrites)) place++;
    if (place === count && count >= this.#limit) {
      const details = { row: this.row, fences: count };
      throw fail('ENOSPC', op, details, { why: 'no room: reserve() before add()' });
    }
    this.#put(place, slotWord(fence, usage));
    if (place === count) store(this.#words, this.at + resv.count, count + 1); // P10
    this.#tell();
    if (!rewrites) return;
    this.#wrote = true;
    this.dropFailed();
  }

  /** May the new fence take this slot? */
  #yields(slot: number, fence: Fence, usage: number, rewrites: boolean): boolean {
    const { fences } = this.#host;
    const row = rowOf(slot);
    if (!this.#isOver(slot)) {
      if (usageOf(slot) < usage) return false;
      const later = fences.contextOf(row) === fence.timeline && fences.seqnoOf(row) <= fence.seqno;
      if (later && !this.#isOver(slot)) return true;
      if (!this.#isOver(slot)) return false;
    }
    return this.#stuck(slot) === 0 || rewrites;
  }

  /** Every fence of that context becomes this one. */
  replace(context: number, fence: Fence, usage: number): void {
    const { fences } = this.#host;
    for (let index = 0, count = this.count; index < count; index++) {
      const slot = this.#slot(index);
      const of = fences.contextOf(rowOf(slot));
      if (of === context && names(slot, fences.stateOf(rowOf(slot))))
        this.#put(index, slotWord(fence, usage));
    }
    this.#tell();
  }

  /** The list becomes that of another reservation, without what is over; failed writes of both stay. @throws ENOMEM unchanged */
  copyFrom(op: string, source: FenceList): void {
    const copied = source.stable(() => {
      const slots: number[] = [];
      for (let index = 0, count = source.count; index < count; index++) {
        const slot = source.#slot(index);
        if (!this.#isOver(slot) || this.#stuck(slot) !== 0) slots.push(slot);
      }
      return slots;
    });
    const old = this.count;
    this.#grow(op, old + copied.length);
    for (const [n, slot] of copied.entries()) this.#put(old + n, slot);
    store(this.#words, this.at + resv.count, old + copied.length); // P10
    this.#keep((slot, index) => index >= old || this.#stuck(slot) !== 0);
    this.#tell();
  }

  /** Failed WRITE fences have been dealt with. */
  dropFailed(): void {
    this.#keep((slot) => this.#stuck(slot) === 0);
  }

  /** No fences, no chunks. By whoever alone can know the reservation. */
  clear(): void {
    const w = this.#words;
    const chunk = load(w, this.at + resv.chunk);
    if (chunk === 0 && load(w, this.at + resv.count) === 0) return;
    store(w, this.at + resv.count, 0);
    add(w, this.at + resv.listVersion, 1); // P11
    if (chunk !== 0) this.#host.chunks.release(this.row);
  }

  /** Takes out all others, in order. Nothing is ever missing: each one is copied before its old place is used again. */
  #keep(wanted: (slot: number, index: number) => boolean): void {
    const w = this.#words;
    const count = this.count;
    let kept = 0;
    for (let index = 0; index < count; index++) {
      const slot = this.#slot(index);
      if (!wanted(slot, index)) continue;
      if (kept !== index) {
        this.#put(kept, slot);
        add(w, this.at + resv.listVersion, 1); // P11
      }
      kept++;
    }
    if (kept !== count) store(w, this.at + resv.count, kept);
  }

  // ------------------------------------------------------------------------------------------- slots

  /** A slot word. Beyond what is linked: the list has changed, and the caller begins anew. */
  #slot(index: number): number {
    const at = this.#host.chunks.slotAt(this.row, index);
    return at < 0 ? BOOKKEEP << USAGE_SHIFT : load(this.#words, at);
  }

  /** Whoever watches the list looks again. */
  #tell(): void {
    tellWatchers(this.#host.fences.agent, this.#words, this.row, this.at);
  }

  #put(index: number, slot: number): void {
    store(this.#words, this.#host.chunks.slotAt(this.row, index), slot);
  }

  /** The fence that a slot names, with its full generation; null when it is unknown by now. */
  #pointOf(slot: number): Point | null {
    const state = this.#host.fences.stateOf(rowOf(slot));
    return names(slot, state) ? { row: rowOf(slot), generation: generationOf(state) } : null;
  }

  #isOver(slot: number): boolean {
    const state = this.#host.fences.stateOf(rowOf(slot));
    return phaseOf(state) !== Phase.PENDING || !names(slot, state);
  }

  /** The error of a WRITE fence that failed; 0 = it is not one. */
  #stuck(slot: number): number {
    if (usageOf(slot) !== WRITE) return 0;
    const state = this.#host.fences.stateOf(rowOf(slot));
    return phaseOf(state) === Phase.SIGNALED && names(slot, state) ? errorIn(state) : 0;
  }
}
