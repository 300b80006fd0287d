// SPDX-License-Identifier: MIT
/**
 * testing/segments — what is in the memory that a map gave: patterns, written and looked for.
 */

import type { Segment, SourceSegment } from 'dmabuf';

/** Both are primes: shifted, doubled or exchanged pages do not look alike. */
const STEP = 31;
const PAGE_STEP = 17;

const patternAt = (seed: number, at: number): number =>
  (seed * 101 + at * STEP + (at >>> 12) * PAGE_STEP) & 0xff;

/** Writes the pattern of that number. */
export function paint(segments: readonly Segment[], seed: number): void {
  for (const { bytes, offset } of segments) {
    for (let n = 0; n < bytes.length; n++) bytes[n] = patternAt(seed, offset + n);
  }
}

/** The first byte that is not of that pattern, in words; null = all are. */
export function difference(segments: readonly Segment[], seed: number): string | null {
  for (const { bytes, offset } of segments) {
    for (let n = 0; n < bytes.length; n++) {
      const expected = patternAt(seed, offset + n);
      if (bytes[n] !== expected) return `byte ${offset + n} is ${bytes[n]}, not ${expected}`;
    }
  }
  return null;
}

/** What is wrong with what a map gave for a buffer of that size; null = nothing. */
export function coverProblem(given: readonly SourceSegment[], size: number): string | null {
  const total = given.reduce((sum, { length }) => sum + length, 0);
  if (total !== size) return `map gave ${total} bytes of a buffer of ${size}`;
  const sorted = given.toSorted((a, b) => a.of.id - b.of.id || a.offset - b.offset);
  const twice = sorted.find((segment, n) => {
    const before = sorted[n - 1];
    return before?.of.id === segment.of.id && before.offset + before.length > segment.offset;
  });
  return twice === undefined ? null : `map gave byte ${twice.offset} of a source twice`;
}
