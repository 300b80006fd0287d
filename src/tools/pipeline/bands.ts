// SPDX-License-Identifier: MIT
/**
 * bands — who filters which rows. Bands tile the frame from top to bottom, differ by at most one unit of rows,
 * and never cut a chroma row in two. With more workers than units some bands are empty.
 */
import type { Geometry } from './geometry.js';

/** The rows [y0, y1). */
export interface Band {
  readonly y0: number;
  readonly y1: number;
}

export function bandOf(geometry: Geometry, index: number, count: number): Band {
  const { height, rowUnit } = geometry;
  const units = Math.ceil(height / rowUnit);
  const edge = (n: number): number => Math.min(height, Math.floor((units * n) / count) * rowUnit);
  return { y0: edge(index), y1: edge(index + 1) };
}

/** The band and `radius` more rows of every plane above and below, as far as there are any. */
export function withHalo(geometry: Geometry, band: Band, radius: number): Band {
  if (band.y0 === band.y1) return band;
  const halo = radius * geometry.rowUnit;
  return { y0: Math.max(0, band.y0 - halo), y1: Math.min(geometry.height, band.y1 + halo) };
}
