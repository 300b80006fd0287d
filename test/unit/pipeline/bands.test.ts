// SPDX-License-Identifier: MIT

import { describe, expect, it } from 'vitest';
import { bandOf, withHalo } from '../../../src/tools/pipeline/bands.js';
import { geometryOf, planeBytes } from '../../../src/tools/pipeline/geometry.js';
import { fc } from '../properties.js';
import { geometries, workerCounts } from './arbitraries.js';

describe('bands', () => {
  it('tile the frame: each begins where the one before ends', () => {
    fc.assert(
      fc.property(geometries, workerCounts, (geometry, count) => {
        let row = 0;
        for (let index = 0; index < count; index++) {
          const { y0, y1 } = bandOf(geometry, index, count);
          expect(y0).toBe(row);
          expect(y1).toBeGreaterThanOrEqual(y0);
          row = y1;
        }
        expect(row).toBe(geometry.height);
      }),
    );
  });

  it('tile every plane, byte for byte', () => {
    fc.assert(
      fc.property(geometries, workerCounts, (geometry, count) => {
        for (const plane of geometry.planes) {
          let byte = plane.offset;
          for (let index = 0; index < count; index++) {
            const { y0, y1 } = bandOf(geometry, index, count);
            const [start, end] = planeBytes(plane, y0, y1);
            expect(start).toBe(byte);
            byte = end;
          }
          expect(byte).toBe(plane.offset + plane.width * plane.height);
        }
      }),
    );
  });

  it('differ by at most one row, or one pair of rows where chroma rows are shared', () => {
    fc.assert(
      fc.property(geometries, workerCounts, (geometry, count) => {
        const units = Array.from({ length: count }, (_, index) => {
          const { y0, y1 } = bandOf(geometry, index, count);
          return Math.ceil((y1 - y0) / geometry.rowUnit);
        });
        expect(Math.max(...units) - Math.min(...units)).toBeLessThanOrEqual(1);
      }),
    );
  });
});

describe('halo', () => {
  it('has the radius in every plane, inside the frame', () => {
    const geometry = geometryOf(8, 40, '420');
    expect(withHalo(geometry, { y0: 10, y1: 20 }, 2)).toEqual({ y0: 6, y1: 24 });
    expect(withHalo(geometry, { y0: 0, y1: 40 }, 2)).toEqual({ y0: 0, y1: 40 });
  });

  it('of an empty band is empty', () => {
    const geometry = geometryOf(8, 2, '420');
    expect(withHalo(geometry, { y0: 0, y1: 0 }, 2)).toEqual({ y0: 0, y1: 0 });
  });
});
