// SPDX-License-Identifier: MIT
/**
 * heap/slabs — the bytes behind the page table: where a run's memory is, how it becomes zero, and when it goes back to the system.
 *
 * A run lies in one slab. Who calls has claimed the run, and keeps it claimed until the call is over: so memory is never taken away
 * from under somebody else, and a death in here leaves a claimed run, whose memory is as it was or zero.
 *
 * Nobody remembers which pages have been given back. Making many pages zero means giving them back once more, which costs next to
 * nothing where it was done before, and touches no page.
 */

import { DmaBufError } from '../errors.js';
import { PAGE } from './heap-layout.js';
import type { HeapMemory } from './heap-memory.js';

/** Pages of what is worth a call to the system: 1 MiB. */
const MANY = 2 ** 20 / PAGE;
/** Pages of ours in the largest page that a system has, 64 KiB. What is given back is whole ones. */
const UNIT = 65536 / PAGE;

interface Part {
  readonly first: number;
  readonly pages: number;
}

export class Slabs {
  /** Of the whole heap, and of each slab but the last. */
  readonly pages: number;
  readonly slabPages: number;
  readonly #slabs: readonly SharedArrayBuffer[];
  /** Zeroing by doubles is four times as fast as by bytes. */
  readonly #doubles: readonly Float64Array[];
  #discard: HeapMemory['discard'];

  /** `limit`: pages that the page table has room for. */
  constructor(memory: HeapMemory, limit: number) {
    this.#slabs = memory.slabs;
    this.#discard = memory.discard?.bind(memory);
    const pages = memory.slabs.map(({ byteLength }) => Math.floor(byteLength / PAGE));
    const sum = pages.reduce((all, some) => all + some, 0);
    this.pages = Math.min(limit, sum);
    this.slabPages = Math.min(this.pages, Math.floor(memory.slabBytes / PAGE));
    this.#doubles = memory.slabs.map(
      (slab, index) => new Float64Array(slab, 0, ((pages[index] ?? 0) * PAGE) / 8),
    );
  }

  bytes(first: number, size: number): Uint8Array {
    const slab = Math.floor(first / this.slabPages);
    return new Uint8Array(this.#slab(slab), (first - slab * this.slabPages) * PAGE, size);
  }

  #slab(index: number): SharedArrayBuffer {
    const slab = this.#slabs[index];
    if (slab !== undefined) return slab;
    throw new RangeError(`the heap has no slab ${index}`);
  }

  /** These pages, of one slab, read as 0 afterwards. */
  zero(first: number, pages: number): void {
    if (pages <= 0) return;
    const given = this.giveBack(first, pages) ?? { first, pages: 0 };
    const end = given.first + given.pages;
    this.#fill(first, given.first - first);
    this.#fill(end, first + pages - end);
  }

  #fill(first: number, pages: number): void {
    const slab = Math.floor(first / this.slabPages);
    const at = ((first - slab * this.slabPages) * PAGE) / 8;
    this.#doubles[slab]?.fill(0, at, at + (pages * PAGE) / 8);
  }

  /**
   * Nobody uses these pages, of one slab: if they are many, they cost no memory any more.
   * @returns what of them was given back, and reads as 0; null = nothing
   */
  giveBack(first: number, pages: number): Part | null {
    const discard = this.#discard;
    if (pages < MANY || discard === undefined) return null;
    const slab = Math.floor(first / this.slabPages);
    const base = slab * this.slabPages;
    const start = Math.ceil((first - base) / UNIT) * UNIT;
    const end = Math.floor((first + pages - base) / UNIT) * UNIT;
    try {
      discard(slab, start * PAGE, (end - start) * PAGE);
    } catch (error) {
      if (!DmaBufError.is(error)) throw error;
      this.#discard = undefined; // it saves memory, and is owed to nobody: who is refused does not ask again
      return null;
    }
    return { first: base + start, pages: end - start };
  }
}
