// SPDX-License-Identifier: MIT
/**
 * heap/ring — a bounded queue of cells for any number of senders and receivers, without a lock.
 *
 * Positions count messages and never end; position p lives in cell p mod size, in lap p div size. A cell's one state word says
 * lap, phase, and who is at work in it, so every step is one CAS or store of that word (R1), and whoever dies in a cell is
 * known by it. `head` and `tail` are hints that are never ahead of the truth: they are advanced by anybody, by CAS.
 *
 *    FREE(lap) ── claim ─▶ WRITING(lap, who) ── publish ─▶ FULL(lap) ── take ─▶ READING(lap, who) ── release ─▶ FREE(lap + 1)
 *                              └──── abort; its writer died ──▶ FREE(lap + 1)        └─ its reader died ─▶ FULL(lap)
 *
 * A position that is FREE of its own lap is where the queue ends: positions are claimed one after the other. Cells behind it
 * may be done in any order. Receivers step over cells in which somebody is at work: a sender that is slow or dead in its cell
 * holds up nobody else, and its message has not been sent before it is FULL.
 *
 * Invariants  C1 a cell's fields are written by the one in WRITING only, and read by the one in READING, or by anybody who finds
 *             the same FULL or READING state before and after.
 *             C2 head ≤ oldest message, tail ≤ where the queue ends; so a message is never out of a receiver's sight.
 *             C3 messages of one sender are taken in the order it sent them: who has stepped over a cell looks at it once more
 *             before taking a later one.
 * Deaths      the reaper calls `recover`: what was being written is void, what was being read is there again.
 * Pairs       P20 sender: FULL, then the line of receivers ↔ receiver: row in its line, then the cells; the same for space: FREE,
 *             then the line of senders ↔ sender: row, then the cells.
 */

import { cas, load, store, type Words } from '../mem/index.js';
import { CellLayout, CellPhase, cellsFor } from './channel-layout.js';

const LINE = CellLayout.size;
const { FREE, WRITING, FULL, READING } = CellPhase;
const PHASE = 7;
const WHO_SHIFT = 3;
const WHO = 0x1ff;
const LAP_SHIFT = 12;
/** Bits of a position: small integers everywhere. */
const POSITION_BITS = 30;
const POSITIONS = 2 ** POSITION_BITS - 1;
const LAP_BITS = 20;

/** No position: the ring is full, or there is nothing to take. */
export const NONE = -1;

export const phaseOf = (state: number): number => state & PHASE;
/** Slot + 1 of who is at work in the cell. */
const whoOf = (state: number): number => (state >>> WHO_SHIFT) & WHO;

/** Where a ring stands in the arena. */
export interface RingPlace {
  readonly words: Words;
  /** Word of the first cell. */
  readonly cells: number;
  readonly head: number;
  readonly tail: number;
  readonly capacity: number;
}

export class Ring {
  /** Cells, a power of two; the capacity may be less. */
  readonly size: number;
  readonly #words: Words;
  readonly #cells: number;
  readonly #head: number;
  readonly #tail: number;
  readonly #capacity: number;
  readonly #shift: number;
  readonly #laps: number;
  /** What this agent puts into a state word. */
  readonly #who: number;

  constructor(place: RingPlace, slot: number) {
    this.size = cellsFor(place.capacity);
    this.#words = place.words;
    this.#cells = place.cells;
    this.#head = place.head;
    this.#tail = place.tail;
    this.#capacity = place.capacity;
    this.#shift = Math.log2(this.size);
    this.#laps = 2 ** Math.min(LAP_BITS, POSITION_BITS - this.#shift) - 1;
    this.#who = (slot + 1) << WHO_SHIFT;
  }

  /** Word of the cell of a position. */
  cell(position: number): number {
    return this.#cells + (position & (this.size - 1)) * LINE;
  }

