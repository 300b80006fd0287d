// SPDX-License-Identifier: MIT
/**
 * buf/sealed-buffers — buffers that only the agent which made them can write to: each has memory of its own.
 *
 * To everybody, such a buffer is exported by its maker, with nothing to call: who needs its bytes opens the memory, once, and has it
 * from then on like that of a heap. The last put comes back to the maker, as with any exporter; when that has gone, whoever closes
 * last frees the row, and who has not opened the memory cannot any more (D-12).
 *
 * Source  Linux drivers/dma-buf/udmabuf.c, F_SEAL_FUTURE_WRITE of mm/memfd.c.
 */

import { type Operation, objectKey } from '../agent/index.js';
import { checkInteger, checkWait, DmaBufError, fail, inCall } from '../errors.js';
import type { WaitOptions } from '../fence/index.js';
import type { AllocOptions } from './alloc-options.js';
import type { Buffers } from './buffers.js';
import type { DmaBuf } from './dma-buf.js';
import { generationOf } from './life.js';
import { Opening } from './opening.js';
import type { Reference } from './reference.js';
import type { SealedFile, SealedMemory } from './sealed-memory.js';
import { type SgTable, sgTable } from './sg-table.js';

/** Milliseconds that a blocking call waits for the memory at a time. */
const SLICE = 50;

/** What a sealed buffer may be given, and how long it may take. */
export interface SealedOptions extends WaitOptions, Omit<AllocOptions, 'heap'> {}

export class SealedBuffers {
  /** What this agent has made, by row. */
  readonly #files = new Map<number, SealedFile>();
  /** What it is about to open: whoever asks meanwhile gets the same. */
  readonly #openings = new WeakMap<Reference, Promise<SharedArrayBuffer>>();

  constructor(
    readonly buffers: Buffers,
    readonly memory: SealedMemory | null,
  ) {}

  /** Rows of what this agent has made. */
  get rows(): Iterable<number> {
    return this.#files.keys();
  }

  #have(op: string): SealedMemory {
    if (this.memory !== null) return this.memory;
    const why =
      'threads of one process share their memory, so only a domain of processes has sealed buffers: Domain.create({ processes: true })';
    throw fail('ENOTSUP', op, {}, { why });
  }

  /** @throws ESTALE */
  #checkHere(op: string): void {
    if (!this.buffers.agent.left) return;
    throw fail('ESTALE', op, {}, { why: 'the domain was closed here' });
  }

  // ------------------------------------------------------------------------------------------- by the maker

  /** @throws EINVAL · ENOTSUP · ENOMEM · ENFILE · ETIMEDOUT · the signal's reason · ESTALE the domain was closed meanwhile */
  async make(op: string, size: number, options: SealedOptions): Promise<DmaBuf> {
    const { buffers } = this;
    const { agent, life } = buffers;
    const limit = checkWait(op, options);
    this.#checkHere(op);
    const { name, resv, signal } = options;
    checkInteger(op, 'size', size, 1);
    buffers.checkNew(op, { name, resv });
    const memory = this.#have(op);
    const exporter = { exporter: agent.tag, exporterName: 'sealed', dynamic: false, caches: false };
    const row = buffers.begin(
      op,
      { size, name, resv },
      { ...exporter, vmaps: false, mmaps: true, sealed: true, callTimeout: Infinity },
    );
    let file: SealedFile | null = null;
    try {
      file = memory.make(op, size);
      await file.publish(
        { row, generation: generationOf(life.of(row)) },
        { timeout: limit, signal },
      );
      this.#checkHere(op);
    } catch (error) {
      file?.close();
      if (!agent.left) buffers.abandon(row); // who leaves is reaped: the row is somebody else's
      throw error;
    }
    this.#files.set(row, file);
    const reference = buffers.publish(row);
    reference.table = tableOf(file.memory, size);
    return buffers.handle(reference);
  }

  /** A row is RELEASING in this agent's name. That of an exporter which has gone has no file here. */
  release(row: number): void {
    this.#files.get(row)?.close();
    this.#files.delete(row);
    this.buffers.life.free(row);
  }

  /** This agent leaves: who has opened its buffers keeps their memory. */
  close(): void {
    for (const file of this.#files.values()) file.close();
    this.#files.clear();
  }

  // ------------------------------------------------------------------------------------------- by everybody

  /** Of one that this agent has opened. */
  table(reference: Reference): SgTable {
    if (reference.table !== null) return reference.table;
    throw fail('ESTALE', 'SealedBuffers.table', { buffer: reference.id }, { why: 'not opened' });
  }

  /** Its memory, opened if it was not. @throws EOWNERDEAD its maker has gone · EIO · ETIMEDOUT · the signal's reason */
  *open(op: string, reference: Reference): Operation<SgTable> {
    const { row, size } = reference;
    while (reference.table === null) {
      this.#checkMaker(op, reference);
      const opening = new Opening(this.buffers.agent, objectKey('buffer', row), () =>
        this.#fetch(op, reference),
      );
      const interrupt = yield opening;
      if (interrupt !== null) throw interrupt.error(op, { buffer: reference.id });
      const memory = opening.blocks
        ? this.#openNow(op, reference)
        : this.#opened(op, reference, opening);
      if (memory !== null) reference.table ??= tableOf(memory, size);
    }
    return reference.table;
  }

  #fetch(op: string, reference: Reference): Promise<SharedArrayBuffer> {
    let fetching = this.#openings.get(reference);
    if (fetching === undefined) {
      fetching = this.#fetchAnew(op, reference).finally(() => this.#openings.delete(reference));
      this.#openings.set(reference, fetching);
    }
    return fetching;
  }

  /** The row must not become another buffer's before it has come. */
  async #fetchAnew(op: string, reference: Reference): Promise<SharedArrayBuffer> {
    const { row, generation, size } = reference;
    reference.holders++;
    try {
      return await this.#have(op).open(op, { row, generation }, size);
    } finally {
      this.buffers.drop(reference);
    }
  }

  #opened(
    op: string,
    reference: Reference,
    { outcome }: Opening<SharedArrayBuffer>,
  ): SharedArrayBuffer | null {
    if (outcome === null) return null;
    if ('of' in outcome) return outcome.of;
    throw this.#failure(op, reference, outcome.error);
  }

  /** null: not within a slice. */
  #openNow(op: string, reference: Reference): SharedArrayBuffer | null {
    const { row, generation, size } = reference;
    try {
      return this.#have(op).openWithin(op, { row, generation }, size, SLICE);
    } catch (error) {
      if (DmaBufError.is(error, 'ETIMEDOUT')) return null;
      throw this.#failure(op, reference, error);
    }
  }

  #checkMaker(op: string, { id, exporter, exporterName }: Reference): void {
    if (this.buffers.agent.serves(exporter)) return;
    const why = 'the agent that made the buffer has gone, and it was never opened here';
    throw fail('EOWNERDEAD', op, { buffer: id, exporter: exporterName }, { why });
  }

  /** What is not published any more was its maker's who has gone. */
  #failure(op: string, reference: Reference, error: unknown): unknown {
    if (!DmaBufError.is(error)) return error;
    if (DmaBufError.is(error, 'ENOENT')) this.#checkMaker(op, reference);
    return inCall(op, error);
  }
}

function tableOf(memory: SharedArrayBuffer, size: number): SgTable {
  return sgTable([new Uint8Array(memory, 0, size)]);
}
