// SPDX-License-Identifier: MIT
/**
 * encoder — what becomes of a finished frame, in every mode: its bytes go into the checksum, and to the file if
 * there is one.
 */
import { Checksum } from './checksum.js';
import { type Output, VideoWriter } from './sink.js';
import type { VideoFormat } from './y4m.js';

export class Encoder {
  readonly #checksum = new Checksum();
  readonly #writer: VideoWriter | null;
  readonly #prefix: number;
  #prefixChecksum: string | null = null;
  #frames = 0;

  /** @param prefix  the checksum after so many frames is kept. */
  constructor(output: Output | null, format: VideoFormat, prefix: number) {
    this.#writer = output === null ? null : new VideoWriter(output, format);
    this.#prefix = prefix;
  }

  get frames(): number {
    return this.#frames;
  }

  get checksum(): string {
    return this.#checksum.digest();
  }

  get prefixChecksum(): string | null {
    return this.#prefixChecksum;
  }

  /** @throws UserError */
  async encode(pixels: Uint8Array): Promise<void> {
    this.#checksum.update(pixels);
    await this.#writer?.write(pixels);
    this.#frames++;
    if (this.#frames === this.#prefix) this.#prefixChecksum = this.checksum;
  }
}
