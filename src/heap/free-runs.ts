// SPDX-License-Identifier: MIT
/**
 * heap/free-runs — free runs by size class, so that a fitting one is found in a few steps.
 *
 * Derived from the page table and rebuilt from it: nothing here has to survive a death. All of it under the heap lock.
 *
 * Eight classes per power of two; a bit per class that has runs. Any run of a class above that of the wanted length fits, so
 * only the wanted length's own class is ever searched, and only when nothing above has one.
 */

import { load, store, type Words } from '../mem/index.js';
import { CLASSES, HeapLayout, PageLayout } from './heap-layout.js';

const page = PageLayout.at;
const PAGE_WORDS = PageLayout.size;
const BITMAP_WORDS = HeapLayout.fields.bitmap.size;

/** The class that a run of this length belongs to. */
export function classOf(length: number): number {
  if (length < 8) return length;
  const power = 31 - Math.clz32(length);
  return ((power - 2) << 3) | ((length >>> (power - 3)) & 7);
}

export class FreeRuns {
  constructor(
    readonly words: Words,
    /** First words of the heap's record and of its page table. */
    readonly heap: number,
    readonly pages: number,
    /** Length of the free run that begins at a page. */
    readonly lengthOf: (first: number) => number,
  ) {}

  #at(first: number): number {
    return this.pages + first * PAGE_WORDS;
  }

  #class(index: number): number {
    return this.heap + HeapLayout.at.classes + index;
  }

  #bits(index: number): number {
    return this.heap + HeapLayout.at.bitmap + (index >>> 5);
  }

  clear(): void {
    for (let i = 0; i < BITMAP_WORDS; i++) store(this.words, this.#bits(i << 5), 0);
    for (let i = 0; i < CLASSES; i++) store(this.words, this.#class(i), 0);
  }

  add(first: number, length: number): void {
    const w = this.words;
    const index = classOf(length);
    const next = load(w, this.#class(index));
    store(w, this.#at(first) + page.next, next);
    store(w, this.#at(first) + page.prev, 0);
    if (next !== 0) store(w, this.#at(next - 1) + page.prev, first + 1);
    store(w, this.#class(index), first + 1);
    if (next === 0) store(w, this.#bits(index), load(w, this.#bits(index)) | (1 << (index & 31)));
  }

  remove(first: number, length: number): void {
    const w = this.words;
    const next = load(w, this.#at(first) + page.next);
    const prev = load(w, this.#at(first) + page.prev);
    if (next !== 0) store(w, this.#at(next - 1) + page.prev, prev);
    if (prev !== 0) {
      store(w, this.#at(prev - 1) + page.next, next);
      return;
    }
    const index = classOf(length);
    store(w, this.#class(index), next);
    if (next === 0) store(w, this.#bits(index), load(w, this.#bits(index)) & ~(1 << (index & 31)));
  }

  /** First page of a run of at least `length` pages, or -1. */
  find(length: number): number {
    const own = classOf(length);
    const exact = length < 16;
    const above = this.#lowestFrom(exact ? own : own + 1);
    if (above >= 0) return load(this.words, this.#class(above)) - 1;
    if (exact) return -1;
    for (let run = load(this.words, this.#class(own)); run !== 0; ) {
      if (this.lengthOf(run - 1) >= length) return run - 1;
      run = load(this.words, this.#at(run - 1) + page.next);
    }
    return -1;
  }

  /** The lowest class that has runs, from this one on, or -1. */
  #lowestFrom(index: number): number {
    for (let word = index >>> 5; word < BITMAP_WORDS; word++) {
      const mask = word === index >>> 5 ? -1 << (index & 31) : -1;
      const bits = load(this.words, this.#bits(word << 5)) & mask;
      if (bits !== 0) return (word << 5) + 31 - Math.clz32(bits & -bits);
    }
    return -1;
  }

  /** Pages of the longest free run. */
  longest(): number {
    let longest = 0;
    for (let index = CLASSES - 1; index >= 0 && longest === 0; index--) {
      for (let run = load(this.words, this.#class(index)); run !== 0; ) {
        longest = Math.max(longest, this.lengthOf(run - 1));
        run = load(this.words, this.#at(run - 1) + page.next);
      }
    }
    return longest;
  }
}