  /** How many laps a state is ahead of a position, modulo; `#laps` = one behind. */
  #ahead(state: number, position: number): number {
    return ((state >>> LAP_SHIFT) - (position >>> this.#shift)) & this.#laps;
  }

  /** The state of a position in its own lap. */
  #state(position: number, phase: number): number {
    return (((position >>> this.#shift) & this.#laps) << LAP_SHIFT) | phase;
  }

  /** The state of a position that is done with. */
  #done(position: number): number {
    return this.#state(position + this.size, FREE);
  }

  /** Moves a hint on by one, unless somebody has. @returns where it stands now */
  #advance(hint: number, position: number): number {
    const next = (position + 1) & POSITIONS;
    const seen = cas(this.#words, hint, position, next);
    return seen === position ? next : seen;
  }

  // ------------------------------------------------------------------------------------------- sending

  /** A cell to write a message into. @returns its position, or NONE when there is no room */
  claim(): number {
    const w = this.#words;
    for (let position = load(w, this.#tail); ; ) {
      const at = this.cell(position);
      const free = this.#state(position, FREE);
      const state = load(w, at);
      if (state === free) {
        if (!this.#fits(position)) return NONE;
        if (cas(w, at, free, free | this.#who | WRITING) === free) return position;
        continue;
      }
      if (this.#ahead(state, position) === this.#laps) return NONE;
      position = this.#advance(this.#tail, position);
    }
  }

  /** The message in the cell is complete: from now on it is in the queue. */
  publish(position: number): void {
    store(this.#words, this.cell(position), this.#state(position, FULL)); // P20
    cas(this.#words, this.#tail, position, (position + 1) & POSITIONS);
  }

  /** Nothing is sent after all. */
  abort(position: number): void {
    store(this.#words, this.cell(position), this.#done(position));
  }

  /** Rings have a power of two of cells; does the capacity have room for this one? */
  #fits(position: number): boolean {
    if (this.#capacity === this.size) return true;
    return ((position - this.#oldest()) & POSITIONS) < this.#capacity;
  }

  /** The first position that is not done with. */
  #oldest(): number {
    const w = this.#words;
    for (let position = load(w, this.#head); ; ) {
      const ahead = this.#ahead(load(w, this.cell(position)), position);
      if (ahead === 0 || ahead === this.#laps) return position;
      position = this.#advance(this.#head, position);
    }
  }

  // ------------------------------------------------------------------------------------------- receiving

  /** The oldest message that nobody is at work on. @returns its position, or NONE */
  take(): number {
    const w = this.#words;
    for (let first = load(w, this.#head), position = first; ; ) {
      const at = this.cell(position);
      const state = load(w, at);
      const ahead = this.#ahead(state, position);
      if (ahead === 0) {
        const phase = phaseOf(state);
        if (phase === FULL) {
          if (position !== first && this.#anyFull(first, position)) {
            position = first;
            continue;
          }
          if (cas(w, at, state, state | this.#who | READING) === state) return position;
          continue;
        }
        if (phase === FREE) return NONE;
      } else if (ahead === this.#laps) {
        return NONE;
      } else if (position === first) {
        first = position = this.#advance(this.#head, position);
        continue;
      }
      position = (position + 1) & POSITIONS;
    }
  }

  /**
   * Has one of the cells that were stepped over been published meanwhile? Whoever sends two messages publishes the first one first, so
   * after the second was seen FULL, the first is seen too.
   */
  #anyFull(from: number, to: number): boolean {
    for (let position = from; position !== to; position = (position + 1) & POSITIONS) {
      if (load(this.#words, this.cell(position)) === this.#state(position, FULL)) return true;
    }
    return false;
  }

  /** The oldest message of which `wanted` says yes. @returns its position, or NONE */
  takeSome(wanted: (cell: number) => boolean): number {
    const w = this.#words;
    for (let i = 0, position = this.#oldest(); i < this.size; i++) {
      const at = this.cell(position);
      for (;;) {
        const state = load(w, at);
        if (state !== this.#state(position, FULL) || !wanted(at)) break;
        if (cas(w, at, state, state | this.#who | READING) === state) return position;
      }
      position = (position + 1) & POSITIONS;
    }
    return NONE;
  }

  /** The oldest message, if it is what stands in the way of a new one. @returns its position; NONE: somebody is at work there */
  takeOldest(): number {
    const w = this.#words;
    for (;;) {
      const position = this.#oldest();
      const at = this.cell(position);
      const state = load(w, at);
      const ahead = this.#ahead(state, position);
      if (ahead !== 0 && ahead !== this.#laps) continue;
      if (state !== this.#state(position, FULL)) return NONE;
      if (cas(w, at, state, state | this.#who | READING) === state) return position;
    }
  }

  /** The message has been read: its cell is free again. */
  release(position: number): void {
    store(this.#words, this.cell(position), this.#done(position)); // P20
    cas(this.#words, this.#head, position, (position + 1) & POSITIONS);
  }

  // ------------------------------------------------------------------------------------------- looking

  /** Could `wanted` messages be claimed, one after the other? Old news by the time you look. */
  hasRoom(wanted: number): boolean {
    const w = this.#words;
    let position = load(w, this.#tail);
    for (let found = 0; ; ) {
      const state = load(w, this.cell(position));
      if (state === this.#state(position, FREE)) {
        if (!this.#fits(position)) return false;
        if (++found === wanted) return true;
        position = (position + 1) & POSITIONS;
      } else if (found > 0 || this.#ahead(state, position) === this.#laps) {
        return false;
      } else {
        position = this.#advance(this.#tail, position);
      }
    }
  }

  /** The same, if the oldest messages were dropped for them: is nobody at work in what would have to go? */
  canMakeRoom(wanted: number): boolean {
    if (wanted > this.#capacity) return false;
    const w = this.#words;
    const first = this.#oldest();
    const surplus = ((this.#end() - first) & POSITIONS) + wanted - this.#capacity;
    for (let i = 0, position = first; i < surplus; i++) {
      const state = load(w, this.cell(position));
      const ahead = this.#ahead(state, position);
      if (ahead === this.#laps || (ahead === 0 && phaseOf(state) !== FULL)) return false;
      position = (position + 1) & POSITIONS;
    }
    return true;
  }

  /** Where the queue ends: the position that is claimed next. */
  #end(): number {
    const w = this.#words;
    for (let position = load(w, this.#tail); ; ) {
      const state = load(w, this.cell(position));
      const ahead = this.#ahead(state, position);
      if (state === this.#state(position, FREE) || ahead === this.#laps) return position;
      position = this.#advance(this.#tail, position);
    }
  }

  /** Are there `wanted` messages to take? Old news by the time you look. */
  hasMessages(wanted: number): boolean {
    if (wanted === 1) {
      const position = load(this.#words, this.#head);
      const state = load(this.#words, this.cell(position));
      if (state === this.#state(position, FULL)) return true;
      if (state === this.#state(position, FREE)) return false;
    }
    return this.#count(wanted) === wanted;
  }

  /** Messages that nobody has taken yet. */
  get queued(): number {
    return this.#count(this.size);
  }

  #count(limit: number): number {
    const w = this.#words;
    const first = this.#oldest();
    let found = 0;
    for (let i = 0, position = first; i < this.size && found < limit; i++) {
      const state = load(w, this.cell(position));
      if (this.#ahead(state, position) === 0) {
        if (phaseOf(state) === FREE) break;
        if (phaseOf(state) === FULL) found++;
      }
      position = (position + 1) & POSITIONS;
    }
    return found;
  }

  /** Is nothing in it, nobody at work in it, and nothing to come back after a death? */
  get drained(): boolean {
    const position = this.#oldest();
    return load(this.#words, this.cell(position)) === this.#state(position, FREE);
  }

  /** Calls `each` with the word of every cell that holds a message: queued, or being read. */
  messages(each: (cell: number) => void): void {
    for (let at = this.#cells, end = at + this.size * LINE; at < end; at += LINE) {
      if (phaseOf(load(this.#words, at)) >= FULL) each(at);
    }
  }

  // ------------------------------------------------------------------------------------------- deaths

  /**
   * What an agent that is dead, or leaves, was at work on. `reading` runs before its message is there again, `writing` before its
   * cell is void. @returns cells
   */
  recover(slot: number, reading: (cell: number) => void, writing: (cell: number) => void): number {
    const w = this.#words;
    let found = 0;
    for (let at = this.#cells, end = at + this.size * LINE; at < end; at += LINE) {
      const state = load(w, at);
      if (whoOf(state) !== slot + 1) continue;
      const lap = state & ~((1 << LAP_SHIFT) - 1);
      found++;
      if (phaseOf(state) === READING) {
        reading(at);
        store(w, at, lap | FULL);
      } else {
        writing(at);
        store(w, at, (((state >>> LAP_SHIFT) + 1) & this.#laps) << LAP_SHIFT);
      }
    }
    return found;
  }
}
