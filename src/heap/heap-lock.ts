// SPDX-License-Identifier: MIT
/**
 * heap/heap-lock — one agent at a time in the page table.
 *
 * Held for a handful of stores, by code that calls nobody and waits for nothing; so it is the one lock that a reaper takes too.
 * A waiter looks, gives the core away, and then sleeps on the word in slices, asking between them whether the holder has died.
 *
 * Invariants  the word is the tag of the holder: taken from 0, or over from the dead, by one CAS. Who takes it over rebuilds
 *             what may be torn before it does anything else.
 * Lock order  a leaf: nothing is taken under it.
 * Pairs       P10 waiter: `waiting`, then sleep if the word still has that holder ↔ holder: word 0, then `waiting`.
 */

import { type Agent, ownerTag, tagSlot } from '../agent/index.js';
import { block, cas, load, notify, store, type Words } from '../mem/index.js';

/** Looks before anything else, and times the core is offered to others. */
const LOOKS = 50;
const YIELDS = 30;
/** Milliseconds of one sleep. */
const SLICE = 5;

export class HeapLock {
  readonly #words: Words;

  constructor(
    readonly agent: Agent,
    /** The lock's word, and the one that says that somebody sleeps. */
    readonly word: number,
    readonly waiting: number,
  ) {
    this.#words = agent.arena.words;
  }

  /** @returns true when the holder before died inside: what it changed may be torn */
  enter(): boolean {
    const { tag } = this.agent;
    return cas(this.#words, this.word, 0, tag) !== 0 && this.#enterSlowly(tag);
  }

  #enterSlowly(tag: number): boolean {
    const { platform } = this.agent;
    for (let round = 0; ; round++) {
      const holder = cas(this.#words, this.word, 0, tag);
      if (holder === 0) return false;
      if (round < LOOKS) continue;
      if (round < LOOKS + YIELDS && platform.giveWay !== null) platform.giveWay();
      else if (this.#isDead(holder)) {
        if (cas(this.#words, this.word, holder, tag) === holder) return true;
      } else if (platform.mayBlock) this.#sleep(holder);
    }
  }

  #isDead(holder: number): boolean {
    const { slots } = this.agent;
    const slot = tagSlot(holder);
    return ownerTag(slot, slots.life(slot)) !== holder || slots.isDead(slot);
  }

  #sleep(holder: number): void {
    store(this.#words, this.waiting, 1); // P10
    block(this.#words, this.word, holder, SLICE);
  }

  leave(): void {
    store(this.#words, this.word, 0); // P10
    if (load(this.#words, this.waiting) === 0) return;
    store(this.#words, this.waiting, 0);
    notify(this.#words, this.word);
  }
}
