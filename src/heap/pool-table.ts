// SPDX-License-Identifier: MIT
/**
 * heap/pool-table — pools by name, and their end.
 *
 * A pool lives as long as an agent has it open. Then the buffers that rest in it go, and those in use are made ordinary ones that
 * go with their last reference.
 *
 *    FREE ── claim ─▶ BUILDING ── publish ─▶ LIVE(opens) ── last opener gone ─▶ CLOSING(who) ── emptied ─▶ FREE
 *
 * Invariants  B1 one CAS leads out of LIVE, and never under an opener: it counts up `opens` after its bit, and whoever closes read
 *             all bits as 0 in between.
 *             B2 a buffer names its pool only while the pool is LIVE or BUILDING; who finds another name, or no LIVE pool, after a
 *             buffer came to rest takes it out again.
 * Deaths      CLOSING carries the slot of who closes: the reaper takes it over, and takes out what rests in no LIVE pool. BUILDING
 *             is discarded by the next who makes a pool; its buffers die with their builder's references.
 * Pairs       P24 buffer: IDLE, then its pool's state and its own pool word ↔ closer: CLOSING, the pool word, then the buffer.
 */

import { type Agent, anyBit, clearBit, setBit } from '../agent/index.js';
import { type Buffers, Phase, phaseOf } from '../buf/index.js';
import { cas, load, store, type Words } from '../mem/index.js';
import {
  POOL_NAME_BYTES,
  PoolControlLayout,
  PoolControlSection,
  PoolLayout,
  PoolSection,
} from './pool-layout.js';
import { Registry, RowState } from './registry.js';

const pool = PoolLayout.at;
const STATE = 7;
const STATE_BITS = 3;
/** Words of a row that a new pool begins with at 0. */
const FRESH = ['line', 'ticket', 'rests', 'takes', 'first'] as const;

/** What a pool is made of. */
export interface PoolFacts {
  readonly count: number;
  readonly size: number;
}

export class PoolTable {
  readonly registry: Registry;
  readonly #words: Words;

  constructor(
    readonly agent: Agent,
    readonly buffers: Buffers,
  ) {
    const { arena } = agent;
    const control = arena.base(PoolControlSection);
    this.registry = new Registry(agent, {
      rows: PoolSection.rows(arena.limits),
      base: arena.base(PoolSection),
      size: PoolLayout.size,
      lock: control + PoolControlLayout.at.lock,
      used: control + PoolControlLayout.at.used,
      state: pool.state,
      openers: pool.openers,
      name: pool.name,
      nameBytes: POOL_NAME_BYTES,
    });
    this.#words = arena.words;
  }

  at(row: number): number {
    return this.registry.at(row);
  }

