// SPDX-License-Identifier: MIT
/**
 * host/sealed-files — memory files that their maker alone can write to: made, published through the broker, and opened by others.
 *
 * A file is mapped by its maker, then sealed against writing, then published: from the seal on nobody gets a mapping that writes, the
 * maker included, and nobody can make one of a mapping that reads. What was published is published again to each new broker. While there
 * is none, those who publish or open wait for the next.
 */

import type { BufferName, SealedFile, SealedMemory } from '../buf/index.js';
import { DmaBufError, fail } from '../errors.js';
import type { WaitOptions } from '../fence/index.js';
import { fetchWithin } from './broker/fetch-within.js';
import { type Limits, limited } from './broker/limited.js';
import { closeDescriptor } from './linux/descriptors.js';
import { mapForReading, mapShared } from './linux/mapped-memory.js';
import { createMemoryFile, sealForReaders } from './linux/memory-file.js';
import { pause } from './node-platform.js';
import type { SizedFile } from './station-memory.js';

/** What a mapping is a multiple of, and the largest one. */
const UNIT = 65_536;
const MOST = 65_536 * UNIT;
/** Milliseconds until the next try. */
const AGAIN = 20;
/** Milliseconds in which, after a new broker has begun, others may still publish again what they have. */
const SETTLING = 2000;
/** Milliseconds that a thread without a connection of its own blocks at a time. */
const SLICE = 5;

/** Who holds published files: the broker, in this process or in another. */
export interface Keeper {
  /** @throws ENFILE · EEXIST · EPIPE it has ended · ENOTSUP */
  publish(name: BufferName, file: SizedFile, limits: Limits): Promise<void>;
  withdraw(name: BufferName): void;
  /** @returns a descriptor that is ours @throws ENOENT · EPIPE it has ended */
  fetch(name: BufferName): Promise<SizedFile>;
  /** The same at once, where the broker is this very thread. */
  fetchNow?(name: BufferName): SizedFile;
}

/** For threads that have no connection: they can open, and that is all. */
export function keeperBySocket(path: string): Keeper {
  return {
    async publish() {
      const why =
        'only the agent through which this process is in the domain makes sealed buffers: make it there, and share it';
      throw fail('ENOTSUP', 'allocSealed', {}, { why });
    },
    withdraw() {},
    async fetch(name) {
      for (;;) {
        try {
          return fetchWithin(path, name, SLICE);
        } catch (error) {
          if (!DmaBufError.is(error, 'ETIMEDOUT')) throw error;
        }
        await pause(AGAIN);
      }
    },
  };
}

function whole(bytes: number): number {
  return Math.ceil(bytes / UNIT) * UNIT;
}

export class SealedFiles implements SealedMemory {
  readonly #path: string;
  /** Those that are published. */
  readonly #made = new Set<MadeFile>();
  #keeper: Keeper | null = null;
  /** When that one came. */
  #since = 0;
  #waiting: (() => void)[] = [];
  #closed = false;

  /** `path`: of the broker's socket. */
  constructor(path: string) {
    this.#path = path;
  }

  // ------------------------------------------------------------------------------------------- brokers come and go

