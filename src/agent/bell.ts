// SPDX-License-Identifier: MIT
/**
 * agent/bell — one word per agent to sleep on, and dirty bits that say what it was rung for.
 *
 * Invariants  I3 every ring is a hint: whoever is rung evaluates its own conditions again.
 *             I4 a ring between a look and the sleep is never lost: the bell has moved, or the summary is not 0.
 * Pairs       P2 ringer: dirty, summary, bell, then reads `parked` ↔ sleeper: bell read, `parked` stored, then reads `summary`;
 *             taking the bits: summary first, then what it stands for.
 */

import { type Arena, add, exchange, load, or, store, type Words } from '../mem/index.js';
import { Parked, SlotLayout } from './layout.js';
import type { Sleepers } from './sleepers.js';
import type { Slots } from './slots.js';

const slot = SlotLayout.at;

/** Bucket of an object among the dirty bits. */
export function bucketOf(obj: number): number {
  return Math.imul(obj, 0x9e37_79b1) >>> 22;
}

export class Bells {
  readonly #words: Words;

  constructor(
    arena: Arena,
    readonly slots: Slots,
    readonly sleepers: Sleepers,
  ) {
    this.#words = arena.words;
  }

  /** Makes that agent look at its waits for `obj` again. */
  ring(index: number, obj: number): void {
    const w = this.#words;
    const at = this.slots.at(index);
    const bucket = bucketOf(obj);
    or(w, at + slot.dirty + (bucket >>> 5), 1 << (bucket & 31));
    or(w, at + slot.summary, 1 << (bucket >>> 5));
    this.#strike(at);
  }

  /** Makes that agent look at everything. */
  ringAll(index: number): void {
    const at = this.slots.at(index);
    store(this.#words, at + slot.everything, 1);
    or(this.#words, at + slot.summary, 1);
    this.#strike(at);
  }

  #strike(at: number): void {
    add(this.#words, at + slot.bell, 1); // P2
    const parked = load(this.#words, at + slot.parked);
    if (parked === 0) return;
    const { sleepers } = this;
    const { processes } = sleepers;
    if (processes === null || (parked & Parked.BLOCKS) !== 0) sleepers.wake(at + slot.bell);
    if (processes === null || (parked & Parked.LISTENS) === 0) return;
    const station = load(this.#words, at + slot.station);
    if (station === processes.station) sleepers.rouse(at + slot.bell);
    else processes.kick(station - 1);
  }

  /** The doorbell of this station has rung: its other agents that listen look at their bells. */
  rouse(station: number, except: number): void {
    const w = this.#words;
    for (let index = 0, { used } = this.slots; index < used; index++) {
      const at = this.slots.at(index);
      if (index === except || load(w, at + slot.station) !== station) continue;
      if ((load(w, at + slot.parked) & Parked.LISTENS) !== 0) this.sleepers.rouse(at + slot.bell);
    }
  }

  /** What the bell stands at: take it before looking, sleep only if it has not moved. */
  read(index: number): number {
    return load(this.#words, this.slots.at(index) + slot.bell);
  }

  rung(index: number): boolean {
    return load(this.#words, this.slots.at(index) + slot.summary) !== 0;
  }

  /** Takes the dirty bits and calls `each` for every bucket that was rung, or once with -1 for all of them. */
  collect(index: number, each: (bucket: number) => void): void {
    const w = this.#words;
    const at = this.slots.at(index);
    if (load(w, at + slot.summary) === 0) return;
    let summary = exchange(w, at + slot.summary, 0);
    if (load(w, at + slot.everything) !== 0) {
      // P2: after the summary, whose bit said so
      store(w, at + slot.everything, 0);
      each(-1);
    }
    while (summary !== 0) {
      const word = 31 - Math.clz32(summary);
      summary &= ~(1 << word);
      for (let dirty = exchange(w, at + slot.dirty + word, 0); dirty !== 0; ) {
        const bit = 31 - Math.clz32(dirty);
        dirty &= ~(1 << bit);
        each((word << 5) | bit);
      }
    }
  }

  /** Announces that the owner may sleep. @returns false when it must look again first (P2). */
  park(index: number, how: number): boolean {
    store(this.#words, this.slots.at(index) + slot.parked, how);
    return !this.rung(index); // P2
  }

  /** The thread runs; `how` it sleeps all the same: its event loop may listen. */
  unpark(index: number, how: number): void {
    store(this.#words, this.slots.at(index) + slot.parked, how);
  }

  /** Blocks until a ring, or `ms`. */
  sleep(index: number, seen: number, ms: number): void {
    this.sleepers.block(this.slots.at(index) + slot.bell, seen, ms);
  }

  /** Settles at a ring, or after `ms`; null when it has rung since `seen`. */
  listen(index: number, seen: number, ms: number): PromiseLike<unknown> | null {
    return this.sleepers.listen(this.slots.at(index) + slot.bell, seen, ms);
  }
}
