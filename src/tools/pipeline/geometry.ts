// SPDX-License-Identifier: MIT
/**
 * geometry — where the pixels of a planar 8-bit frame are.
 *
 * A frame is its planes one after the other, each plane its rows one after the other, nothing in between.
 * Chroma planes cover the frame with fewer samples: `columns` x `rows` luma samples share one chroma sample.
 * Rows of a frame are always counted in luma; `rowUnit` luma rows are the least that can be cut off without
 * cutting a chroma row.
 */

/** Luma samples per chroma sample; null: there is no chroma. The keys are Y4M's names. */
const SUBSAMPLING = {
  '420': { columns: 2, rows: 2 },
  '422': { columns: 2, rows: 1 },
  '444': { columns: 1, rows: 1 },
  mono: null,
} as const;

export type Chroma = keyof typeof SUBSAMPLING;
export const CHROMAS: readonly Chroma[] = ['420', '422', '444', 'mono'];

/** The largest width or height: four times that of 4K video. */
export const MAX_SIDE = 16_384;

export interface Plane {
  /** Of the first byte, in the frame. */
  readonly offset: number;
  readonly width: number;
  readonly height: number;
  /** Luma rows per row of this plane. */
  readonly lumaRows: number;
  /** U or V: 128 means no colour. */
  readonly chroma: boolean;
}

export interface Geometry {
  readonly width: number;
  readonly height: number;
  readonly chroma: Chroma;
  readonly planes: readonly Plane[];
  /** Of the whole frame. */
  readonly bytes: number;
  readonly rowUnit: number;
}

export function geometryOf(width: number, height: number, chroma: Chroma): Geometry {
  const luma: Plane = { offset: 0, width, height, lumaRows: 1, chroma: false };
  const sub = SUBSAMPLING[chroma];
  if (sub === null) {
    return { width, height, chroma, planes: [luma], bytes: width * height, rowUnit: 1 };
  }
  const size = { width: Math.ceil(width / sub.columns), height: Math.ceil(height / sub.rows) };
  const u: Plane = { ...size, offset: width * height, lumaRows: sub.rows, chroma: true };
  const v: Plane = { ...u, offset: u.offset + u.width * u.height };
  const bytes = v.offset + v.width * v.height;
  return { width, height, chroma, planes: [luma, u, v], bytes, rowUnit: sub.rows };
}

/** A picture of the same width and sampling, but of other height: a strip cut out of the frame. */
export function stripOf(geometry: Geometry, height: number): Geometry {
  return geometryOf(geometry.width, height, geometry.chroma);
}

/** The bytes [start, end) of a frame that hold the luma rows [y0, y1) in one plane. */
export function planeBytes(plane: Plane, y0: number, y1: number): readonly [number, number] {
  const first = Math.ceil(y0 / plane.lumaRows);
  const end = Math.ceil(y1 / plane.lumaRows);
  return [plane.offset + first * plane.width, plane.offset + end * plane.width];
}