  /** A broker has begun, or we have reached it again. */
  connect(keeper: Keeper): void {
    this.#keeper = keeper;
    this.#since = performance.now();
    for (const { name, file } of this.#made) {
      // If that one ends too, there will be another; and who has no room for it tells whoever asks for it.
      if (name !== null) keeper.publish(name, file, {}).catch(() => {});
    }
    for (const wake of this.#waiting.splice(0)) wake();
  }

  disconnect(): void {
    this.#keeper = null;
  }

  /** @throws ETIMEDOUT · the signal's reason · ESTALE */
  async #present(op: string, limits: Limits): Promise<Keeper> {
    while (this.#keeper === null) {
      if (this.#closed) throw fail('ESTALE', op, {}, { why: 'the domain was closed here' });
      await limited<void>(op, limits, (ending) => {
        const wake = (): void => void ending.resolve();
        this.#waiting.push(wake);
        return () => {
          this.#waiting = this.#waiting.filter((other) => other !== wake);
        };
      });
    }
    return this.#keeper;
  }

  /** Until it works, with one broker or another. */
  async #withKeeper<T>(
    op: string,
    limits: Limits,
    work: (keeper: Keeper, limits: Limits) => Promise<T>,
  ): Promise<T> {
    const { timeout = Infinity, signal } = limits;
    const due = performance.now() + timeout;
    for (;;) {
      const left = { timeout: Math.max(0, due - performance.now()), signal };
      const keeper = await this.#present(op, left);
      try {
        return await work(keeper, left);
      } catch (error) {
        if (!this.#mayYetCome(error)) throw error;
      }
      await pause(AGAIN);
    }
  }

  /** The broker has ended, or it has just begun and not everybody has told it of his files. */
  #mayYetCome(error: unknown): boolean {
    if (DmaBufError.is(error, 'EPIPE')) return true;
    return DmaBufError.is(error, 'ENOENT') && performance.now() - this.#since < SETTLING;
  }

  // ------------------------------------------------------------------------------------------- by the maker

  make(op: string, size: number): SealedFile {
    if (size > MOST) {
      throw fail('ENOMEM', op, { size }, { why: `a sealed buffer has at most ${MOST} bytes` });
    }
    const bytes = whole(size);
    const descriptor = createMemoryFile('dmabuf-sealed', bytes, { forReaders: true });
    try {
      const memory = mapShared(op, descriptor, bytes);
      sealForReaders(descriptor);
      return new MadeFile(this, op, memory, { descriptor, bytes });
    } catch (error) {
      closeDescriptor(descriptor);
      throw error;
    }
  }

  /** @internal */
  async publish(made: MadeFile, name: BufferName, limits: Limits): Promise<void> {
    await this.#withKeeper(made.op, limits, (keeper, left) =>
      keeper.publish(name, made.file, left),
    );
    this.#made.add(made);
  }

  /** @internal */
  withdraw(made: MadeFile, name: BufferName): void {
    this.#made.delete(made);
    this.#keeper?.withdraw(name);
  }

  // ------------------------------------------------------------------------------------------- by others

  async open(op: string, name: BufferName, size: number): Promise<SharedArrayBuffer> {
    const file = await this.#withKeeper(op, {}, (keeper) => keeper.fetch(name));
    return mapFetched(op, file, size);
  }

  openWithin(op: string, name: BufferName, size: number, ms: number): SharedArrayBuffer {
    const file = this.#keeper?.fetchNow?.(name) ?? fetchWithin(this.#path, name, ms);
    return mapFetched(op, file, size);
  }

  /** The agent has left. */
  close(): void {
    this.#closed = true;
    this.#keeper = null;
    for (const wake of this.#waiting.splice(0)) wake();
  }
}

/** The descriptor is closed in any case. @throws EPROTO */
function mapFetched(op: string, { descriptor, bytes }: SizedFile, size: number): SharedArrayBuffer {
  try {
    if (bytes === whole(size)) return mapForReading(op, descriptor, bytes);
    const why = `the memory of this buffer has ${bytes} bytes, and the buffer ${size}`;
    throw fail('EPROTO', op, {}, { why });
  } finally {
    closeDescriptor(descriptor);
  }
}

/** What was made here. It keeps its descriptor, for brokers to come. */
class MadeFile implements SealedFile {
  name: BufferName | null = null;
  #open = true;

  constructor(
    readonly files: SealedFiles,
    readonly op: string,
    readonly memory: SharedArrayBuffer,
    readonly file: SizedFile,
  ) {}

  async publish(name: BufferName, limits: WaitOptions): Promise<void> {
    this.name = name;
    await this.files.publish(this, name, limits);
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    if (this.name !== null) this.files.withdraw(this, this.name);
    closeDescriptor(this.file.descriptor);
  }
}
