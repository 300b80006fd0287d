// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import { CHROMAS, geometryOf } from '../../../src/tools/pipeline/geometry.js';
import { PatternSource } from '../../../src/tools/pipeline/source-pattern.js';
import { formatHeader, parseHeader } from '../../../src/tools/pipeline/y4m.js';

async function framesOf(source: PatternSource, count: number): Promise<Uint8Array[]> {
  const frames: Uint8Array[] = [];
  for (let n = 0; n < count; n++) {
    const pixels = new Uint8Array(source.format.geometry.bytes);
    expect(await source.read(pixels)).toBe(true);
    frames.push(pixels);
  }
  return frames;
}

describe.each(CHROMAS)('the test pattern in %s', (chroma) => {
  const geometry = geometryOf(35, 21, chroma);

  it('is the same in every run', async () => {
    const [once, again] = [new PatternSource(geometry), new PatternSource(geometry)];
    expect(await framesOf(once, 3)).toEqual(await framesOf(again, 3));
  });

  it('moves, and is flat nowhere', async () => {
    const [first, second] = await framesOf(new PatternSource(geometry), 2);
    expect(first).not.toEqual(second);
    for (const plane of geometry.planes) {
      const bytes = first?.subarray(plane.offset, plane.offset + plane.width * plane.height);
      expect(new Set(bytes).size).toBeGreaterThan(1);
    }
  });

  it('has a format that can be written', () => {
    const { format } = new PatternSource(geometry);
    expect(parseHeader(formatHeader(format).trimEnd())).toEqual(format);
  });
});
