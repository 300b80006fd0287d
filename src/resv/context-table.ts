// SPDX-License-Identifier: MIT
/**
 * resv/context-table — stamps and wounds of acquire contexts, readable by everybody.
 *
 * A context's record is complete before its tag appears in any owner word, so whoever reads a tag can read its stamp. A stamp that
 * was read is that of the tag if the owner word still says the same tag afterwards.
 *
 * Invariants  I6 the tag names context and generation. Only its agent writes the stamp.
 *             `wounded` names the generation it is meant for: a late wound hits nobody else. Generations are nine bits, so once in
 *             512 times it may; that context then gives up for nothing, and tries again.
 */

import { type Agent, objectKey } from '../agent/index.js';
import { fail } from '../errors.js';
import { cas, load, store, take64, type Words } from '../mem/index.js';
import { ClassLayout, ClassSection, CONTEXTS, ContextLayout, ContextSection } from './layout.js';
import { GENERATIONS, generationOf, indexOf, slotOf, TAG } from './owner-word.js';

const context = ContextLayout.at;
/** In `wounded`: the context waits or dies, nobody can wound it. */
const NEVER = -1;
/** Bit that tells the key of a context from those of locks. */
const CONTEXT_KEY = 1 << 28;

export class ContextTable {
  readonly #words: Words;
  readonly #base: number;
  readonly #counter: number;
  /** Indices that were given back; the others are those from `#fresh` on. */
  readonly #free: number[] = [];
  #fresh = 0;

  constructor(readonly agent: Agent) {
    this.#words = agent.arena.words;
    this.#base = agent.arena.base(ContextSection);
    this.#counter = (agent.arena.base(ClassSection) + ClassLayout.at.stamp) >> 1;
  }

  /** An index of this agent's own records. @throws ENFILE */
  take(): number {
    const index = this.#free.pop();
    if (index !== undefined) return index;
    if (this.#fresh < CONTEXTS) return this.#fresh++;
    const why = 'this agent has too many acquire contexts: dispose some';
    const details = { table: 'acquireContexts', limit: CONTEXTS };
    throw fail('ENFILE', 'Domain.acquireContext', details, { why });
  }

  give(index: number): void {
    this.#free.push(index);
  }

  /** A new life of an own record. @returns its generation: enough of the stamp to tell it from the lives just before */
  renew(index: number, stamp: number, woundable: boolean): number {
    const w = this.#words;
    const at = this.#at(this.agent.slot, index);
    const high = Math.floor(stamp / 2 ** 32);
    const wounded = woundable ? 0 : NEVER;
    if (load(w, at + context.stampHigh) !== high) store(w, at + context.stampHigh, high);
    if (load(w, at + context.wounded) !== wounded) store(w, at + context.wounded, wounded);
    store(w, at + context.stampLow, stamp | 0);
    return stamp & (GENERATIONS - 1);
  }

  /** The next stamp: larger than all before, in every agent. Never 0. */
  stamp(): number {
    return take64(this.agent.arena.counters, this.#counter) + 1;
  }

  /** Stamp of the context in an owner word; 0 = none. Look at the word again: it is the tag's only if that has not changed. */
  stampOf(owner: number): number {
    const index = indexOf(owner);
    if (index < 0) return 0;
    const at = this.#at(slotOf(owner), index);
    const high = load(this.#words, at + context.stampHigh);
    return (high >>> 0) * 2 ** 32 + (load(this.#words, at + context.stampLow) >>> 0);
  }

  /** Must the own context of this generation die when it has to wait? */
  isWounded(index: number, generation: number): boolean {
    return load(this.#words, this.#at(this.agent.slot, index) + context.wounded) === generation + 1;
  }

  /** The own context holds nothing: whatever it was wounded for is over. */
  heal(index: number): void {
    const at = this.#at(this.agent.slot, index) + context.wounded;
    if (load(this.#words, at) > 0) store(this.#words, at, 0);
  }

  /** Wounds the context that holds the lock whose owner word is at `ownerAt`, unless `owner` is old news. */
  wound(ownerAt: number, owner: number): void {
    const w = this.#words;
    const [slot, index] = [slotOf(owner), indexOf(owner)];
    const at = this.#at(slot, index) + context.wounded;
    const wanted = generationOf(owner) + 1;
    for (;;) {
      const before = load(w, at);
      if (before === NEVER || before === wanted) return;
      // What stands there is meant for a former life of the record only if the lock is still held by this one.
      if (((load(w, ownerAt) ^ owner) & TAG) !== 0) return;
      if (cas(w, at, before, wanted) !== before) continue;
      this.agent.ring(slot, this.key(slot, index));
      return;
    }
  }

  /** What a wounded context's agent is rung for: it may wait for any lock. */
  key(slot: number, index: number): number {
    return objectKey('lock', CONTEXT_KEY | (slot * CONTEXTS + index));
  }

  #at(slot: number, index: number): number {
    return this.#base + (slot * CONTEXTS + index) * ContextLayout.size;
  }
}
