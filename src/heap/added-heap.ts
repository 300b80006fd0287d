// SPDX-License-Identifier: MIT
/**
 * heap/added-heap — a heap of one's own: memory that user code gives out, under a name.
 *
 * What `allocate` gives is looked at before anybody gets it, and given back when it is no good: a heap that is wrong fails its own
 * calls, not its users'.
 *
 * Source  Linux struct dma_heap, dma_heap_buffer_alloc.
 */

import {
  type AllocOptions,
  type Buffers,
  DmaBuf,
  exporterError,
  generationOf,
  Phase,
  phaseOf,
} from '../buf/index.js';
import { checkInteger, checkObject, DmaBufError, fail } from '../errors.js';
import type { Heap, SystemHeap } from './system-heap.js';

const UNPOSTED = Symbol(
  'a heap cannot be posted: let its agent send a buffer of it, by a channel or as buf.share()',
);

/** A heap of one's own. @source struct dma_heap_export_info, struct dma_heap_ops */
export interface HeapInfo {
  /** 1 to 31 bytes of UTF-8; no other heap of the domain has it. */
  readonly name: string;
  /**
   * Makes one buffer: exactly `size` bytes, all of them zero, with this name and this reservation if they are given (pass `options` on),
   * and with a handle of its own, which the caller of `alloc()` closes. Runs in this agent, inside of `alloc()`; so it cannot be asynchronous.
   * What it throws, `alloc()` throws; what is no DmaBufError becomes the cause of an EIO.
   * @source struct dma_heap_ops.allocate
   */
  allocate(size: number, options: Omit<AllocOptions, 'heap'>): DmaBuf;
  /** Bytes that it may have given out at a time. Default: what the system heap has. */
  readonly size?: number;
}

/** Buffers that are remembered without looking which of them have gone. */
const FEW = 64;

/** A buffer that it has given out, for as long as its memory is in use. */
interface Given {
  readonly row: number;
  readonly generation: number;
  readonly size: number;
}

/** @internal */
export let makeAddedHeap: (
  system: SystemHeap,
  info: HeapInfo & { readonly size: number },
  remove: () => void,
) => AddedHeap;

/**
 * A heap that this agent has added, until it is closed. Its buffers live on then, and nobody gets new ones.
 * @source struct dma_heap
 */
export class AddedHeap implements Heap, Disposable {
  readonly name: string;
  readonly size: number;
  /** @internal */
  readonly unposted = UNPOSTED;
  readonly #info: HeapInfo;
  readonly #system: SystemHeap;
  readonly #buffers: Buffers;
  readonly #remove: () => void;
  /** Handles that were given to somebody: not to be given to another one. */
  readonly #handles = new WeakSet<DmaBuf>();
  /** Those in use, and those that have gone since somebody looked. */
  #given: Given[] = [];
  /** Bytes of all these. */
  #bytes = 0;
  /** So many that it is worth looking. */
  #many = FEW;
  #removed = false;

  static {
    makeAddedHeap = (system, info, remove) => new AddedHeap(system, info, remove);
  }

  private constructor(
    system: SystemHeap,
    info: HeapInfo & { readonly size: number },
    remove: () => void,
  ) {
    this.name = info.name;
    this.size = info.size;
    this.#info = info;
    this.#system = system;
    this.#buffers = system.buffers;
    this.#remove = remove;
  }

