// SPDX-License-Identifier: MIT
// What stands in for the real camera, filter, encoder, screen and mixer of these programs.
import { setImmediate as turn } from 'node:timers/promises';

const WIDTH = 64;
const HEIGHT = 48;
const PICTURES = 24;
const COLOUR = 7;

/** A bright square that moves to the right. */
function picture(n: number, bytes: Uint8Array): void {
  for (let y = 0; y < HEIGHT; y++) {
    for (let x = 0; x < WIDTH; x++) {
      const inside = x >= n && x < n + 16 && y >= 16 && y < 32;
      bytes[y * WIDTH + x] = inside ? 240 : (x + y + n) & 63;
    }
  }
}

/** A small film. */
export const source = {
  frameBytes: WIDTH * HEIGHT,
  async *[Symbol.asyncIterator]() {
    for (let n = 0; n < PICTURES; n++) {
      await turn();
      yield { writeTo: (bytes: Uint8Array) => picture(n, bytes) };
    }
  },
};

/** Mixes each pixel of one of `of` bands with its two neighbours in the row. */
export function blur(bytes: Uint8Array, band: number, of: number): void {
  const rows = HEIGHT / of;
  for (let y = band * rows; y < (band + 1) * rows; y++) {
    const row = bytes.subarray(y * WIDTH, (y + 1) * WIDTH);
    const sharp = row.slice();
    for (let x = 1; x < WIDTH - 1; x++) {
      row[x] = ((sharp[x - 1] ?? 0) + (sharp[x] ?? 0) + (sharp[x + 1] ?? 0)) / 3;
    }
  }
}

/** Takes finished pictures, and looks whether they are. */
export const sink = {
  write(bytes: Uint8Array, n: number): void {
    const expected = new Uint8Array(WIDTH * HEIGHT);
    picture(n, expected);
    blur(expected, 0, 1);
    const good = Buffer.compare(expected, bytes) === 0;
    console.log(`picture ${n}: ${good ? 'complete' : 'torn'}`);
  },
  repeatLast(n: number): void {
    console.log(`picture ${n}: lost`);
  },
};

export function paint(bytes: Uint8Array): void {
  bytes.fill(COLOUR);
}

/** Shows a picture. */
export async function draw(bytes: Uint8Array): Promise<void> {
  if (bytes[0] !== COLOUR || bytes.at(-1) !== COLOUR) throw new Error('nothing to be seen');
  await turn();
}

/** Adds two tracks to what is there. */
export function mix(a: Uint8Array, b: Uint8Array, out: Uint8Array): void {
  for (let n = 0; n < out.length; n++) out[n] = (out[n] ?? 0) + (a[n] ?? 0) + (b[n] ?? 0);
}
