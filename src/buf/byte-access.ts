// SPDX-License-Identifier: MIT
/**
 * buf/byte-access — what holds bytes: CPU accesses and mappings.
 */

import { checkInteger, fail } from '../errors.js';
import type { Segment, SgTable } from './sg-table.js';

/** Both in bytes. Default: all. */
export interface ByteRange {
  readonly offset?: number;
  readonly length?: number;
}

/** A typed array class. */
export interface ViewType<T> {
  new (buffer: ArrayBufferLike, byteOffset: number, length: number): T;
  readonly BYTES_PER_ELEMENT: number;
}

/** Counts what copyOut() copied. */
export interface CopyCounter {
  countCopied(bytes: number): void;
}

/** What holds bytes. Live getters: after the end they throw ESTALE; do not keep what they returned. */
export abstract class ByteAccess implements Disposable {
  /** Bytes. */
  readonly size: number;
  readonly #counter: CopyCounter | undefined;

  protected constructor();
  /** @internal */
  protected constructor(size: number, counter: CopyCounter);
  protected constructor(size = 0, counter?: CopyCounter) {
    this.size = size;
    this.#counter = counter;
  }

  /** Where the bytes are. @throws ESTALE @internal */
  abstract table(op: string): SgTable;

  abstract [Symbol.dispose](): void;

  /**
   * The memory itself. Other agents see every store, and may store too: copy first what you validate. On threads it is a window
   * into ONE big SharedArrayBuffer, so `new Float32Array(bytes.buffer)` would be the whole heap: use as(). Some platform calls
   * refuse shared memory (crypto.subtle, Response, ImageData): copyOut() for these.
   * @throws ESTALE · EINVAL more than one segment: use `segments` or copyOut()
   */
  get bytes(): Uint8Array {
    return this.#whole('bytes');
  }

  /** The sg table. @throws ESTALE */
  get segments(): readonly Segment[] {
    return this.table('segments').segments;
  }

  /**
   * The same memory as another typed array, right in offset and length.
   * @throws ESTALE · EINVAL more than one segment, or a range that does not fit the type or the buffer
   * @example const tensor = map.as(Float32Array);
   */
  as<T extends ArrayBufferView>(type: ViewType<T>, range: ByteRange = {}): T {
    const op = `${this.constructor.name}.as`;
    const bytes = this.#whole('as');
    const element = type?.BYTES_PER_ELEMENT;
    if (typeof type !== 'function' || !Number.isInteger(element)) {
      throw fail(
        'EINVAL',
        op,
        {},
        { why: 'type must be a typed array class, such as Float32Array' },
      );
    }
    const { offset, length } = checkRange(op, range, this.size);
    const start = bytes.byteOffset + offset;
    if (start % element !== 0 || length % element !== 0) {
      const why = `offset and length must be multiples of the element's ${element} bytes`;
      throw fail('EINVAL', op, { offset, length, element }, { why });
    }
    return new type(bytes.buffer, start, length / element);
  }

  /** A private copy, counted in snapshot().bytesCopied. @throws ESTALE · EINVAL */
  copyOut(range: ByteRange = {}): Uint8Array<ArrayBuffer> {
    const { segments } = this.table('copyOut');
    const { offset, length } = checkRange(`${this.constructor.name}.copyOut`, range, this.size);
    const copy = new Uint8Array(length);
    for (const segment of segments) {
      const from = Math.max(offset, segment.offset);
      const to = Math.min(offset + length, segment.offset + segment.length);
      if (from >= to) continue;
      const part = segment.bytes.subarray(from - segment.offset, to - segment.offset);
      copy.set(part, from - offset);
    }
    this.#counter?.countCopied(length);
    return copy;
  }

  #whole(member: string): Uint8Array {
    const { bytes, segments } = this.table(member);
    if (bytes !== null) return bytes;
    throw fail(
      'EINVAL',
      `${this.constructor.name}.${member}`,
      { segments: segments.length },
      { why: 'the memory is more than one segment: use `segments` or copyOut()' },
    );
  }
}

/** @throws EINVAL */
function checkRange(op: string, range: ByteRange, size: number): Required<ByteRange> {
  const offset = checkInteger(op, 'offset', range.offset ?? 0, 0, size);
  const length = checkInteger(op, 'length', range.length ?? size - offset, 0, size - offset);
  return { offset, length };
}
