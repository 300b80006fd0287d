// SPDX-License-Identifier: MIT
/**
 * testing/scarcity — lets an allocation of the exporter find the heap full.
 *
 * It is full: the error is the heap's own. What fills it is given back after the allocation, or when no lock is held any more.
 */

import type { DmaBuf, Domain } from 'dmabuf';

/** Heaps allocate whole pages. */
const PAGE = 4096;

function fill(domain: Domain): DmaBuf[] {
  const ballast: DmaBuf[] = [];
  const heap = domain.heap('system');
  for (let free = heap.largestFree; free >= PAGE; free = heap.largestFree) {
    ballast.push(domain.alloc(free, { name: 'ballast' }));
  }
  return ballast;
}

export class Scarcity {
  #until = 0;
  /** The allocation that was meant has been asked for. */
  met = false;

  constructor(readonly domain: Domain) {}

  /** The nth allocation from now on finds no memory. */
  arm(nth: number): void {
    this.#until = nth;
    this.met = false;
  }

  disarm(): void {
    this.#until = 0;
  }

  alloc(call: () => DmaBuf): DmaBuf {
    if (this.#until === 0 || --this.#until > 0) return call();
    this.met = true;
    const ballast = fill(this.domain);
    try {
      return call();
    } finally {
      for (const buf of ballast) buf.close();
    }
  }
}
