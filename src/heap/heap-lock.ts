// SPDX-License-Identifier: MIT
/**
 * heap/heap-lock — one agent at a time in the page table.
 *
 * Held for a handful of stores, by code that calls nobody and waits for nothing; so it is the one lock that a reaper takes too.
 * A waiter looks, gives the core away, and then sleeps on the word in slices, asking between them whether the holder has died.
 *
 * The word is 0, or the holder's tag shifted by one, with a low bit that says that somebody may sleep. All sleepers are woken
 * when it changes, and look again.
 *
 * Invariants  the word tells the holder: taken from 0, or over from the dead, by one CAS. Who takes it over rebuilds what may be
 *             torn before it does anything else. Nobody sleeps on a word without the bit.
 * Lock order  a leaf: nothing is taken under it.
 * Pairs       P10 waiter: bit set by CAS, then sleep if the word is still that ↔ holder: word exchanged for 0 tells of the bit.
 */

import { type Agent, ownerTag, SlotState, tagSlot } from '../agent/index.js';
import { cas, exchange, type Words } from '../mem/index.js';

/** Times the core is offered to others, after looking. */
const YIELDS = 30;
/** Milliseconds of one sleep. */
const SLICE = 5;
const WAITED = 1;

/** A tag as it stands in the word: the eldest bit of the incarnation gives way to the bit that tells of sleepers. */
const keyOf = (tag: number): number => tag << 1;

export class HeapLock {
  readonly #words: Words;
  readonly #key: number;

  constructor(
    readonly agent: Agent,
    /** Index of the word. */
    readonly word: number,
  ) {
    this.#words = agent.arena.words;
    this.#key = keyOf(agent.tag);
  }

  /** @returns true when the holder before died inside: what it changed may be torn */
  enter(): boolean {
    return cas(this.#words, this.word, 0, this.#key) !== 0 && this.#enterSlowly();
  }

  #enterSlowly(): boolean {
    const w = this.#words;
    const { platform, polling } = this.agent;
    const { looks } = polling;
    for (let round = 0; ; round++) {
      const holder = cas(w, this.word, 0, this.#key);
      if (holder === 0) return false;
      if (round < looks) continue;
      if (round < looks + YIELDS && platform.giveWay !== null) platform.giveWay();
      else if (this.#isDead(holder)) {
        if (cas(w, this.word, holder, this.#key | (holder & WAITED)) === holder) return true;
      } else if (platform.mayBlock) this.#sleep(holder);
    }
  }

  #isDead(holder: number): boolean {
    const { slots } = this.agent;
    const slot = tagSlot(holder >>> 1);
    const life = slots.life(slot);
    // A slot that was freed, and that nobody has joined since, still tells the incarnation of who died in it.
    if ((life & 7) === SlotState.FREE) return true;
    return keyOf(ownerTag(slot, life)) !== (holder & ~WAITED) || slots.isDead(slot);
  }

  #sleep(holder: number): void {
    const w = this.#words;
    const waited = holder | WAITED;
    if (holder !== waited && cas(w, this.word, holder, waited) !== holder) return; // P10
    this.agent.sleepers.block(this.word, waited, SLICE); // P10
  }

  leave(): void {
    const before = exchange(this.#words, this.word, 0); // P10
    if ((before & WAITED) !== 0) this.wake();
  }

  /** Sleepers look again: for the reaper too, since a dead holder may have left without telling. */
  wake(): void {
    this.agent.sleepers.wake(this.word);
  }
}
