// SPDX-License-Identifier: MIT
/**
 * buf/sources — what an exporter of one's own hands out: ranges of heap buffers, which every agent can reach.
 *
 * Whoever maps them refers to those buffers: an exporter that closes its own handles does not take the memory from under an
 * importer.
 */

import { checkInteger, fail } from '../errors.js';
import type { Buffers } from './buffers.js';
import type { Device } from './device.js';
import type { SourceSegment } from './exporter.js';
import type { Reference } from './reference.js';
import { type SgTable, sgTable } from './sg-table.js';

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
  const ranges = (sources as Partial<SourceSegment>[]).map((source) =>
    rangeOf(op, buffers, source),
  );
  const total = ranges.reduce((sum, { bytes }) => sum + bytes.length, 0);
  if (total !== size) throw broken(op, `map gave ${total} bytes of a buffer of ${size}`);
  for (const { reference } of ranges) reference.holders++;
  return {
    table: sgTable(ranges.map(({ bytes }) => bytes)),
    held: ranges.map(({ reference }) => reference),
  };
}

export function dropSources(buffers: Buffers, held: readonly Reference[]): void {
  for (const reference of held) buffers.drop(reference);
}

function broken(op: string, why: string): Error {
  return fail('EIO', op, {}, { why: `the exporter is broken: ${why}` });
}

function rangeOf(
  op: string,
  buffers: Buffers,
  source: Partial<SourceSegment> | undefined,
): { readonly bytes: Uint8Array; readonly reference: Reference } {
  const of = source?.of;
  if (of?.buffers !== buffers) throw broken(op, '`of` must be a buffer of this domain');
  const reference = of.use(op);
  if (reference.exporter !== 0) throw broken(op, '`of` must be a buffer of a heap');
  const offset = checkInteger(op, 'offset', source?.offset, 0, reference.size);
  const length = checkInteger(op, 'length', source?.length, 0, reference.size - offset);
  const { bytes } = buffers.table(reference);
  if (bytes === null) throw broken(op, '`of` must be in one piece');
  return { bytes: bytes.subarray(offset, offset + length), reference };
}
