// SPDX-License-Identifier: MIT

import { describe, expect, it } from 'vitest';
import { bandOf, withHalo } from '../../../src/tools/pipeline/bands.js';
import {
  FILTER_NAMES,
  FILTER_RADIUS,
  type FilterName,
  filterBand,
} from '../../../src/tools/pipeline/filters.js';
import { type Geometry, type Plane, stripOf } from '../../../src/tools/pipeline/geometry.js';
import { cutStrip, pasteBand } from '../../../src/tools/pipeline/strip.js';
import { fc } from '../properties.js';
import { frames, workerCounts } from './arbitraries.js';

type Sample = (dx: number, dy: number) => number;

/** The definitions, pixel by pixel. */
const DEFINITIONS: Record<FilterName, (sample: Sample, plane: Plane) => number> = {
  invert: (sample) => 255 - sample(0, 0),
  blur: (sample) => {
    let sum = 0;
    for (let dy = -2; dy <= 2; dy++) for (let dx = -2; dx <= 2; dx++) sum += sample(dx, dy);
    return Math.floor(sum / 25 + 0.5);
  },
  sobel: (sample, plane) => {
    const rows = (dx: number): number => sample(dx, -1) + 2 * sample(dx, 0) + sample(dx, 1);
    const columns = (dy: number): number => sample(-1, dy) + 2 * sample(0, dy) + sample(1, dy);
    const edge = Math.abs(rows(1) - rows(-1)) + Math.abs(columns(1) - columns(-1));
    return plane.chroma ? Math.min(255, 128 + Math.floor(edge / 2)) : Math.min(255, edge);
  },
};

function byDefinition(filter: FilterName, geometry: Geometry, pixels: Uint8Array): Uint8Array {
  const output = new Uint8Array(pixels.length);
  for (const plane of geometry.planes) {
    const { offset, width, height } = plane;
    const clamp = (value: number, size: number): number => Math.min(size - 1, Math.max(0, value));
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const sample: Sample = (dx, dy) =>
          pixels[offset + clamp(y + dy, height) * width + clamp(x + dx, width)] ?? NaN;
        output[offset + y * width + x] = DEFINITIONS[filter](sample, plane);
      }
    }
  }
  return output;
}

function filtered(filter: FilterName, geometry: Geometry, pixels: Uint8Array): Uint8Array {
  const output = new Uint8Array(pixels.length);
  filterBand(filter, geometry, pixels, output, 0, geometry.height);
  return output;
}

describe.each(FILTER_NAMES)('%s', (filter) => {
  it('is what its definition says, at all edges too', () => {
    fc.assert(
      fc.property(frames, ({ geometry, pixels }) => {
        expect(filtered(filter, geometry, pixels)).toEqual(byDefinition(filter, geometry, pixels));
      }),
    );
  });

  it('gives the same bytes in any number of bands, in any order', () => {
    fc.assert(
      fc.property(frames, workerCounts, fc.boolean(), ({ geometry, pixels }, count, backwards) => {
        const output = new Uint8Array(pixels.length);
        for (let turn = 0; turn < count; turn++) {
          const { y0, y1 } = bandOf(geometry, backwards ? count - 1 - turn : turn, count);
          filterBand(filter, geometry, pixels, output, y0, y1);
        }
        expect(output).toEqual(filtered(filter, geometry, pixels));
      }),
    );
  });

  it('writes its own rows only', () => {
    fc.assert(
      fc.property(frames, workerCounts, ({ geometry, pixels }, count) => {
        const { y0, y1 } = bandOf(geometry, count - 1, count);
        const once = new Uint8Array(pixels.length).fill(1);
        const again = new Uint8Array(pixels.length).fill(2);
        filterBand(filter, geometry, pixels, once, y0, y1);
        filterBand(filter, geometry, pixels, again, y0, y1);
        const untouched = geometry.planes.reduce((rows, plane) => {
          const first = Math.ceil(y0 / plane.lumaRows);
          return rows + plane.width * (first + plane.height - Math.ceil(y1 / plane.lumaRows));
        }, 0);
        expect(once.filter((value, index) => value !== again[index])).toHaveLength(untouched);
      }),
    );
  });

  it('gives the same bytes from strips with a halo', () => {
    fc.assert(
      fc.property(frames, workerCounts, ({ geometry, pixels }, count) => {
        const output = new Uint8Array(pixels.length);
        for (let index = 0; index < count; index++) {
          const band = bandOf(geometry, index, count);
          if (band.y0 === band.y1) continue;
          const part = withHalo(geometry, band, FILTER_RADIUS[filter]);
          const strip = cutStrip(geometry, pixels, part);
          const result = new Uint8Array(strip.length);
          const cut = stripOf(geometry, part.y1 - part.y0);
          filterBand(filter, cut, strip, result, band.y0 - part.y0, band.y1 - part.y0);
          pasteBand(geometry, output, result, part, band);
        }
        expect(output).toEqual(filtered(filter, geometry, pixels));
      }),
    );
  });
});
