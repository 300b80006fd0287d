// SPDX-License-Identifier: MIT
/**
 * buf/dynamic-mapping — what a dynamic importer has mapped, until it moves.
 */

import { fail } from '../errors.js';
import { HeldLock } from '../resv/index.js';
import type { Attached } from './attached.js';
import { ByteAccess } from './byte-access.js';
import type { Direction } from './direction.js';
import { shownHold, withLock } from './hold.js';
import type { Mapped } from './port.js';
import type { SgTable } from './sg-table.js';

const UNPOSTED = Symbol(
  'a DynamicMapping cannot be posted: post buf.share(), and attach and map on the other side',
);

/** @internal */
export let makeDynamicMapping: (
  attached: Attached,
  mapped: Mapped,
  shown?: HeldLock | null,
) => DynamicMapping;

/**
 * Memory that a device may use. It outlives the lock it was made under, until it is unmapped, or moves. A stale one is closed like
 * any other, or by the detach.
 * @source struct sg_table
 */
export class DynamicMapping extends ByteAccess {
  readonly #attached: Attached;
  #valid = true;
  /** The lock that was shown last; null = it is kept, and never was asked for one. @internal */
  shown: HeldLock | null;
  readonly #mapped: Mapped;
  /** @internal */
  readonly unposted = UNPOSTED;

  static {
    makeDynamicMapping = (attached, mapped, shown = null) =>
      new DynamicMapping(attached, mapped, shown);
  }

  private constructor(attached: Attached, mapped: Mapped, shown: HeldLock | null) {
    super(attached.reference.size, attached.buffers);
    this.#attached = attached;
    this.#mapped = mapped;
    this.shown = shown;
  }

  /** @internal Behind a getter: printing a mapping must not print its memory. */
  get mapped(): Mapped {
    return this.#mapped;
  }

  /** What it was made for: a kept one may serve other directions too. */
  get direction(): Direction {
    return this.#mapped.direction;
  }

  /** It moved: `bytes` throws ESTALE. What you have kept of it shows the old memory, which stays yours until you close this. */
  get stale(): boolean {
    return this.#moved();
  }

  #moved(): boolean {
    const { port, buffers, reference } = this.#attached;
    return port.dynamic && buffers.rows.word(reference.row, 'moveGen') !== this.#mapped.moveGen;
  }

  /** Not unmapped, not moved. @internal */
  get usable(): boolean {
    return this.#valid && !this.#moved();
  }

  /** @internal */
  table(op: string): SgTable {
    if (this.#valid && !this.#moved()) return this.#mapped.table;
    const why = this.#moved() ? 'the buffer has moved: map it again' : 'the mapping was unmapped';
    const at = { buffer: this.#attached.reference.id };
    throw fail('ESTALE', `DynamicMapping.${op}`, at, { why });
  }

  /**
   * Ends the mapping, unless the attachment keeps it. Twice is harmless.
   * @throws ENOLCK
   * @source dma_buf_unmap_attachment
   */
  unmap(lock: HeldLock): void {
    HeldLock.require('DynamicMapping.unmap', lock, this.#attached.reference.resv);
    this.#unmap(lock);
  }

  #unmap(lock: HeldLock): void {
    const attached = this.#attached;
    if (attached.kept === this || !attached.remove(this)) return;
    this.#valid = false;
    attached.port.unmap(attached, this.#mapped, shownHold(attached.buffers, lock));
  }

  /** While the lock that it was mapped under is held: at once. Else when the lock is next free. */
  [Symbol.dispose](): void {
    const attached = this.#attached;
    if (attached.kept === this || !attached.open.has(this)) return;
    if (this.shown?.held === true) {
      this.#unmap(this.shown);
      return;
    }
    this.#valid = false;
    const { buffers, reference } = attached;
    void buffers.background(withLock(buffers, reference.resv, (lock) => this.#unmap(lock)));
  }

  /** @internal */
  invalidate(): void {
    this.#valid = false;
  }
}
