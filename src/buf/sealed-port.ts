// SPDX-License-Identifier: MIT
/**
 * buf/sealed-port — the exporter of a sealed buffer: memory that is where it is, as that of a heap, once this agent has opened it.
 */

import type { Operation } from '../agent/index.js';
import type { Attached } from './attached.js';
import type { ByteRange } from './byte-access.js';
import type { DmaBuf } from './dma-buf.js';
import { HeapPort } from './heap-port.js';
import type { Shown, Viewed } from './port.js';
import type { Reference } from './reference.js';
import type { SealedBuffers } from './sealed-buffers.js';

export class SealedPort extends HeapPort {
  readonly #sealed: SealedBuffers;
  readonly #reference: Reference;

  constructor(sealed: SealedBuffers, reference: Reference) {
    super(() => sealed.table(reference));
    this.#sealed = sealed;
    this.#reference = reference;
  }

  override *attach(op: string, _attached: Attached): Operation<void> {
    yield* this.#sealed.open(op, this.#reference);
  }

  override *mmap(op: string, range: Required<ByteRange>): Operation<Shown> {
    yield* this.#sealed.open(op, this.#reference);
    return yield* super.mmap(op, range);
  }

  /** For the first CPU access; later ones find the table. */
  *vmap(op: string, _buf: DmaBuf): Operation<Viewed> {
    const table = yield* this.#sealed.open(op, this.#reference);
    return { table, sources: [], held: [], end: () => {} };
  }
}
