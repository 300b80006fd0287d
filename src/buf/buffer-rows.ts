// SPDX-License-Identifier: MIT
/**
 * buf/buffer-rows — the words of a buffer row that say what the buffer is.
 *
 * Written by the builder before the buffer is LIVE, and constant from then on, but for the name (see names), `pages` (see
 * heap), `moveGen` and `attached`.
 */

import {
  type Arena,
  and,
  load,
  load64,
  or,
  readText,
  store,
  take64,
  type Words,
  writeText,
} from '../mem/index.js';
import {
  BufControlLayout,
  BufControlSection,
  BufferFlag,
  BufferLayout,
  BufferSection,
  NAME_BYTES,
} from './layout.js';
import { readName, writeName } from './names.js';

const buffer = BufferLayout.at;
const SIZE = BufferLayout.size;
const HIGH = 2 ** 32;
/** Inode numbers that an agent takes at a time. */
const IDS = 64;

/** What a buffer is. */
export interface Facts {
  readonly size: number;
  readonly name: string | undefined;
  readonly resv: number;
  /** 0 = the system heap, else the tag of the agent that exports it. */
  readonly exporter: number;
  readonly exporterName: string;
  readonly dynamic: boolean;
  /** Its exporter keeps the first mapping until detach. */
  readonly caches: boolean;
  /** Its exporter offers one mapping for all CPU accesses. */
  readonly vmaps: boolean;
  /** Its exporter lets programs map its file. */
  readonly mmaps: boolean;
  /** Its memory is a file of its own, which only its exporter can write to. */
  readonly sealed: boolean;
  /** Milliseconds; Infinity = no limit. */
  readonly callTimeout: number;
}

/** What is longer than three weeks is no limit. */
function timeoutWord(ms: number): number {
  return ms > 0x7fff_ffff ? 0 : Math.max(1, Math.ceil(ms));
}

export class BufferRows {
  readonly #words: Words;
  readonly #counters: BigInt64Array;
  readonly #base: number;
  readonly #control: number;
  #nextId = 0;
  #lastId = 0;

  constructor(arena: Arena) {
    this.#words = arena.words;
    this.#counters = arena.counters;
    this.#base = arena.base(BufferSection);
    this.#control = arena.base(BufControlSection);
  }

  at(row: number): number {
    return this.#base + row * SIZE;
  }

  /** By the builder. */
  write(row: number, facts: Facts): void {
    const w = this.#words;
    const at = this.at(row);
    const id = this.#takeId();
    store(w, at + buffer.idHigh, Math.floor(id / HIGH));
    store(w, at + buffer.idLow, id | 0);
    store(w, at + buffer.sizeHigh, Math.floor(facts.size / HIGH));
    store(w, at + buffer.sizeLow, facts.size | 0);
    store(w, at + buffer.resv, facts.resv);
    store(w, at + buffer.exporter, facts.exporter);
    const { dynamic, caches, vmaps, mmaps, sealed, callTimeout } = facts;
    const flags =
      (dynamic ? BufferFlag.DYNAMIC : 0) |
      (caches ? BufferFlag.CACHES : 0) |
      (vmaps ? BufferFlag.VMAPS : 0) |
      (mmaps ? BufferFlag.MMAPS : 0) |
      (sealed ? BufferFlag.SEALED : 0);
    store(w, at + buffer.flags, flags);
    store(w, at + buffer.callTimeout, timeoutWord(callTimeout));
    for (const field of [buffer.queues, buffer.moveGen, buffer.pool, buffer.nameVersion]) {
      store(w, at + field, 0);
    }
    if (facts.name !== undefined) writeName(w, at, facts.name);
    if (facts.exporter !== 0) writeText(w, at + buffer.exporterName, facts.exporterName);
  }

  #takeId(): number {
    if (this.#nextId === this.#lastId) {
      const first = take64(this.#counters, (this.#control + BufControlLayout.at.nextId) >> 1, IDS);
      this.#nextId = first + 1;
      this.#lastId = first + 1 + IDS;
    }
    return this.#nextId++;
  }

  id(row: number): number {
    return this.#long(this.at(row) + buffer.idHigh);
  }

  size(row: number): number {
    return this.#long(this.at(row) + buffer.sizeHigh);
  }

  #long(at: number): number {
    return (load(this.#words, at) >>> 0) * HIGH + (load(this.#words, at + 1) >>> 0);
  }

  word(
    row: number,
    field: 'page' | 'pages' | 'exporter' | 'resv' | 'moveGen' | 'pool' | 'poolNext' | 'queues',
  ): number {
    return load(this.#words, this.at(row) + buffer[field]);
  }

  setWord(
    row: number,
    field: 'page' | 'pages' | 'moveGen' | 'pool' | 'poolNext',
    value: number,
  ): void {
    store(this.#words, this.at(row) + buffer[field], value);
  }

  isDynamic(row: number): boolean {
    return this.#has(row, BufferFlag.DYNAMIC);
  }

  caches(row: number): boolean {
    return this.#has(row, BufferFlag.CACHES);
  }

  vmaps(row: number): boolean {
    return this.#has(row, BufferFlag.VMAPS);
  }

  mmaps(row: number): boolean {
    return this.#has(row, BufferFlag.MMAPS);
  }

  isSealed(row: number): boolean {
    return this.#has(row, BufferFlag.SEALED);
  }

  #has(row: number, flag: number): boolean {
    return (load(this.#words, this.at(row) + buffer.flags) & flag) !== 0;
  }

  /** Milliseconds; Infinity = no limit. */
  callTimeout(row: number): number {
    return load(this.#words, this.at(row) + buffer.callTimeout) || Infinity;
  }

  exporterName(row: number): string {
    return readText(this.#words, this.at(row) + buffer.exporterName, NAME_BYTES);
  }

  name(row: number): string | null {
    return readName(this.#words, this.at(row));
  }

  /** With the reservation lock held. */
  setName(row: number, name: string): void {
    writeName(this.#words, this.at(row), name);
  }

  /** A channel with this index is about to name it. */
  nameInQueue(row: number, channel: number): void {
    const at = this.at(row) + buffer.queues;
    const bit = 1 << (channel & 31);
    if ((load(this.#words, at) & bit) === 0) or(this.#words, at, bit);
  }

  /** With the reservation lock held: that agent has attachments now, or none any more. */
  setAttached(row: number, slot: number, attached: boolean): void {
    const at = this.at(row) + buffer.attached + (slot >>> 5);
    const bit = 1 << (slot & 31);
    if (attached) or(this.#words, at, bit);
    else if ((load(this.#words, at) & bit) !== 0) and(this.#words, at, ~bit);
  }

  isAttached(row: number): boolean {
    const at = this.at(row) + buffer.attached;
    for (let i = 0; i < BufferLayout.fields.attached.size; i++) {
      if (load(this.#words, at + i) !== 0) return true;
    }
    return false;
  }

  countCopied(bytes: number): void {
    take64(this.#counters, (this.#control + BufControlLayout.at.bytesCopied) >> 1, bytes);
  }

  get bytesCopied(): number {
    return load64(this.#counters, (this.#control + BufControlLayout.at.bytesCopied) >> 1);
  }
}
