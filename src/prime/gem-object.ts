// SPDX-License-Identifier: MIT
/**
 * prime/gem-object — what a device knows of one object of its driver.
 *
 * @source struct drm_gem_object
 */

import type { Attachment, Mapping } from '../buf/index.js';
import type { KeptBuf } from './kept-buf.js';

/** What an imported object is made of. */
export interface Backing {
  /** Its `buf` is the object's own reference to the buffer. */
  readonly attachment: Attachment;
  readonly mapping: Mapping;
}

export class GemObject<O extends object> {
  /** Handles in all clients, those on their way in or out too. (drm_gem_object.handle_count) */
  handles = 0;
  /** The buffer that it was exported as, or made of, while it has handles (I26). (drm_gem_object.dma_buf) */
  buf: KeptBuf | null = null;
  /** `free` is owed: a handle was given to somebody, or the driver made it for us. */
  owed: boolean;
  #refs = 0;

  constructor(
    readonly object: O,
    /** null = it was not imported. (drm_gem_object.import_attach) */
    readonly backing: Backing | null,
    /** Nothing refers to it any more. */
    readonly unused: (gem: GemObject<O>) => void,
  ) {
    this.owed = backing !== null;
  }

  /** Nothing refers to it, and nothing will again. */
  get dead(): boolean {
    return this.#refs === 0;
  }

  get(): this {
    this.#refs++;
    return this;
  }

  put(): void {
    if (--this.#refs === 0) this.unused(this);
  }

  /** A handle is gone, the lock "names" being held. */
  leave(): void {
    if (--this.handles > 0) return;
    this.buf?.drop();
    this.buf = null;
  }
}
