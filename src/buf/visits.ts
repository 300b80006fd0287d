// SPDX-License-Identifier: MIT
/**
 * buf/visits — attachments of this agent to buffers whose exporters live in other agents.
 *
 * That a buffer has moved stands in its row, so everybody sees at once that mappings are stale. The exporter's agent sends a
 * note as well; then the importers here are told, once for all moves that there have been meanwhile.
 */

import type { Attached } from './attached.js';
import type { Buffers } from './buffers.js';

export class Visits {
  /** And the last move that the importer knows of. */
  readonly #seen = new Map<Attached, number>();
  #names = 0;

  constructor(readonly buffers: Buffers) {}

  /** Of an attachment, in the exporter's agent: never used again by this one. */
  name(): number {
    this.#names = (this.#names + 1) | 0;
    return this.#names;
  }

  enter(attached: Attached): void {
    if (attached.notify !== null) this.#seen.set(attached, this.#moves(attached));
  }

  leave(attached: Attached): void {
    this.#seen.delete(attached);
  }

  #moves({ reference }: Attached): number {
    return this.buffers.rows.word(reference.row, 'moveGen');
  }

  /** Looks whether anything has moved; the newest attachment is told first. */
  sweep(): void {
    for (const [attached, seen] of [...this.#seen].toReversed()) {
      const moves = this.#moves(attached);
      if (moves === seen || !this.#seen.has(attached)) continue;
      this.#seen.set(attached, moves);
      try {
        attached.notify?.();
      } catch (error) {
        this.buffers.report(error);
      }
      for (const mapping of attached.open) {
        if (mapping.mapped.moveGen === moves) continue;
        attached.remove(mapping);
        mapping.invalidate();
        attached.port.unmap(attached, mapping.mapped, null);
      }
    }
  }
}
