// SPDX-License-Identifier: MIT
/**
 * buf/port — how an agent reaches the exporter of a buffer, for attachments: the same steps, whoever exports.
 */

import type { Operation } from '../agent/index.js';
import type { Attached } from './attached.js';
import type { ByteRange } from './byte-access.js';
import type { CpuIntent, Direction } from './direction.js';
import type { DmaBuf } from './dma-buf.js';
import type { ExportedBuf } from './exported-buf.js';
import type { SourceSegment } from './exporter.js';
import type { Hold } from './hold.js';
import type { Reference } from './reference.js';
import type { SgTable } from './sg-table.js';

/** What one map gave, until it is unmapped, once. */
export interface Mapped {
  readonly table: SgTable;
  /** What the exporter said; empty for the heaps, which need not be told of an unmap. */
  readonly sources: readonly SourceSegment[];
  /** What keeps the memory of `sources`. */
  readonly held: readonly Reference[];
  readonly direction: Direction;
  /** Of the buffer, when this was mapped. */
  readonly moveGen: number;
}

/** The bytes of a buffer for a CPU, until `end`. */
export interface Viewed extends Pick<Mapped, 'table' | 'sources' | 'held'> {
  end(): void;
}

/** A part of a buffer, as the file of the buffer shows it. */
export type Shown = Omit<Mapped, 'direction'>;

/** Attachments that the exporter's agent keeps, with all that goes with them. */
export interface Elsewhere {
  /** Attaches there, in one call: on the list, with what is kept. */
  attach(op: string, attached: Attached): Operation<Mapped | null>;
  /** Detaches there, in one call: what is open is unmapped and unpinned. */
  detach(op: string, attached: Attached): Operation<void>;
}

export interface ExporterPort {
  /** Its memory may move: map, unmap, pin and unpin take the lock. */
  readonly dynamic: boolean;
  /** Keep the first mapping until detach. */
  readonly cacheMapping: boolean;
  /** Where a static importer's mapping needs no call: what it is. */
  readonly mappedNow?: (direction: Direction) => Mapped;
  /** Milliseconds that a callback may take; Infinity where none runs in this agent. */
  readonly callTimeout: number;
  /** Set where the callbacks run in another agent. */
  readonly elsewhere?: Elsewhere;
  /** What the callbacks see of the buffer; null where there are none. */
  exported(): ExportedBuf<unknown> | null;
  /** With the lock held: on the buffer's list, and off it. */
  enlist(attached: Attached): void;
  unlist(attached: Attached): void;
  attach(op: string, attached: Attached): Operation<void>;
  detach(op: string, attached: Attached): Operation<void>;
  /** `hold` is a held lock when the exporter is dynamic, and null otherwise. */
  map(op: string, attached: Attached, direction: Direction, hold: Hold | null): Operation<Mapped>;
  unmap(attached: Attached, mapped: Mapped, hold: Hold | null): void;
  pin(op: string, attached: Attached, hold: Hold): Operation<void>;
  unpin(attached: Attached, hold: Hold): void;
  /** Where CPU accesses share one mapping: takes part in it. */
  readonly vmap?: (op: string, buf: DmaBuf) => Operation<Viewed>;
  /** Its hook for CPU access. @returns what ends the access */
  beginCpuAccess(op: string, buf: DmaBuf, intent: CpuIntent): Operation<() => void>;
  /** Its hook for the end, whoever began; not where only what was begun can be ended. */
  endCpuAccess?(op: string, intent: CpuIntent): Operation<void>;
  /** Where the file of the buffer can be mapped. */
  mmap?(op: string, range: Required<ByteRange>): Operation<Shown>;
}
