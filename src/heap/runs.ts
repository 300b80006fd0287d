// SPDX-License-Identifier: MIT
/**
 * heap/runs — the page table: which pages belong together, and who has them.
 *
 * Pages come in runs. A run's first page says what the run is and how long; the sequence of first pages is the only truth. Its
 * last page says how long it is if it is free, so that the run behind it can be merged with it; that, the free runs by class
 * and the count of used pages are derived, and are rebuilt when somebody died in the middle of changing them.
 *
 *   FREE ── take ─▶ CLAIMED(slot) ── use ─▶ USED ── claim ─▶ CLAIMED(slot) ── give ─▶ FREE, merged with free neighbours
 *
 * Of a free run is also known how many of its pages may use memory that could be given back to the system: at most so many. That
 * is derived, too: after a death all of them may.
 *
 * `use` and `claim` need no lock: one store, by who has the run. A run is CLAIMED while no buffer row names it, or is just about
 * to: after a death it tells what to take back.
 *
 * Invariants  I16 runs tile the heap after every store: a new first page is written inside a run, where nobody looks, before the
 *             store of the run's own first page that makes it one. I17 a first page alone tells who has a run.
 *             No run crosses the end of a slab: they begin as one per slab, and are not merged across. Two free runs never lie
 *             side by side in one slab.
 * Lock order  all but `use` and `claim` under the heap lock.
 */

import { load, store, type Words } from '../mem/index.js';
import { FreeRuns } from './free-runs.js';
import { HeapLayout, PageKind, PageLayout } from './heap-layout.js';

const page = PageLayout.at;
const PAGE_WORDS = PageLayout.size;
const control = HeapLayout.at;

/** Of a first page's word. */
export const kindOf = (head: number): number => head & 3;
export const lengthOf = (head: number): number => head >>> 10;
const slotOf = (head: number): number => (head >>> 2) & 0xff;

function pack(kind: number, length: number, slot = 0): number {
  return (length << 10) | (slot << 2) | kind;
}

/** One run of the heap. */
export interface Run {
  readonly first: number;
  readonly length: number;
  readonly kind: number;
  /** Of who claimed it. */
  readonly slot: number;
}

export class Runs {
  readonly #free: FreeRuns;

  constructor(
    readonly words: Words,
    /** First words of the heap's record and of its page table. */
    readonly heap: number,
    readonly pages: number,
    /** How many pages there are, and how many of them are in each slab but the last. */
    readonly count: number,
    readonly slabPages: number,
  ) {
    this.#free = new FreeRuns(words, heap, pages, (first) => lengthOf(this.head(first)));
  }

  head(first: number): number {
    return load(this.words, this.#at(first) + page.head);
  }

  #at(first: number): number {
    return this.pages + first * PAGE_WORDS;
  }

