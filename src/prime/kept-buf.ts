// SPDX-License-Identifier: MIT
/**
 * prime/kept-buf — a reference to a buffer that an object or a cache holds.
 *
 * No handle of the public API: who forgets to close a client hears of the client, not of what is behind it.
 */

import type { Buffers, DmaBuf, Reference } from '../buf/index.js';

export class KeptBuf {
  constructor(
    readonly buffers: Buffers,
    readonly reference: Reference,
    /** Of the handles that come of it. */
    readonly readOnly: boolean,
  ) {
    reference.holders++;
  }

  get id(): number {
    return this.reference.id;
  }

  /** A handle for somebody. */
  handle(): DmaBuf {
    return this.buffers.handle(this.reference, this.readOnly);
  }

  /** Once more. */
  dup(): KeptBuf {
    return new KeptBuf(this.buffers, this.reference, this.readOnly);
  }

  /** Once. */
  drop(): void {
    this.buffers.drop(this.reference);
  }
}