  /** Bytes of its buffers that somebody still has. */
  get used(): number {
    const { life } = this.#buffers;
    this.#given = this.#given.filter(({ row, generation }) => {
      const word = life.of(row);
      return generationOf(word) === generation && phaseOf(word) !== Phase.FREE;
    });
    this.#bytes = this.#given.reduce((sum, { size }) => sum + size, 0);
    this.#many = Math.max(FEW, 2 * this.#given.length);
    return this.#bytes;
  }

  /** Bytes of the largest buffer that could be made now, as far as its size and the system heap's memory tell. @throws ESTALE */
  get largestFree(): number {
    this.#check('Heap.largestFree');
    return Math.min(Math.max(0, this.size - this.used), this.#system.largestFree);
  }

  /**
   * A zeroed buffer, made by the heap's `allocate`.
   * @throws EINVAL · ENOMEM · ESTALE the heap was removed, or the domain closed · EIO `allocate` threw, or gave something else
   * @example using tile = domain.heap('tiles').alloc(64 * KiB, { name: 'tile' });
   * @source DMA_HEAP_IOCTL_ALLOC
   */
  alloc(size: number, options: Omit<AllocOptions, 'heap'> = {}): DmaBuf {
    const op = 'Heap.alloc';
    this.#check(op);
    checkObject(op, 'options', options);
    this.#buffers.checkNew(op, options);
    checkInteger(op, 'size', size, 1);
    this.#checkRoom(op, size);
    const buf = this.#allocate(op, size, options);
    try {
      this.#checkGiven(op, buf, size, options);
    } catch (error) {
      buf.close();
      throw error;
    }
    const { row, generation } = buf;
    this.#handles.add(buf);
    this.#given.push({ row, generation, size });
    this.#bytes += size;
    return buf;
  }

  /** Looks only when it has to, so that giving out n buffers costs n. */
  #checkRoom(op: string, size: number): void {
    if (this.#bytes + size <= this.size && this.#given.length < this.#many) return;
    const { used } = this;
    if (used + size <= this.size) return;
    const at = { heap: this.name, size, used, free: this.size - used };
    throw fail('ENOMEM', op, at, { why: 'not enough heap: close buffers of it' });
  }

  #allocate(op: string, size: number, { name, resv }: Omit<AllocOptions, 'heap'>): DmaBuf {
    const told = {
      ...(name === undefined ? {} : { name }),
      ...(resv === undefined ? {} : { resv }),
    };
    let given: unknown;
    try {
      given = this.#info.allocate(size, told);
    } catch (error) {
      throw DmaBufError.is(error) ? exporterError(op, error) : this.#broken(op, 'it threw', error);
    }
    if (given === null || given === undefined) {
      throw fail(
        'ENOMEM',
        op,
        { heap: this.name, size },
        { why: "the heap's allocate gave nothing" },
      );
    }
    if (given instanceof Promise) {
      void given.then(
        (late: unknown) => void (late instanceof DmaBuf && late.close()),
        () => {},
      );
      throw this.#broken(op, 'it must return the buffer itself, not a promise');
    }
    if (given instanceof DmaBuf && given.buffers === this.#buffers) {
      if (given.closed) throw this.#broken(op, 'it gave a handle that was closed');
      if (!this.#handles.has(given)) return given;
      throw this.#broken(op, 'it gave the same handle again: give buf.dup()');
    }
    throw this.#broken(op, 'it must return a buffer of this domain, of this agent');
  }

  #checkGiven(
    op: string,
    buf: DmaBuf,
    size: number,
    { name, resv }: Omit<AllocOptions, 'heap'>,
  ): void {
    const { size: found, resvRow } = buf.use(op);
    if (found !== size) {
      throw this.#broken(op, `it gave a buffer of ${found} bytes where ${size} were asked for`);
    }
    if (name !== undefined && buf.name !== name) {
      throw this.#broken(op, 'the buffer must have options.name: pass it on to export()');
    }
    if (resv !== undefined && resv.row !== resvRow) {
      throw this.#broken(op, 'the buffer must have options.resv: pass it on to export()');
    }
  }

  #broken(op: string, what: string, cause?: unknown): Error {
    const why = `the heap's allocate is broken: ${what}`;
    return fail('EIO', op, { heap: this.name }, { why, cause });
  }

  #check(op: string): void {
    const { left } = this.#buffers.agent;
    if (!left && !this.#removed) return;
    const why = left ? 'the domain was closed here' : 'the heap was removed';
    throw fail('ESTALE', op, { heap: this.name }, { why });
  }

  /** Removes the heap: its name is free again. Buffers that it has given out live on. Twice is once. @source dma_heap_put */
  close(): void {
    if (this.#removed) return;
    this.#removed = true;
    this.#remove();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
