// SPDX-License-Identifier: MIT
/**
 * strip — a band and its halo, cut out of a frame as a small frame of its own. Only the copying mode needs it:
 * what is shared needs no cutting.
 */
import type { Band } from './bands.js';
import { type Geometry, planeBytes, stripOf } from './geometry.js';

/** A copy of the rows of `part`, in memory that holds nothing else: a clone of it clones no more. */
export function cutStrip(geometry: Geometry, frame: Uint8Array, part: Band): Uint8Array {
  const strip = stripOf(geometry, part.y1 - part.y0);
  const pixels = new Uint8Array(strip.bytes);
  for (const [index, plane] of geometry.planes.entries()) {
    const [start, end] = planeBytes(plane, part.y0, part.y1);
    pixels.set(frame.subarray(start, end), strip.planes[index]?.offset);
  }
  return pixels;
}

/** Copies the rows of `band` from a strip that was cut as `part` into the frame. @returns bytes copied */
export function pasteBand(
  geometry: Geometry,
  frame: Uint8Array,
  strip: Uint8Array,
  part: Band,
  band: Band,
): number {
  const cut = stripOf(geometry, part.y1 - part.y0);
  let copied = 0;
  for (const [index, plane] of cut.planes.entries()) {
    const [start, end] = planeBytes(plane, band.y0 - part.y0, band.y1 - part.y0);
    const target = geometry.planes[index];
    if (target === undefined) continue;
    frame.set(strip.subarray(start, end), planeBytes(target, band.y0, band.y1)[0]);
    copied += end - start;
  }
  return copied;
}
