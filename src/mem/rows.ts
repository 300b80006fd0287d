// SPDX-License-Identifier: MIT
/**
 * mem/rows — find a free row of a shared table without a shared free list.
 *
 * Whether a row is free is said by the row's own state word, and taking it is the caller's CAS on that word; what stands here
 * is only where to look first: rows this agent gave back, then a scan from where the last one ended. Nothing here can leak or
 * be corrupted by a death, because nothing here is shared.
 */

export class RowFinder {
  readonly #hints: number[] = [];
  #next: number;

  /** `start` spreads agents over the table, so that they do not fight for the same rows. */
  constructor(
    readonly rows: number,
    start = 0,
  ) {
    this.#next = rows === 0 ? 0 : start % rows;
  }

  /** The first row for which `claim` says yes, or -1 when the whole table says no. */
  take(claim: (row: number) => boolean): number {
    for (let row = this.#hints.pop(); row !== undefined; row = this.#hints.pop()) {
      if (claim(row)) return row;
    }
    for (let looked = 0; looked < this.rows; looked++) {
      const row = this.#next;
      this.#next = row + 1 === this.rows ? 0 : row + 1;
      if (claim(row)) return row;
    }
    return -1;
  }

  /** This row has just become free: look there first. */
  give(row: number): void {
    if (this.#hints.length < 1024) this.#hints.push(row);
  }
}
