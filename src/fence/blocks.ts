// SPDX-License-Identifier: MIT
/**
 * fence/blocks — which agent hands out which rows, and when a row may be handed out again.
 *
 * An agent claims blocks of rows by one CAS each and hands out their rows from a list of its own: a new fence costs no shared
 * operation but the stores of its fields. When the list is empty, the agent sweeps its blocks in turn for rows that have signalled
 * and that nobody needs; when that yields little, it claims another block. Whole blocks that are free go back.
 *
 * Invariants  I12 no row is recycled while it is pending, while an agent has a handle on it, or while it failed and is still
 *             named somewhere: whoever finds the name must learn the error.
 *             Members go with their container, after it; those of a dead agent, when their block is claimed.
 *             Blocks below `blocks` are all that have ever been claimed; it is raised before the claim, so that no claim of a dead
 *             agent is overlooked.
 * Pairs       P8 see handles.
 */

import type { Agent } from '../agent/index.js';
import { fail } from '../errors.js';
import { cas, load, store, type Words } from '../mem/index.js';
import { type Fence, keep } from './fence.js';
import {
  errorIn,
  FenceBlockLayout,
  FenceBlockSection,
  FenceCountersLayout,
  FenceCountersSection,
  FenceSection,
  generationOf,
  Kind,
  kindIn,
  Phase,
  phaseOf,
} from './layout.js';
import { eachMemberRow, recycleMembers } from './members.js';
import type { FenceRecords } from './records.js';

/** A sweep that finds less than this part of a block is not worth repeating soon: claim a block. */
const ENOUGH = 1 / 4;
/** Blocks looked at before another one is claimed. */
const LOOKS = 4;
/** Blocks that are never given back. */
const KEPT = 4;
/** Whoever went this often through all of its blocks without claiming one has too many. */
const CALM = 4;

/** Says which rows something in shared memory names. */
export type Names = () => Iterable<{ readonly row: number }>;

export class FenceBlocks {
  readonly #words: Words;
  readonly #claims: number;
  readonly #blocks: number;
  readonly #blockRows: number;
  readonly #shift: number;
  readonly #enough: number;
  readonly #used: number;
  readonly #names: Names[] = [];
  readonly #mine: number[] = [];
  /** Fence objects of own rows, per block: they learn their outcome before the row is recycled. */
  readonly #fences: ((Fence | undefined)[] | undefined)[] = [];
  /** Of the row that was taken last. */
  generation = 0;
  /** Runs before rows are looked for that can be handed out again. */
  onRefill: () => void = () => {};
  readonly #free: number[] = [];
  readonly #generations: number[] = [];
  #next = 0;
  #cursor = 0;
  /** Refills since the last claim. */
  #calm = 0;

  constructor(
    readonly agent: Agent,
    readonly records: FenceRecords,
  ) {
    this.#words = agent.arena.words;
    this.#claims = agent.arena.base(FenceBlockSection);
    this.#blocks = FenceBlockSection.rows(agent.arena.limits);
    this.#blockRows = FenceSection.rows(agent.arena.limits) / this.#blocks;
    this.#shift = Math.log2(this.#blockRows);
    this.#enough = this.#blockRows * ENOUGH;
    this.#used = agent.arena.base(FenceCountersSection) + FenceCountersLayout.at.blocks;
  }

  /** Rows of the whole table. */
  get rows(): number {
    return this.#blocks * this.#blockRows;
  }

  registerNames(names: Names): void {
    this.#names.push(names);
  }

