// SPDX-License-Identifier: MIT
/**
 * agent/bell — one word per agent to sleep on, and dirty bits that say what it was rung for.
 *
 * Invariants  I3 every ring is a hint: whoever is rung evaluates its own conditions again.
 *             I4 a ring between a look and the sleep is never lost: the bell has moved, or the summary is not 0.
 * Pairs       P2 ringer: dirty, summary, bell, then reads `parked` ↔ sleeper: bell read, `parked` stored, then reads `summary`;
 *             taking the bits: summary first, then what it stands for.
 */

import {
  type Arena,
  add,
  block,
  exchange,
  load,
  notify,
  or,
  store,
  type Words,
  waitAsync,
} from '../mem/index.js';
import { SlotLayout } from './layout.js';
import type { Platform } from './ports.js';
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
    readonly platform: Pick<Platform, 'kick'>,
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
    this.#strike(index, at);
  }

  /** Makes that agent look at everything. */
  ringAll(index: number): void {
    const at = this.slots.at(index);
    store(this.#words, at + slot.everything, 1);
    or(this.#words, at + slot.summary, 1);
    this.#strike(index, at);
  }

  #strike(index: number, at: number): void {
    add(this.#words, at + slot.bell, 1); // P2
    if (load(this.#words, at + slot.parked) === 0) return;
    notify(this.#words, at + slot.bell);
    this.platform.kick(index);
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
  park(index: number): boolean {
    store(this.#words, this.slots.at(index) + slot.parked, 1);
    return !this.rung(index); // P2
  }

  unpark(index: number): void {
    store(this.#words, this.slots.at(index) + slot.parked, 0);
  }

  /** Blocks until a ring, or `ms`. */
  sleep(index: number, seen: number, ms: number): void {
    block(this.#words, this.slots.at(index) + slot.bell, seen, ms);
  }

  /** Settles at a ring, or after `ms`; null when it has rung since `seen`. */
  listen(index: number, seen: number, ms: number): Promise<unknown> | null {
    return waitAsync(this.#words, this.slots.at(index) + slot.bell, seen, ms);
  }
}
