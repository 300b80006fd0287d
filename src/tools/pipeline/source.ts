// SPDX-License-Identifier: MIT
/**
 * source — what every input looks like to those who filter it.
 */
import type { VideoFormat } from './y4m.js';

/** Which file is read, so that nobody writes over it. */
export interface FileIdentity {
  readonly dev: number;
  readonly ino: number;
}

export interface Source {
  readonly format: VideoFormat;
  readonly file: FileIdentity | null;
  /** Opening it again gives the same frames. */
  readonly repeatable: boolean;
  /** The next frame into `pixels`, which has exactly the size of one. @returns false: there is none. @throws UserError */
  read(pixels: Uint8Array): Promise<boolean>;
  /** Ends a pending read() as well. */
  close(): void;
}
