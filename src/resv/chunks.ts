// SPDX-License-Identifier: MIT
/**
 * resv/chunks — more room for fences than a reservation's own record has.
 *
 * A chunk says itself whose it is, so nothing is lost with an agent that dies between claiming and linking, or between unlinking
 * and giving back.
 *
 * Invariants  A chunk is FREE, CLAIMED by an agent (which has told the row, and links it next), or LINKED with its row. A chunk
 *             whose word says LINKED has been reachable from its reservation; it is freed after it was unlinked there.
 *             Only the holder of the reservation's lock links, only its last user or its next builder unlinks.
 * Pairs       P10 see fence-list.
 */

import type { Agent } from '../agent/index.js';
import { cas, load, RowFinder, store, type Words } from '../mem/index.js';
import {
  CHUNK_SLOTS,
  ChunkLayout,
  ChunkSection,
  INLINE_SLOTS,
  ResvLayout,
  ResvSection,
} from './layout.js';

const chunk = ChunkLayout.at;
const resv = ResvLayout.at;
const FREE = 0;
/** Sign bit: the rest is a row, not the tag of an agent. */
const LINKED = 1 << 31;

export class Chunks {
  readonly #words: Words;
  readonly #base: number;
  readonly #rows: RowFinder;
  readonly #reservations: number;
  readonly #mine: number;

  constructor(agent: Agent) {
    const { arena } = agent;
    this.#mine = agent.tag & ~LINKED;
    this.#words = arena.words;
    this.#base = arena.base(ChunkSection);
    this.#reservations = arena.base(ResvSection);
    const rows = ChunkSection.rows(arena.limits);
    this.#rows = new RowFinder(rows, Math.floor((agent.slot * rows) / arena.limits.agents));
  }

  get limit(): number {
    return this.#rows.rows;
  }

  /** Word of slot `index` of the list of that reservation; -1 when the list has changed meanwhile. */
  slotAt(row: number, index: number): number {
    const at = this.#resvAt(row);
    if (index < INLINE_SLOTS) return at + resv.slots + index;
    let left = index - INLINE_SLOTS;
    let link = load(this.#words, at + resv.chunk); // P10
    while (link !== 0 && left >= CHUNK_SLOTS) {
      left -= CHUNK_SLOTS;
      link = load(this.#words, this.#at(link - 1) + chunk.next);
    }
    return link === 0 ? -1 : this.#at(link - 1) + chunk.slots + left;
  }

  /** Makes room for `wanted` fences in all. By the holder of the lock. @returns false: no chunk is free */
  grow(row: number, wanted: number): boolean {
    let link = this.#resvAt(row) + resv.chunk;
    for (let room = INLINE_SLOTS; room < wanted; room += CHUNK_SLOTS) {
      if (load(this.#words, link) === 0 && !this.#link(row, link)) return false;
      link = this.#at(load(this.#words, link) - 1) + chunk.next;
    }
    return true;
  }

  #link(row: number, link: number): boolean {
    let index = this.#rows.take((free) => this.#claim(free));
    if (index < 0 && this.#collect()) index = this.#rows.take((free) => this.#claim(free));
    if (index < 0) return false;
    const at = this.#at(index);
    store(this.#words, at + chunk.row, row);
    store(this.#words, at + chunk.next, 0);
    store(this.#words, link, index + 1); // P10
    store(this.#words, at + chunk.claim, LINKED | row);
    return true;
  }

  #claim(index: number): boolean {
    const at = this.#at(index) + chunk.claim;
    return load(this.#words, at) === FREE && cas(this.#words, at, FREE, this.#mine) === FREE;
  }

  /** Takes all chunks away from a reservation whose list is empty. By whoever alone may change it. */
  release(row: number): void {
    const w = this.#words;
    const first = this.#resvAt(row) + resv.chunk;
    let link = load(w, first);
    store(w, first, 0);
    while (link !== 0) {
      const at = this.#at(link - 1);
      const next = load(w, at + chunk.next);
      if (cas(w, at + chunk.claim, LINKED | row, FREE) === (LINKED | row))
        this.#rows.give(link - 1);
      link = next;
    }
  }

  /** For the reaper: what a dead agent had claimed is linked by now, or free. */
  abandon(tag: number): number {
    const w = this.#words;
    let found = 0;
    for (let index = 0; index < this.limit; index++) {
      const at = this.#at(index);
      if (load(w, at + chunk.claim) !== (tag & ~LINKED)) continue;
      const row = load(w, at + chunk.row);
      store(w, at + chunk.claim, this.#isLinked(index, row) ? LINKED | row : FREE);
      found++;
    }
    return found;
  }

  /** Frees chunks that an agent had unlinked when it died. @returns whether there were any */
  #collect(): boolean {
    const w = this.#words;
    let found = false;
    for (let index = 0; index < this.limit; index++) {
      const at = this.#at(index) + chunk.claim;
      const claim = load(w, at);
      if (claim >= 0 || this.#isLinked(index, claim & ~LINKED)) continue;
      if (cas(w, at, claim, FREE) === claim) found = true;
    }
    return found;
  }

  #isLinked(index: number, row: number): boolean {
    let link = load(this.#words, this.#resvAt(row) + resv.chunk);
    for (let hops = 0; link !== 0 && hops <= this.limit; hops++) {
      if (link === index + 1) return true;
      link = load(this.#words, this.#at(link - 1) + chunk.next);
    }
    return false;
  }

  #resvAt(row: number): number {
    return this.#reservations + row * ResvLayout.size;
  }

  #at(index: number): number {
    return this.#base + index * ChunkLayout.size;
  }
}
