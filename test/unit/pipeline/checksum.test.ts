// SPDX-License-Identifier: MIT

import { describe, expect, it } from 'vitest';
import { Checksum } from '../../../src/tools/pipeline/checksum.js';
import { fc } from '../properties.js';

function sum(...frames: readonly Uint8Array[]): string {
  const checksum = new Checksum();
  for (const frame of frames) checksum.update(frame);
  return checksum.digest();
}

const bytes = fc.uint8Array({ minLength: 1, maxLength: 70 });

describe('checksum', () => {
  it('is 16 hexadecimal digits, the same for the same frames', () => {
    fc.assert(
      fc.property(fc.array(bytes), (frames) => {
        expect(sum(...frames)).toMatch(/^[0-9a-f]{16}$/);
        expect(sum(...frames.map((frame) => frame.slice()))).toBe(sum(...frames));
      }),
    );
  });

  it('sees every changed bit', () => {
    fc.assert(
      fc.property(bytes, fc.nat(), fc.nat({ max: 7 }), (frame, at, bit) => {
        const changed = frame.slice();
        const index = at % frame.length;
        changed[index] = (changed[index] ?? 0) ^ (1 << bit);
        expect(sum(changed)).not.toBe(sum(frame));
      }),
    );
  });

  it('sees frames that are swapped, repeated or missing', () => {
    const [a, b] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)];
    const seen = new Set([sum(), sum(a), sum(b), sum(a, b), sum(b, a), sum(a, a, b), sum(a, b, b)]);
    expect(seen.size).toBe(7);
  });

  it('sees how many zeros there are', () => {
    const seen = new Set(Array.from({ length: 40 }, (_, length) => sum(new Uint8Array(length))));
    expect(seen.size).toBe(40);
  });

  it('has no two equal sums among a million frames of two words', () => {
    const frame = new Uint32Array(2);
    const seen = new Set<string>();
    for (let n = 0; n < 1_000_000; n++) {
      frame[0] = n % 1000;
      frame[1] = Math.floor(n / 1000);
      seen.add(sum(new Uint8Array(frame.buffer)));
    }
    expect(seen.size).toBe(1_000_000);
  });

  it('is the same in shared memory, anywhere in it', () => {
    const shared = new Uint8Array(new SharedArrayBuffer(64), 20, 23);
    for (const index of shared.keys()) shared[index] = index * 7;
    expect(sum(shared)).toBe(sum(shared.slice()));
  });
});
