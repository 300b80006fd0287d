// SPDX-License-Identifier: MIT
/**
 * buf/mapping — what a static importer has mapped.
 */

import { fail } from '../errors.js';
import type { Attached } from './attached.js';
import { ByteAccess } from './byte-access.js';
import type { Direction } from './direction.js';
import type { Mapped } from './port.js';
import type { SgTable } from './sg-table.js';

const UNPOSTED = Symbol(
  'a Mapping cannot be posted: post buf.share(), and attach and map on the other side',
);

/** @internal */
export let makeMapping: (attached: Attached, mapped: Mapped) => Mapping;

/**
 * Memory that a device may use, until it is unmapped. A mapping that the attachment keeps stays until detach.
 * @source struct sg_table
 */
export class Mapping extends ByteAccess {
  readonly #attached: Attached;
  #valid = true;
  readonly #mapped: Mapped;
  /** @internal */
  readonly unposted = UNPOSTED;

  static {
    makeMapping = (attached, mapped) => new Mapping(attached, mapped);
  }

  private constructor(attached: Attached, mapped: Mapped) {
    super(attached.reference.size, attached.buffers);
    this.#attached = attached;
    this.#mapped = mapped;
  }

  /** @internal Behind a getter: printing a mapping must not print its memory. */
  get mapped(): Mapped {
    return this.#mapped;
  }

  /** What it was made for: a kept one may serve other directions too. */
  get direction(): Direction {
    return this.#mapped.direction;
  }

  /** @internal */
  table(op: string): SgTable {
    if (this.#valid) return this.#mapped.table;
    const at = { buffer: this.#attached.reference.id };
    throw fail('ESTALE', `Mapping.${op}`, at, { why: 'the mapping was unmapped' });
  }

  /**
   * Ends the mapping, unless the attachment keeps it. Twice is harmless.
   * @source dma_buf_unmap_attachment · dma_buf_unmap_attachment_unlocked
   */
  unmap(): void {
    const attached = this.#attached;
    if (attached.kept === this || !attached.remove(this)) return;
    this.#valid = false;
    attached.port.unmap(attached, this.#mapped, null);
  }

  [Symbol.dispose](): void {
    this.unmap();
  }

  /** @internal */
  invalidate(): void {
    this.#valid = false;
  }
}
