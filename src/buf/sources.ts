// SPDX-License-Identifier: MIT
/**
 * buf/sources — what an exporter of one's own hands out: ranges of heap buffers, which every agent can reach.
 *
 * Whoever maps them refers to those buffers: an exporter that closes its own handles does not take the memory from under an
 * importer.
 */

import { fail } from '../errors.js';
import type { Buffers } from './buffers.js';
import type { Range } from './call-kinds.js';
import type { Device } from './device.js';
import type { SourceSegment } from './exporter.js';
import type { Mapped } from './port.js';
import type { Reference } from './reference.js';
import { type SgTable, sgTable } from './sg-table.js';

/** One stretch of it. */
interface Piece {
  readonly bytes: Uint8Array;
  readonly reference: Reference;
}

/** Memory that is mapped, and the references that keep it. */
export interface HeldTable {
  readonly table: SgTable;
  readonly held: readonly Reference[];
}

/**
 * The bytes of what `map` returned, held until `dropSources`.
 * @throws ENOMEM null or nothing · EBUSY too many segments for the device · EIO they are not `size` bytes of heap buffers
 */
export function holdSources(
  op: string,
  buffers: Buffers,
  sources: unknown,
  size: number,
  device: Device,
): HeldTable {
  if (sources === null || sources === undefined) {
    throw fail('ENOMEM', op, {}, { why: "the exporter's map gave nothing" });
  }
  if (!Array.isArray(sources)) throw broken(op, 'map must return an array of segments');
  const { maxSegments } = device.caps;
  if (sources.length > maxSegments) {
    const why = 'the memory has more segments than the device takes';
    throw fail(
      'EBUSY',
      op,
      { device: device.name, segments: sources.length, maxSegments },
      { why },
    );
  }
  const pieces = (sources as Partial<SourceSegment>[]).map((source) =>
    pieceOf(op, buffers, source),
  );
  const total = pieces.reduce((sum, { bytes }) => sum + bytes.length, 0);
  if (total !== size) throw broken(op, `map gave ${total} bytes of a buffer of ${size}`);
  for (const { reference } of pieces) reference.holders++;
  return heldTable(pieces);
}

/**
 * The same, as another agent has mapped it for us, held until `dropSources`.
 * @throws EOWNERDEAD the exporter has gone meanwhile, and its memory with it
 */
export function holdRanges(op: string, buffers: Buffers, ranges: readonly Range[]): HeldTable {
  const pieces: Piece[] = [];
  for (const { row, generation, offset, length } of ranges) {
    const reference = buffers.enter(row, generation);
    if (reference === null) {
      for (const piece of pieces) buffers.drop(piece.reference);
      throw fail('EOWNERDEAD', op, {}, { why: 'the agent that exported the buffer has gone' });
    }
    const bytes = buffers.table(reference).bytes ?? new Uint8Array(0);
    pieces.push({ bytes: bytes.subarray(offset, offset + length), reference });
  }
  return heldTable(pieces);
}

function heldTable(pieces: readonly Piece[]): HeldTable {
  return {
    table: sgTable(pieces.map(({ bytes }) => bytes)),
    held: pieces.map(({ reference }) => reference),
  };
}

/** What a mapping is made of, by name. */
export function rangesOf({ sources, held }: Pick<Mapped, 'sources' | 'held'>): Range[] {
  return held.map(({ row, generation }, i) => {
    const { offset = 0, length = 0 } = sources[i] ?? {};
    return { row, generation, offset, length };
  });
}

export function dropSources(buffers: Buffers, held: readonly Reference[]): void {
  for (const reference of held) buffers.drop(reference);
}

function broken(op: string, why: string): Error {
  return fail('EIO', op, {}, { why: `the exporter is broken: ${why}` });
}

function isRange(offset: number, length: number, size: number): boolean {
  const whole = Number.isSafeInteger(offset) && Number.isSafeInteger(length);
  return whole && offset >= 0 && length >= 0 && offset + length <= size;
}

function pieceOf(op: string, buffers: Buffers, source: Partial<SourceSegment> | undefined): Piece {
  const of = source?.of;
  if (of?.buffers !== buffers) throw broken(op, '`of` must be a buffer of this domain');
  if (of.closed) throw broken(op, '`of` is a handle that was closed');
  const reference = of.use(op);
  if (reference.exporter !== 0) throw broken(op, '`of` must be a buffer of a heap');
  const { offset = -1, length = -1 } = source ?? {};
  if (!isRange(offset, length, reference.size)) {
    throw broken(op, `offset and length must lie in the ${reference.size} bytes of \`of\``);
  }
  const { bytes } = buffers.table(reference);
  if (bytes === null) throw broken(op, '`of` must be in one piece');
  return { bytes: bytes.subarray(offset, offset + length), reference };
}
