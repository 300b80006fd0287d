// SPDX-License-Identifier: MIT
/**
 * heap/slabs — the bytes behind the page table: where a run's memory is, how it becomes zero, and when it goes back to the system.
 *
 * A run lies in one slab. Who calls has claimed the run, or the heap's lock, and keeps it until the call is over: so memory is never
 * taken away from under somebody else, and a death in here leaves a run that is nobody else's, whose memory is as it was or zero.
 *
 * Nobody remembers which pages have been given back. Making many pages zero means giving them back once more, which costs next to
 * nothing where it was done before, and touches no page.
 */

import { PAGE } from './heap-layout.js';
import type { HeapMemory } from './heap-memory.js';

/** Pages of what is worth a call to the system: 1 MiB. */
export const MANY = 2 ** 20 / PAGE;

export class Slabs {
  /** Of the whole heap, and of each slab but the last. */
  readonly pages: number;
  readonly slabPages: number;
  readonly #memory: HeapMemory;
  /** Zeroing by doubles is four times as fast as by bytes. */
  readonly #doubles: readonly Float64Array[];

  /** `limit`: pages that the page table has room for. */
  constructor(memory: HeapMemory, limit: number) {
    this.#memory = memory;
    const pages = memory.slabs.map(({ byteLength }) => Math.floor(byteLength / PAGE));
    const sum = pages.reduce((all, some) => all + some, 0);
    this.pages = Math.min(limit, sum);
    this.slabPages = Math.min(this.pages, Math.floor(memory.slabBytes / PAGE));
    this.#doubles = memory.slabs.map(
      (slab, index) => new Float64Array(slab, 0, ((pages[index] ?? 0) * PAGE) / 8),
    );
  }

  bytes(first: number, size: number): Uint8Array {
    const slab = this.#slabOf(first);
    const memory = this.#memory.slabs[slab];
    if (memory === undefined) throw new RangeError(`the heap has no slab ${slab}`);
    return new Uint8Array(memory, (first - slab * this.slabPages) * PAGE, size);
  }

  #slabOf(first: number): number {
    return Math.floor(first / this.slabPages);
  }

  /** These pages, of one slab, read as 0 afterwards. */
  zero(first: number, pages: number): void {
    if (pages <= 0 || this.giveBack(first, pages)) return;
    const slab = this.#slabOf(first);
    const at = ((first - slab * this.slabPages) * PAGE) / 8;
    this.#doubles[slab]?.fill(0, at, at + (pages * PAGE) / 8);
  }

  /**
   * Nobody uses these pages, of one slab: if they are many, they cost no memory any more.
   * @returns false: they stay as they are; else they read as 0
   */
  giveBack(first: number, pages: number): boolean {
    if (pages < MANY || this.#memory.discard === undefined) return false;
    const slab = this.#slabOf(first);
    this.#memory.discard(slab, (first - slab * this.slabPages) * PAGE, pages * PAGE);
    return true;
  }
}
