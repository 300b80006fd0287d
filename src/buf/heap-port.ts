// SPDX-License-Identifier: MIT
/**
 * buf/heap-port — the exporter of heap buffers: memory that is where it is, for everybody. Nothing to call, nothing to wait for.
 */

import type { Operation } from '../agent/index.js';
import type { Attached } from './attached.js';
import type { ByteRange } from './byte-access.js';
import type { Direction } from './direction.js';
import type { ExporterPort, Mapped, Shown } from './port.js';
import { type SgTable, sgTable } from './sg-table.js';

export class HeapPort implements ExporterPort {
  readonly dynamic = false;
  readonly cacheMapping = false;
  readonly callTimeout = Infinity;
  readonly #table: () => SgTable;
  #mapped: Readonly<Record<Direction, Mapped>> | null = null;

  constructor(table: () => SgTable) {
    this.#table = table;
  }

  #mapAll(): Readonly<Record<Direction, Mapped>> {
    const table = this.#table();
    const of = (direction: Direction): Mapped => ({
      table,
      sources: [],
      held: [],
      direction,
      moveGen: 0,
    });
    return {
      bidirectional: of('bidirectional'),
      'to-device': of('to-device'),
      'from-device': of('from-device'),
    };
  }

  readonly mappedNow = (direction: Direction): Mapped =>
    (this.#mapped ??= this.#mapAll())[direction];

  // oxlint-disable-next-line require-yield -- an operation that never waits
  *mmap(_op: string, { offset, length }: Required<ByteRange>): Operation<Shown> {
    const { bytes } = this.#table();
    const part = bytes?.subarray(offset, offset + length);
    return { table: sgTable(part === undefined ? [] : [part]), sources: [], held: [], moveGen: 0 };
  }

  exported(): null {
    return null;
  }
  enlist(): void {}
  unlist(): void {}

  *attach(_op: string, _attached: Attached): Operation<void> {}
  *detach(): Operation<void> {}
  // oxlint-disable-next-line require-yield -- an operation that never waits
  *map(_op: string, _attached: Attached, direction: Direction): Operation<Mapped> {
    return this.mappedNow(direction);
  }
  unmap(): void {}
  *pin(): Operation<void> {}
  unpin(): void {}
  // oxlint-disable-next-line require-yield -- an operation that never waits
  *beginCpuAccess(): Operation<() => void> {
    return () => {};
  }
  *endCpuAccess(): Operation<void> {}
}
