// SPDX-License-Identifier: MIT
/**
 * broker/memory-service — what members ask the broker about memory of single buffers.
 *
 * Who publishes memory and then sends a message about it does not wait for the broker; who gets the message asks for the memory over
 * another connection, and may be heard first. So a fetch that finds nothing is answered when all that was sent before it has been
 * read. After a succession the members publish again what is theirs: until that has settled, it may take longer.
 */

import type { Timer } from '../../agent/index.js';
import { DmaBufError, fail, whyOf } from '../../errors.js';
import { closeDescriptor, duplicate } from '../linux/descriptors.js';
import type { After, Connection } from './connection.js';
import { type MemoryFile, MemoryFiles } from './memory-files.js';
import type { MemoryKey, MessageOf, Station } from './messages.js';
import type { Parcel } from './parcel.js';

/** Fetches that are kept waiting: beyond, they fail at once. */
const MOST = 4096;
/** Milliseconds between two looks while things settle. */
const AGAIN = 20;

/** The broker's own process, as owner: no row of a station. */
const OURS = -1;

interface Miss {
  readonly connection: Connection;
  readonly fetch: MessageOf<'FETCH'>;
}

export class MemoryService {
  readonly #after: After;
  readonly #catchUp: () => void;
  readonly #files = new MemoryFiles();
  #misses: Miss[] = [];
  #timer: Timer | null = null;
  #settling: Timer | null = null;

  /** `catchUp` reads what all members have sent so far. */
  constructor(after: After, catchUp: () => void) {
    this.#after = after;
    this.#catchUp = catchUp;
  }

  /** For so many milliseconds, what is missing may still come. */
  settle(ms: number): void {
    this.#settling?.cancel();
    this.#settling = this.#after(ms, () => {
      this.#settling = null;
    });
  }

  /** Answers the member of that row. @throws EPROTO what was published is no such memory */
  answer(
    connection: Connection,
    message: MessageOf<'PUBLISH' | 'WITHDRAW' | 'FETCH'>,
    parcel: Parcel,
    owner: number,
  ): void {
    const { key } = message;
    switch (message.type) {
      case 'PUBLISH':
        this.#published(connection, message, parcel, owner);
        return;
      case 'WITHDRAW':
        this.#files.withdraw(key);
        return;
      case 'FETCH':
        this.find(connection, message);
    }
  }

  /** For a member, or a thread of one. */
  find(connection: Connection, fetch: MessageOf<'FETCH'>): void {
    if (this.#files.get(fetch.key) === null && this.#misses.length < MOST)
      this.#miss({ connection, fetch });
    else this.#fetched(connection, fetch);
  }

  #published(
    connection: Connection,
    { request, key, bytes }: MessageOf<'PUBLISH'>,
    parcel: Parcel,
    owner: number,
  ): void {
    try {
      this.#files.add(key, { descriptor: parcel.next, bytes }, owner);
    } catch (error) {
      if (!(DmaBufError.is(error, 'EEXIST') || DmaBufError.is(error, 'ENFILE'))) throw error;
      connection.send({ type: 'FAILED', request, code: error.code, why: whyOf(error) });
      return;
    }
    parcel.take();
    connection.send({ type: 'DONE', request });
  }

  #fetched(connection: Connection, { request, key }: MessageOf<'FETCH'>): void {
    const file = this.#files.get(key);
    if (file === null) {
      const error = noMemory(key);
      connection.send({ type: 'FAILED', request, code: error.code, why: whyOf(error) });
    } else connection.send({ type: 'MEMORY', request, bytes: file.bytes }, [file.descriptor]);
  }

  #miss(miss: Miss): void {
    this.#misses.push(miss);
    this.#timer ??= this.#after(0, () => this.#look());
  }

  #look(): void {
    this.#timer = null;
    // Those that come while we read may have to be read for, too.
    const before = this.#misses.splice(0);
    this.#catchUp();
    for (const miss of before) {
      if (this.#settling !== null && this.#files.get(miss.fetch.key) === null)
        this.#misses.push(miss);
      else this.#fetched(miss.connection, miss.fetch);
    }
    if (this.#misses.length > 0) this.#timer ??= this.#after(AGAIN, () => this.#look());
  }

  /** A station has gone. */
  gone({ station }: Station): void {
    this.#files.forget(station);
  }

  /** For the broker's own process. The descriptor stays the caller's. @throws EPROTO · EEXIST · ENFILE */
  publish(key: MemoryKey, { descriptor, bytes }: MemoryFile): void {
    const copy = duplicate(descriptor);
    try {
      this.#files.add(key, { descriptor: copy, bytes }, OURS);
    } catch (error) {
      closeDescriptor(copy);
      throw error;
    }
  }

  /** For the broker's own process. */
  withdraw(key: MemoryKey): void {
    this.#files.withdraw(key);
  }

  /** For the broker's own process: a descriptor that is the caller's. @throws ENOENT */
  fetch(key: MemoryKey): MemoryFile {
    if (this.#files.get(key) === null) this.#catchUp();
    const file = this.#files.get(key);
    if (file === null) throw noMemory(key);
    return { descriptor: duplicate(file.descriptor), bytes: file.bytes };
  }

  close(): void {
    this.#timer?.cancel();
    this.#settling?.cancel();
    this.#misses = [];
    this.#files.close();
  }
}

function noMemory({ row, generation }: MemoryKey): DmaBufError {
  const why =
    'the broker holds no memory of this buffer: it was released, or its exporter has left';
  return fail('ENOENT', 'broker', { row, generation }, { why });
}
