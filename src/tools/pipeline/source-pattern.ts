// SPDX-License-Identifier: MIT
/**
 * source-pattern — a moving test pattern, the same in every run: stripes under noise, in drifting colours.
 *
 * Every row is a piece of one long texture, taken from another place in each row and frame. So a frame costs
 * little more than writing it once, and still has edges in all directions for the filters to find.
 */
import type { Geometry, Plane } from './geometry.js';
import type { Source } from './source.js';
import type { VideoFormat } from './y4m.js';

/** Rows begin somewhere in the first so many texels. */
const PERIOD = 1024;
const STRIPE = 64;

export class PatternSource implements Source {
  readonly format: VideoFormat;
  readonly file = null;
  readonly repeatable = true;
  readonly #luma: Uint8Array;
  readonly #chroma: Uint8Array;
  #frame = 0;

  constructor(geometry: Geometry) {
    const colour = geometry.chroma === '420' ? '420jpeg' : geometry.chroma;
    this.format = { geometry, tags: ['F30:1', 'Ip', 'A1:1'], colour };
    this.#luma = stripes(geometry.width + PERIOD);
    this.#chroma = waves(geometry.width + PERIOD);
  }

  read(pixels: Uint8Array): Promise<boolean> {
    for (const [index, plane] of this.format.geometry.planes.entries()) {
      this.#draw(pixels, plane, index);
    }
    this.#frame++;
    return Promise.resolve(true);
  }

  close(): void {}

  #draw(pixels: Uint8Array, plane: Plane, index: number): void {
    const texture = plane.chroma ? this.#chroma : this.#luma;
    const drift = this.#frame * (plane.chroma ? 3 : 7) + index * 211;
    for (let y = 0; y < plane.height; y++) {
      const from = (drift + y * (1 + index)) % PERIOD;
      pixels.set(texture.subarray(from, from + plane.width), plane.offset + y * plane.width);
    }
  }
}

/** Hard edges every STRIPE texels, a ramp in between, noise over all. */
function stripes(length: number): Uint8Array {
  const random = noise(12_345);
  return Uint8Array.from({ length }, (_, x) => {
    const ramp = (x % STRIPE) * 2;
    const stripe = Math.floor(x / STRIPE) % 2 === 0 ? 40 : 90;
    return ramp + stripe + (random() & 31);
  });
}

function waves(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, x) => 128 + 100 * Math.sin((2 * Math.PI * x) / PERIOD));
}

/** Xorshift: the same numbers on every machine. */
function noise(seed: number): () => number {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 8;
  };
}
