// SPDX-License-Identifier: MIT
/**
 * heap/messages — what stands in the cells of a channel: a buffer's name, a number, and seldom more.
 *
 * Invariants  C1 see ring: written while the cell is WRITING, read while it is FULL or READING.
 *             a cell keeps the name of its last fence. That fence has signalled, or has an owner other than 0: a pending fence
 *             without owner belongs to the message that is in the cell now.
 */

import type { Point } from '../fence/index.js';
import { type Arena, load, readText, store, type Words, writeText } from '../mem/index.js';
import {
  AFTER_SHIFT,
  CellExtraLayout,
  CellLayout,
  extraLines,
  MessageFlag,
} from './channel-layout.js';

const cell = CellLayout.at;
const extra = CellExtraLayout.at;
const LINE = CellLayout.size;
const ROW_BITS = 20;
const ROW = 2 ** ROW_BITS - 1;

/** A buffer by name, in one word. */
export function packName(row: number, generation: number): number {
  return (generation << ROW_BITS) | row;
}

export const rowOf = (name: number): number => name & ROW;
export const generationOf = (name: number): number => name >>> ROW_BITS;

export class Messages {
  readonly #words: Words;
  readonly #floats: Float64Array;
  readonly #cells: number;
  readonly #extras: number;
  readonly #extraSize: number;
  readonly #metaBytes: number;

  /** `cells`: word of the first of `size` cells. */
  constructor(arena: Arena, cells: number, size: number, metaBytes: number) {
    this.#words = arena.words;
    this.#floats = arena.floats;
    this.#cells = cells;
    this.#extras = cells + size * LINE;
    this.#extraSize = extraLines(metaBytes) * LINE;
    this.#metaBytes = metaBytes;
  }

  #extra(at: number): number {
    return this.#extras + ((at - this.#cells) / LINE) * this.#extraSize;
  }

  // ------------------------------------------------------------------------------------------- writing

  /** The part that every message has. */
  write(at: number, name: number, tag: number, flags: number): void {
    const w = this.#words;
    store(w, at + cell.buffer, name);
    this.#floats[(at + cell.tag) >> 1] = tag;
    if (load(w, at + cell.info) !== flags) store(w, at + cell.info, flags);
  }

  /** After `write`, with META among the flags. The text fits. */
  writeMeta(at: number, text: string): void {
    writeText(this.#words, this.#extra(at) + extra.meta, text);
  }

  /** After `write`, with OWED among the flags: the fence that the receiver owes, and those it has to wait for. */
  writeFences(at: number, owed: Point, after: readonly Point[]): void {
    const w = this.#words;
    store(w, at + cell.fence, owed.row);
    store(w, at + cell.fenceGeneration, owed.generation);
    let place = this.#extra(at) + extra.after;
    for (const { row, generation } of after) {
      store(w, place++, row);
      store(w, place++, generation);
    }
    store(w, at + cell.info, load(w, at + cell.info) | (after.length << AFTER_SHIFT));
  }

  // ------------------------------------------------------------------------------------------- reading

  name(at: number): number {
    return load(this.#words, at + cell.buffer);
  }

  tag(at: number): number {
    return this.#floats[(at + cell.tag) >> 1] ?? 0;
  }

  info(at: number): number {
    return load(this.#words, at + cell.info);
  }

  meta(at: number): string {
    return readText(this.#words, this.#extra(at) + extra.meta, this.#metaBytes);
  }

  /** The fence that the receiver owes, or did owe (see above). */
  owed(at: number): Point {
    const w = this.#words;
    return { row: load(w, at + cell.fence), generation: load(w, at + cell.fenceGeneration) };
  }

  after(at: number): Point[] {
    const w = this.#words;
    const count = this.info(at) >>> AFTER_SHIFT;
    const place = this.#extra(at) + extra.after;
    return Array.from({ length: count }, (_, i) => ({
      row: load(w, place + 2 * i),
      generation: load(w, place + 2 * i + 1),
    }));
  }

  /** Every fence that a message names. */
  *fences(at: number): Iterable<Point> {
    if ((this.info(at) & MessageFlag.OWED) === 0) return;
    yield this.owed(at);
    yield* this.after(at);
  }
}