  /** A FREE row, with the generation that it was made free under in `generation`. @throws ENFILE */
  take(): number {
    if (this.#next === this.#free.length) this.#refill();
    this.generation = this.#generations[this.#next] ?? 0;
    return this.#free[this.#next++] ?? 0;
  }

  /** The object of an own row; undefined: a free row has none. */
  put(row: number, fence: Fence | undefined): void {
    const block = this.#fences[row >>> this.#shift];
    if (block !== undefined) block[row & (this.#blockRows - 1)] = fence;
  }

  get(row: number): Fence | undefined {
    return this.#fences[row >>> this.#shift]?.[row & (this.#blockRows - 1)];
  }

  // ------------------------------------------------------------------------------------------- sweeping

  #refill(): void {
    if (this.agent.left) throw fail('ESTALE', 'Timeline.next', { agent: this.agent.slot });
    this.onRefill();
    this.#free.length = 0;
    this.#next = 0;
    const surplus = this.#calm++ > CALM * this.#mine.length;
    for (let looks = Math.min(LOOKS, this.#mine.length); looks > 0; looks--) {
      const enough = this.#free.length >= this.#enough;
      if (enough && !surplus) break;
      this.#sweepNext(enough && surplus);
    }
    this.#claimMore();
    for (let looks = this.#mine.length; looks > 0 && this.#free.length === 0; looks--)
      this.#sweepNext();
    if (this.#free.length > 0) return;
    const why =
      'all fences are pending, or held: signal some, or raise limits.agents of Domain.create()';
    throw fail('ENFILE', 'Timeline.next', { table: 'fences', limit: this.rows }, { why });
  }

  #claimMore(): void {
    while (this.#free.length < this.#enough && this.#claim()) this.#sweepNext();
    if (this.#free.length > 0) return;
    this.agent.lookForDead();
    if (this.#claim()) this.#sweepNext();
  }

  #sweepNext(mayGiveBack = false): void {
    if (this.#cursor >= this.#mine.length) this.#cursor = 0;
    const block = this.#mine[this.#cursor++];
    if (block === undefined) return;
    const before = this.#free.length;
    this.#sweep(block);
    const all = block === 0 ? this.#blockRows - 1 : this.#blockRows;
    if (mayGiveBack && this.#mine.length > KEPT && this.#free.length - before === all)
      this.#giveBack(block, before);
  }

  /** Finds the rows of a block that can be handed out again. */
  #sweep(block: number): void {
    const { records } = this;
    const first = block * this.#blockRows;
    const signaled: number[] = [];
    const states: number[] = [];
    for (let row = Math.max(first, 1); row < first + this.#blockRows; row++) {
      const state = records.stateOf(row); // P8
      const phase = phaseOf(state);
      if (phase === Phase.SIGNALED) {
        signaled.push(row);
        states.push(state);
      } else if (phase === Phase.FREE) {
        const generation = generationOf(state);
        // Who made it free may have died before it had cleared this.
        if (records.moreOf(row) !== 0) records.setMore(row, 0);
        this.#give(row, generation === 0 ? records.recycle(row, state) : generation);
      } else if (phase === Phase.MEMBERS && records.ownerOf(row) !== this.agent.tag) {
        this.#give(row, recycleMembers(records, row));
      }
    }
    // After the states: who joins from now on finds all these signalled, and keeps no handle.
    const words = records.agentWords;
    const failed = new Map<number, number>();
    for (let index = 0; index < signaled.length; index++) {
      const row = signaled[index] ?? 0;
      const state = states[index] ?? 0;
      if (records.isHeld(row, words)) continue;
      if (errorIn(state) === 0) this.#recycle(row, state);
      else failed.set(row, state);
    }
    // After the bits: who names a fence has a handle on it until the name stands.
    if (failed.size > 0) this.#recycleUnnamed(failed);
  }

  #recycleUnnamed(failed: Map<number, number>): void {
    for (const names of this.#names) for (const { row } of names()) failed.delete(row);
    for (const [row, state] of failed) this.#recycle(row, state);
  }

  #recycle(row: number, state: number): void {
    const { records } = this;
    this.#keep(row, state);
    this.put(row, undefined);
    const more = records.moreOf(row);
    const generation = records.recycle(row, state);
    if (more !== 0) this.#forget(row, more);
    this.#give(row, generation);
  }

  /** Neither deadline nor members any more. These are found free when their own blocks are swept. */
  #forget(row: number, more: number): void {
    const { records } = this;
    records.setMore(row, 0);
    if (kindIn(more) === Kind.POINT) return;
    if (records.ownerOf(row) === this.agent.tag) eachMemberRow(records, more, recycleMembers);
  }

  /** The object of a signalled row must do without it from now on. */
  #keep(row: number, state: number): void {
    const fence = this.get(row);
    if (fence !== undefined) keep(fence, errorIn(state), this.records.timeOf(row));
  }

  #give(row: number, generation: number): void {
    this.#generations[this.#free.length] = generation;
    this.#free.push(row);
  }

  // ------------------------------------------------------------------------------------------- claiming

  #claim(): boolean {
    for (let block = 0; block < this.#blocks; block++) {
      const at = this.#claimOf(block);
      if (load(this.#words, at) !== 0) continue;
      for (let used = this.used; used <= block; used = this.used)
        cas(this.#words, this.#used, used, block + 1);
      if (cas(this.#words, at, 0, this.agent.tag) !== 0) continue;
      this.#cursor = this.#mine.push(block) - 1;
      this.#calm = 0;
      this.#fences[block] = Array.from({ length: this.#blockRows });
      return true;
    }
    return false;
  }

  #giveBack(block: number, free: number): void {
    this.#free.length = free;
    this.#mine.splice(--this.#cursor, 1);
    this.#fences[block] = undefined;
    store(this.#words, this.#claimOf(block), 0);
  }

  /** Word that says whose block it is. */
  #claimOf(block: number): number {
    return this.#claims + block * FenceBlockLayout.size + FenceBlockLayout.at.claim;
  }

  // ------------------------------------------------------------------------------------------- recovery

  /** Blocks that have been claimed at some time. */
  get used(): number {
    return load(this.#words, this.#used);
  }

  /** For the reaper: calls `each` for every row that may ever have been a fence. */
  eachRow(each: (row: number) => void): void {
    for (let row = 1, end = this.used * this.#blockRows; row < end; row++) each(row);
  }

  /** For the reaper: the blocks of a dead agent can be claimed again. Its pending rows have failed before. */
  abandon(tag: number): void {
    for (let block = 0; block < this.used; block++) {
      const at = this.#claimOf(block);
      if (load(this.#words, at) === tag) store(this.#words, at, 0);
    }
  }

  /** This agent leaves: its rows are no longer its own, and its objects must do without them. */
  leave(): void {
    for (const block of this.#mine) {
      for (let row = block * this.#blockRows, end = row + this.#blockRows; row < end; row++) {
        const state = this.records.stateOf(row);
        if (phaseOf(state) === Phase.SIGNALED) this.#keep(row, state);
      }
    }
    this.#mine.length = 0;
    this.#next = this.#free.length;
  }
}