  #opensSlab(first: number): boolean {
    return first % this.slabPages === 0;
  }

  #setHead(first: number, head: number): void {
    store(this.words, this.#at(first) + page.head, head);
  }

  #setTail(first: number, length: number, free: boolean): void {
    store(this.words, this.#at(first + length - 1) + page.tail, free ? length : 0);
  }

  /** Pages that are not free. */
  get used(): number {
    return load(this.words, this.heap + control.used);
  }

  #addUsed(count: number): void {
    store(this.words, this.heap + control.used, this.used + count);
  }

  /** Pages at and above this one were never handed out. */
  get fresh(): number {
    return load(this.words, this.heap + control.fresh);
  }

  // ------------------------------------------------------------------------------------------- under the lock

  /** Has somebody made each slab one free run? Needs no lock. */
  get ready(): boolean {
    return load(this.words, this.heap + control.ready) !== 0;
  }

  /** The first one in makes each slab one free run; page 0 last of all, which says that there are runs. */
  prepare(): void {
    if (this.ready) return;
    const last = Math.floor((this.count - 1) / this.slabPages);
    for (let slab = last; slab >= 0; slab--) {
      const first = slab * this.slabPages;
      this.#setHead(first, pack(PageKind.FREE, Math.min(this.slabPages, this.count - first)));
    }
    this.rebuild();
    for (let slab = last; slab >= 0; slab--) this.clean(slab * this.slabPages);
    store(this.words, this.heap + control.ready, 1);
  }

  /** A run of `length` pages, CLAIMED by `slot`; -1 = there is none. */
  take(length: number, slot: number): number {
    const first = this.#free.find(length);
    if (first < 0) return -1;
    const whole = lengthOf(this.head(first));
    const rest = whole - length;
    const dirty = this.dirty(first);
    this.#free.remove(first, whole);
    if (rest > 0) {
      this.#setDirty(first + length, rest, Math.min(dirty, rest));
      this.#setHead(first + length, pack(PageKind.FREE, rest)); // I16: nobody looks here yet
      this.#setTail(first + length, rest, true);
    }
    this.#setTail(first, length, false);
    if (this.fresh < first + length) store(this.words, this.heap + control.fresh, first + length);
    this.#setHead(first, pack(PageKind.CLAIMED, length, slot)); // I16
    if (rest > 0) this.#free.add(first + length, rest);
    this.#addUsed(length);
    return first;
  }

  /**
   * A claimed run becomes free, and one with its free neighbours in the slab. `clean`: it uses no memory.
   * @returns the first page of that one
   */
  give(first: number, clean = false): number {
    const own = lengthOf(this.head(first));
    let [start, length, dirty] = [first, own, clean ? 0 : own];
    const behind = first + own;
    if (
      behind < this.count &&
      !this.#opensSlab(behind) &&
      kindOf(this.head(behind)) === PageKind.FREE
    ) {
      const more = lengthOf(this.head(behind));
      dirty += this.dirty(behind);
      this.#free.remove(behind, more);
      length += more;
    }
    const before = this.#opensSlab(first) ? 0 : load(this.words, this.#at(first - 1) + page.tail);
    if (before > 0) {
      start -= before;
      dirty += this.dirty(start);
      this.#free.remove(start, before);
      length += before;
    }
    this.#setDirty(start, length, dirty);
    this.#setTail(start, length, true);
    this.#setHead(start, pack(PageKind.FREE, length)); // I16: the one store that frees and merges
    this.#free.add(start, length);
    this.#addUsed(-own);
    return start;
  }

  /** Runs that a dead agent had claimed become free. */
  reclaim(slot: number): void {
    for (let first = 0; first < this.count; ) {
      const head = this.head(first);
      const dead = kindOf(head) === PageKind.CLAIMED && slotOf(head) === slot;
      const start = dead ? this.give(first) : first;
      first = start + lengthOf(this.head(start));
    }
  }

  /** Everything that is derived, anew from the first pages. */
  rebuild(): void {
    if (this.head(0) === 0) return; // who died had not begun: `prepare` will
    let used = 0;
    this.#free.clear();
    for (const { first, length, kind } of this.all()) {
      const free = kind === PageKind.FREE;
      this.#setTail(first, length, free);
      if (free) {
        this.#setDirty(first, length, length);
        this.#free.add(first, length);
      } else used += length;
    }
    store(this.words, this.heap + control.used, used);
  }

  /** Pages of a free run that may use memory: at most so many. */
  dirty(first: number): number {
    const length = lengthOf(this.head(first));
    return length === 1 ? 1 : load(this.words, this.#at(first + 1) + page.next);
  }

  #setDirty(first: number, length: number, dirty: number): void {
    if (length > 1) store(this.words, this.#at(first + 1) + page.next, dirty);
  }

  /** A free run uses no memory any more. */
  clean(first: number): void {
    this.#setDirty(first, lengthOf(this.head(first)), 0);
  }

  /** Pages of the longest free run. */
  longest(): number {
    return this.#free.longest();
  }

  /** All runs, in order. */
  *all(): Generator<Run> {
    for (let first = 0; first < this.count; ) {
      const head = this.head(first);
      const length = lengthOf(head);
      yield { first, length, kind: kindOf(head), slot: slotOf(head) };
      first += length;
    }
  }

  // ------------------------------------------------------------------------------------------- by who has the run

  /** CLAIMED → USED: a buffer row names it. */
  use(first: number): void {
    this.#setHead(first, pack(PageKind.USED, lengthOf(this.head(first))));
  }

  /** USED → CLAIMED: the row is about to forget it. */
  claim(first: number, slot: number): void {
    this.#setHead(first, pack(PageKind.CLAIMED, lengthOf(this.head(first)), slot));
  }
}
