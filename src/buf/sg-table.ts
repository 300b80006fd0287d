// SPDX-License-Identifier: MIT
/**
 * buf/sg-table — what one map of an exporter gave: where the bytes are.
 *
 * @source struct sg_table
 */

/** A stretch of memory that is one piece. */
export interface Segment {
  readonly bytes: Uint8Array;
  /** Of the segment, in the buffer. */
  readonly offset: number;
  readonly length: number;
}

export interface SgTable {
  readonly segments: readonly Segment[];
  /** All of it, when it is one piece, or nothing. */
  readonly bytes: Uint8Array | null;
}

/** A table of these stretches, in order. */
export function sgTable(pieces: readonly Uint8Array[]): SgTable {
  let offset = 0;
  const segments = pieces.map((bytes) => {
    const segment = Object.freeze({ bytes, offset, length: bytes.length });
    offset += bytes.length;
    return segment;
  });
  const [first] = segments;
  const bytes = segments.length > 1 ? null : (first?.bytes ?? new Uint8Array(0));
  return { segments: Object.freeze(segments), bytes };
}
