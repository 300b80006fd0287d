// SPDX-License-Identifier: MIT
/**
 * copy-messages — what the threads of the copying mode post to each other. Pixels travel as clones.
 */
import type { FilterName } from './filters.js';
import type { Chroma } from './geometry.js';
import type { VideoFormat } from './y4m.js';

export interface FilterSetup {
  readonly filter: FilterName;
  readonly width: number;
  readonly chroma: Chroma;
}

/** Main to filter: filter the rows [y0, y1) of this strip. */
export interface BandJob {
  readonly frame: number;
  readonly pixels: Uint8Array;
  readonly height: number;
  readonly y0: number;
  readonly y1: number;
  /** nowMicros() when it was posted. */
  readonly submitted: number;
}

/** Filter to main. */
export interface BandDone {
  readonly type: 'band';
  readonly frame: number;
  readonly pixels: Uint8Array;
  readonly hop: number;
  readonly done: number;
}

export interface EncoderSetup {
  readonly output: number | null;
  readonly format: VideoFormat;
  readonly prefix: number;
}

/** Main to encoder. */
export interface EncodeJob {
  readonly pixels: Uint8Array;
  /** nowMicros() when its last band was done. */
  readonly ready: number;
}

/** Encoder to main: one more frame; the checksums so far. */
export interface FrameDone {
  readonly type: 'frame';
  readonly hop: number;
  readonly done: number;
  readonly checksum: string;
  readonly prefixChecksum: string | null;
}

/** From either: the script runs and listens. */
export interface Ready {
  readonly type: 'ready';
}

/** From the encoder: it cannot write. `message` is for the user. */
export interface Failed {
  readonly type: 'failed';
  readonly message: string;
}
