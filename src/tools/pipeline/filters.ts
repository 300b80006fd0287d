// SPDX-License-Identifier: MIT
/**
 * filters — blur, sobel and invert, from an input frame into an output frame.
 *
 * `filterBand` reads any row of `input` that its rows need (FILTER_RADIUS rows beyond the band, the edge row
 * repeated beyond the frame) and writes exactly the rows [y0, y1) of `output`, in every plane. So any number of
 * bands may run at once, in any order, and together give the same bytes as one band over the whole frame.
 *
 * The loops use local variables and whole numbers only: nothing depends on where a band begins.
 */
import { type Geometry, type Plane, planeBytes } from './geometry.js';

export const FILTER_NAMES = ['blur', 'sobel', 'invert'] as const;
export type FilterName = (typeof FILTER_NAMES)[number];

/** Rows of a plane above and below that one output row depends on. */
export const FILTER_RADIUS: Readonly<Record<FilterName, number>> = { blur: 2, sobel: 1, invert: 0 };

type PlaneFilter = (
  input: Uint8Array,
  output: Uint8Array,
  plane: Plane,
  firstRow: number,
  endRow: number,
) => void;

const PLANE_FILTERS: Readonly<Record<FilterName, PlaneFilter>> = {
  blur: blurPlane,
  sobel: sobelPlane,
  invert: invertPlane,
};

export function filterBand(
  filter: FilterName,
  geometry: Geometry,
  input: Uint8Array,
  output: Uint8Array,
  y0: number,
  y1: number,
): void {
  const run = PLANE_FILTERS[filter];
  for (const plane of geometry.planes) {
    const [start, end] = planeBytes(plane, y0, y1);
    const first = (start - plane.offset) / plane.width;
    run(input, output, plane, first, first + (end - start) / plane.width);
  }
}

function invertPlane(
  input: Uint8Array,
  output: Uint8Array,
  plane: Plane,
  firstRow: number,
  endRow: number,
): void {
  const end = plane.offset + endRow * plane.width;
  for (let i = plane.offset + firstRow * plane.width; i < end; i++) output[i] = 255 - at(input, i);
}

/** Of the 5x5 square. sum * RECIPROCAL >>> 20 is sum / AREA rounded down, for every sum there can be. */
const AREA = 25;
const RECIPROCAL = Math.ceil(2 ** 20 / AREA);
const HALF = AREA >> 1;

/**
 * The mean of the 5x5 square around the pixel, rounded to nearest. Column sums wander through five variables as
 * the square moves to the right, so every step adds up one new column only.
 */
function blurPlane(
  input: Uint8Array,
  output: Uint8Array,
  plane: Plane,
  firstRow: number,
  endRow: number,
): void {
  const { offset, width, height } = plane;
  for (let y = firstRow; y < endRow; y++) {
    const row0 = offset + clamp(y - 2, height) * width;
    const row1 = offset + clamp(y - 1, height) * width;
    const row2 = offset + y * width;
    const row3 = offset + clamp(y + 1, height) * width;
    const row4 = offset + clamp(y + 2, height) * width;
    const second = width > 1 ? 1 : 0;
    // The columns x - 4 to x - 1; those left of the frame are the first one.
    let c = columnSum(input, row0, row1, row2, row3, row4, 0);
    let d = c;
    let e = c;
    let b = columnSum(input, row0, row1, row2, row3, row4, second);
    for (let x = 2; x < width; x++) {
      const a = columnSum(input, row0, row1, row2, row3, row4, x);
      output[row2 + x - 2] = ((a + b + c + d + e + HALF) * RECIPROCAL) >>> 20;
      e = d;
      d = c;
      c = b;
      b = a;
    }
    // The last two pixels: the columns right of the frame are the last one, which is b.
    for (let x = Math.max(0, width - 2); x < width; x++) {
      output[row2 + x] = ((b + b + c + d + e + HALF) * RECIPROCAL) >>> 20;
      e = d;
      d = c;
      c = b;
    }
  }
}

function columnSum(
  input: Uint8Array,
  row0: number,
  row1: number,
  row2: number,
  row3: number,
  row4: number,
  x: number,
): number {
  return (
    at(input, row0 + x) +
    at(input, row1 + x) +
    at(input, row2 + x) +
    at(input, row3 + x) +
    at(input, row4 + x)
  );
}

/**
 * |gx| + |gy| of the 3x3 Sobel operator, at most 255. On chroma planes half of it is added to 128: 128 is "no
 * colour", so a flat area stays grey and only edges of colour show.
 */
function sobelPlane(
  input: Uint8Array,
  output: Uint8Array,
  plane: Plane,
  firstRow: number,
  endRow: number,
): void {
  const { offset, width, height } = plane;
  const base = plane.chroma ? 128 : 0;
  const shift = plane.chroma ? 1 : 0;
  const limit = 255 - base;
  for (let y = firstRow; y < endRow; y++) {
    const above = offset + clamp(y - 1, height) * width;
    const here = offset + y * width;
    const below = offset + clamp(y + 1, height) * width;
    // Of the columns x - 2, x - 1 and x: `s` weighs the rows 1 2 1, `d` 1 0 -1.
    let s1 = at(input, above) + 2 * at(input, here) + at(input, below);
    let d1 = at(input, above) - at(input, below);
    let s2 = s1;
    let d2 = d1;
    for (let x = 1; x < width; x++) {
      const top = at(input, above + x);
      const bottom = at(input, below + x);
      const s0 = top + 2 * at(input, here + x) + bottom;
      const d0 = top - bottom;
      const edge = (Math.abs(s0 - s2) + Math.abs(d2 + 2 * d1 + d0)) >> shift;
      output[here + x - 1] = base + (edge > limit ? limit : edge);
      s2 = s1;
      s1 = s0;
      d2 = d1;
      d1 = d0;
    }
    // The last pixel: the column right of the frame is the last one.
    const edge = (Math.abs(s1 - s2) + Math.abs(d2 + 3 * d1)) >> shift;
    output[here + width - 1] = base + (edge > limit ? limit : edge);
  }
}

function clamp(row: number, height: number): number {
  return row < 0 ? 0 : row < height ? row : height - 1;
}

/** An element that is known to be there: the compiler cannot see that the loops stay inside. */
function at(array: Uint8Array, index: number): number {
  return array[index] as number;
}
