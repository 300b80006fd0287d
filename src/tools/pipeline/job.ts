// SPDX-License-Identifier: MIT
/**
 * job — what all ways of running the pipeline are given, and what they give back.
 */
import type { FilterName } from './filters.js';
import { Histogram, type Percentiles } from './latency.js';
import type { Mode } from './options.js';
import type { Source } from './source.js';

export interface Job {
  readonly source: Source;
  /** At most; Infinity: all there are. */
  readonly frames: number;
  readonly workers: number;
  readonly filter: FilterName;
  /** Open for writing, or null: checksum only. */
  readonly output: number | null;
  readonly killEvery: number | null;
  /** The checksum is also wanted after so many frames. */
  readonly prefix: number;
  /** Aborted by Ctrl-C: stop at once, and throw its reason. */
  readonly signal: AbortSignal;
  /** So many frames have left the encoder. */
  readonly progress: (frames: number) => void;
}

export interface Leaks {
  readonly buffers: number;
  readonly attachments: number;
  readonly locks: number;
  readonly fences: number;
}
export const NO_LEAKS: Leaks = { buffers: 0, attachments: 0, locks: 0, fences: 0 };

/** All in microseconds. A hop is counted from the moment when the work is there and its worker is free, to its beginning. */
export type Latency = {
  readonly toFilter: Percentiles;
  readonly toEncoder: Percentiles;
  /** Both hops together. */
  readonly hop: Percentiles;
  /** From the end of reading a frame to the end of encoding it: its whole way, queues included. */
  readonly frame: Percentiles;
};

export function latencyOf(toFilter: Histogram, toEncoder: Histogram, frame: Histogram): Latency {
  const all = new Histogram();
  all.add(toFilter);
  all.add(toEncoder);
  return {
    toFilter: toFilter.percentiles(),
    toEncoder: toEncoder.percentiles(),
    hop: all.percentiles(),
    frame: frame.percentiles(),
  };
}

/** Frames in flight at once: the size of the pool, and how much of it was in use when a frame was added. */
export interface Occupancy {
  readonly size: number;
  readonly mean: number;
  readonly max: number;
}

export interface Result {
  readonly mode: Mode;
  readonly frames: number;
  readonly width: number;
  readonly height: number;
  readonly workers: number;
  readonly seconds: number;
  readonly latency: Latency;
  readonly bytesCopied: number;
  readonly occupancy: Occupancy;
  readonly checksum: string;
  /** After `prefix` frames; null when there were fewer. */
  readonly prefixChecksum: string | null;
  readonly kills: number;
  readonly leaks: Leaks;
}

/**
 * One is read, one filtered by everybody, one encoded, and two wait in between; more workers drift further apart. More frames than
 * that only leave the processor's caches earlier.
 */
export function framesInFlight(workers: number): number {
  return 4 + Math.ceil(workers / 4);
}
