// SPDX-License-Identifier: MIT
/** Small frames of every sampling, odd sizes included, and what is done to them. */

import { CHROMAS, type Geometry, geometryOf } from '../../../src/tools/pipeline/geometry.js';
import { fc } from '../properties.js';

export const geometries: fc.Arbitrary<Geometry> = fc
  .tuple(
    fc.integer({ min: 1, max: 23 }),
    fc.integer({ min: 1, max: 41 }),
    fc.constantFrom(...CHROMAS),
  )
  .map(([width, height, chroma]) => geometryOf(width, height, chroma));

export const workerCounts = fc.integer({ min: 1, max: 9 });

/** A geometry and pixels for it. */
export const frames: fc.Arbitrary<{ geometry: Geometry; pixels: Uint8Array }> = geometries.chain(
  (geometry) =>
    fc
      .uint8Array({ minLength: geometry.bytes, maxLength: geometry.bytes })
      .map((pixels) => ({ geometry, pixels })),
);
