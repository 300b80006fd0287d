// SPDX-License-Identifier: MIT
/**
 * file/file-mapping — a part of a buffer, as long as it is mapped.
 *
 * It refers to the buffer, and to the memory that the exporter gave: closing the file, and all other references, takes nothing away from
 * under it. What the exporter has moved meanwhile is stale (D-10); its old memory is not used again before it is unmapped.
 */

import {
  ByteAccess,
  type DmaBuf,
  dropSources,
  type Reference,
  type Remains,
  type Shown,
} from '../buf/index.js';
import { fail } from '../errors.js';

const UNPOSTED = Symbol(
  'a FileMapping cannot be posted: post buf.share(), and open and map the file on the other side',
);

/** What a mapping has to give back. */
interface Held {
  readonly buffers: DmaBuf['buffers'];
  readonly reference: Reference;
  readonly shown: Shown;
}

function giveBack({ buffers, reference, shown }: Held): void {
  dropSources(buffers, shown.held);
  buffers.drop(reference);
}

/** @internal Takes over one holder of the reference. */
export let makeFileMapping: (held: Held, range: { offset: number; length: number }) => FileMapping;

/**
 * Bytes of a buffer that a program has mapped, until it unmaps them. CPU access is a thing of its own: DmaBufFile.sync().
 * @source struct vm_area_struct
 */
export class FileMapping extends ByteAccess {
  /** Where it begins in the buffer, in bytes. */
  readonly offset: number;
  /** @internal */
  readonly unposted = UNPOSTED;
  /** @internal */
  watched: Remains | null = null;
  readonly #held: Held;
  #closed = false;

  static {
    makeFileMapping = (held, range) => new FileMapping(held, range);
  }

  private constructor(held: Held, { offset, length }: { offset: number; length: number }) {
    super(length, held.buffers);
    this.offset = offset;
    this.#held = held;
    held.buffers.leaks.track(this);
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** @internal */
  table(op: string): Shown['table'] {
    const { buffers, reference, shown } = this.#held;
    const moved = buffers.rows.word(reference.row, 'moveGen') !== shown.moveGen;
    if (!this.#closed && !moved) return shown.table;
    const why = this.#closed ? 'it was unmapped' : 'the buffer has moved: map it again';
    throw fail('ESTALE', `FileMapping.${op}`, { buffer: reference.id }, { why });
  }

  /** What there is to know and to do without this handle. @internal */
  remains(): Remains {
    const held = this.#held;
    return { kind: 'FileMapping', id: held.reference.id, release: () => giveBack(held) };
  }

  /** All of it. Twice is harmless. @source munmap(2) */
  munmap(): void {
    if (this.#closed) return;
    this.#closed = true;
    if (this.watched !== null) this.#held.buffers.leaks.unwatch(this);
    giveBack(this.#held);
  }

  [Symbol.dispose](): void {
    this.munmap();
  }
}
