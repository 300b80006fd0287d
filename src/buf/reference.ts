// SPDX-License-Identifier: MIT
/**
 * buf/reference — this agent's one reference to a buffer, shared by all of its handles, accesses and attachments.
 *
 * In shared memory it is one bit; how many parties of this agent stand behind it is counted here, in plain JavaScript. What
 * never changes while the buffer lives is read once.
 */

import type { Reservation, Reservations } from '../resv/index.js';
import type { ExporterPort } from './port.js';
import type { SgTable } from './sg-table.js';

export class Reference {
  /** Handles, accesses and attachments of this agent, tickets on their way included. */
  holders = 0;
  /** Attachments of this agent. */
  attachments = 0;
  /** The buffer's memory in the system heap, or that of a sealed buffer, once it was asked for. */
  table: SgTable | null = null;
  /** How its exporter is reached, once it was asked for. */
  port: ExporterPort | null = null;

  #resv: Reservation | null = null;

  constructor(
    readonly row: number,
    readonly generation: number,
    readonly id: number,
    readonly size: number,
    /** 0 = the system heap, else the tag of the agent that exported it. */
    readonly exporter: number,
    readonly exporterName: string,
    readonly dynamic: boolean,
    /** Its memory is a file of its own, which only its exporter can write to. */
    readonly sealed: boolean,
    readonly reservations: Reservations,
    /** Row of its reservation: its own row, unless several buffers share one. */
    readonly resvRow: number,
  ) {}

  /** Whether only that agent writes to it. */
  writableFor(tag: number): boolean {
    return !this.sealed || this.exporter === tag;
  }

  /** Made when it is first asked for: most buffers come and go unlocked. */
  get resv(): Reservation {
    return (this.#resv ??= this.reservations.of(this.resvRow));
  }

  /** This agent does not refer to the buffer any more. */
  retire(): void {
    if (this.#resv !== null && this.resvRow === this.row) this.reservations.retire(this.row);
  }
}
