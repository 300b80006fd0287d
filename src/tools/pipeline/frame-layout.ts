// SPDX-License-Identifier: MIT
/**
 * frame-layout — what one buffer of the pool holds: [input planes | output planes | stamps].
 *
 * Why two pictures in one buffer: a blur at the edge of a band reads rows of the neighbouring band. Filtering in
 * place, it would read rows that the neighbour has already changed, or not, as it happens. So nobody writes the
 * input half while the frame is being filtered, and every worker writes only its own rows of the output half: the
 * workers need no order among themselves, the result has the same bytes for any number of them, and a band that
 * was lost with its worker can be filtered again, since what it was made from is still there.
 *
 * Stamps (microseconds, see latency): when the frame was submitted; then per worker how long the band waited
 * although the worker was free, and when it was done.
 */
import type { ByteAccess } from 'dmabuf';
import type { Geometry } from './geometry.js';

export interface FrameLayout {
  readonly pictureBytes: number;
  readonly outputOffset: number;
  readonly stampsOffset: number;
  readonly stampCount: number;
  /** Of the whole buffer. */
  readonly size: number;
}

/** A cache line: halves that different threads write share none, and words and doubles are aligned. */
const ALIGNMENT = 64;
const STAMPS_PER_WORKER = 2;

export function frameLayout(geometry: Geometry, workers: number): FrameLayout {
  const align = (offset: number): number => Math.ceil(offset / ALIGNMENT) * ALIGNMENT;
  const outputOffset = align(geometry.bytes);
  const stampsOffset = outputOffset + align(geometry.bytes);
  const stampCount = 1 + STAMPS_PER_WORKER * workers;
  const size = stampsOffset + align(stampCount * Float64Array.BYTES_PER_ELEMENT);
  return { pictureBytes: geometry.bytes, outputOffset, stampsOffset, stampCount, size };
}

export function inputPixels(access: ByteAccess, layout: FrameLayout): Uint8Array {
  return access.as(Uint8Array, { offset: 0, length: layout.pictureBytes });
}

export function outputPixels(access: ByteAccess, layout: FrameLayout): Uint8Array {
  return access.as(Uint8Array, { offset: layout.outputOffset, length: layout.pictureBytes });
}

export class Stamps {
  readonly #at: Float64Array;

  constructor(access: ByteAccess, layout: FrameLayout) {
    const length = layout.stampCount * Float64Array.BYTES_PER_ELEMENT;
    this.#at = access.as(Float64Array, { offset: layout.stampsOffset, length });
  }

  get submitted(): number {
    return this.#at[0] ?? 0;
  }

  set submitted(micros: number) {
    this.#at[0] = micros;
  }

  setBand(worker: number, hop: number, done: number): void {
    this.#at[1 + STAMPS_PER_WORKER * worker] = hop;
    this.#at[2 + STAMPS_PER_WORKER * worker] = done;
  }

  /** Of all workers, in order. */
  hops(): readonly number[] {
    return Array.from(this.#at).filter((_, index) => index % STAMPS_PER_WORKER === 1);
  }

  /** When the last band was done. */
  get lastDone(): number {
    let last = 0;
    for (let i = STAMPS_PER_WORKER; i < this.#at.length; i += STAMPS_PER_WORKER) {
      last = Math.max(last, this.#at[i] ?? 0);
    }
    return last;
  }
}