  word(row: number, field: keyof typeof pool): number {
    return load(this.#words, this.at(row) + pool[field]);
  }

  facts(row: number): PoolFacts {
    const size = (this.word(row, 'sizeHigh') >>> 0) * 2 ** 32 + (this.word(row, 'sizeLow') >>> 0);
    return { count: this.word(row, 'count'), size };
  }

  isLive(row: number): boolean {
    return this.registry.isLive(row);
  }

  /** Its buffers, in the order they were made. */
  rows(row: number): number[] {
    const found: number[] = [];
    const count = this.word(row, 'count');
    // A pool that closes under our eyes may lose its chain: never follow it for more than there is.
    for (let next = this.word(row, 'first'); next !== 0 && found.length < count; ) {
      found.push(next - 1);
      next = this.buffers.rows.word(next - 1, 'poolNext');
    }
    return found;
  }

  // ------------------------------------------------------------------------------------------- opening

  /** This agent has it open from now on. @returns false when it is closing */
  enter(row: number): boolean {
    const w = this.#words;
    const at = this.at(row);
    const { slot } = this.agent;
    setBit(w, at + pool.openers, slot); // B1
    for (;;) {
      const state = load(w, at + pool.state);
      if ((state & STATE) !== RowState.LIVE) break;
      const next = (state + (1 << STATE_BITS)) | 0;
      if (cas(w, at + pool.state, state, next) === state) return true;
    }
    clearBit(w, at + pool.openers, slot);
    return false;
  }

  /** A BUILDING row; -1 when there is none. */
  claim(name: string, facts: PoolFacts): number {
    const row = this.registry.claim(name, (left) => this.#empty(left));
    if (row < 0) return -1;
    const w = this.#words;
    const at = this.at(row);
    for (const field of FRESH) store(w, at + pool[field], 0);
    store(w, at + pool.count, facts.count);
    store(w, at + pool.sizeHigh, Math.floor(facts.size / 2 ** 32));
    store(w, at + pool.sizeLow, facts.size | 0);
    return row;
  }

  /** BUILDING → LIVE, with these buffers, open here. They rest in it as soon as nobody refers to them. */
  publish(row: number, buffers: readonly number[]): void {
    const { rows } = this.buffers;
    for (const [index, buffer] of buffers.entries()) {
      rows.setWord(buffer, 'poolNext', (buffers[index + 1] ?? -1) + 1);
      rows.setWord(buffer, 'pool', row + 1);
    }
    store(this.#words, this.at(row) + pool.first, (buffers[0] ?? -1) + 1);
    setBit(this.#words, this.at(row) + pool.openers, this.agent.slot);
    this.registry.publish(row);
  }

  /** BUILDING → FREE: it came to nothing. */
  abandon(row: number): void {
    this.#empty(row);
    this.registry.free(row);
  }

  // ------------------------------------------------------------------------------------------- the end

  /** That agent has it open no more. Idempotent. */
  leave(row: number, slot: number): void {
    clearBit(this.#words, this.at(row) + pool.openers, slot);
    this.#tryClose(row);
  }

  #tryClose(row: number): void {
    const at = this.at(row);
    for (;;) {
      const state = load(this.#words, at + pool.state); // B1
      if ((state & STATE) !== RowState.LIVE || anyBit(this.#words, at + pool.openers)) return;
      if (this.#takeOver(row, state)) return;
    }
  }

  /** For the reaper: that agent was closing it. */
  finishFor(row: number, slot: number): void {
    const state = load(this.#words, this.at(row) + pool.state);
    if (state === closing(slot)) this.#takeOver(row, state);
  }

  #takeOver(row: number, state: number): boolean {
    const at = this.at(row) + pool.state;
    if (cas(this.#words, at, state, closing(this.agent.slot)) !== state) return false;
    this.#empty(row);
    this.registry.free(row);
    return true;
  }

  /** Buffers that rest go; the others have no pool any more. */
  #empty(row: number): void {
    const { buffers } = this;
    for (let buffer = 0, used = buffers.life.used; buffer < used; buffer++) {
      if (buffers.rows.word(buffer, 'pool') !== row + 1) continue;
      buffers.rows.setWord(buffer, 'pool', 0); // P24
      buffers.retire(buffer);
    }
  }

  /** For the reaper: buffers that rest in no pool, since whoever was about to take them out died before it did. */
  retireStrays(): void {
    const { buffers } = this;
    for (let buffer = 0, used = buffers.life.used; buffer < used; buffer++) {
      if (phaseOf(buffers.life.of(buffer)) !== Phase.IDLE) continue;
      const row = buffers.rows.word(buffer, 'pool') - 1;
      if (row < 0 || !this.keeps(row, buffer)) buffers.retire(buffer);
    }
  }

  /** A buffer has come to rest in it. @returns false when it may not stay */
  keeps(row: number, buffer: number): boolean {
    return this.isLive(row) && this.buffers.rows.word(buffer, 'pool') === row + 1; // P24
  }
}

const closing = (slot: number): number => ((slot + 1) << STATE_BITS) | RowState.CLOSING;
