// SPDX-License-Identifier: MIT
/**
 * fence/records — fence records by (row, generation): looking, signalling, marking, naming the owner.
 *
 * Invariants  I11 a fence signals once: the CAS that takes it out of PENDING is the only one.
 *             I12 another generation than the one asked for means "signalled": rows are recycled only after that, so whoever
 *             names a fence needs no reference. Error and time of a recycled fence are unknown.
 * Pairs       P4 waiter: row published, W set, then the state ↔ signaller: state replaced, W in what was there, then the rows.
 *             P5 reader: fields, then the generation ↔ owner: new generation, then the fields.
 */

import { type Agent, objectKey } from '../agent/index.js';
import { and, cas, exchange, load, or, store, type Words } from '../mem/index.js';
import {
  contextIn,
  errorIn,
  FenceLayout,
  FenceSection,
  generationOf,
  highWord,
  isDeadline,
  nextGeneration,
  openWord,
  Phase,
  phaseOf,
  seqnoIn,
  stateWord,
  WAITED,
} from './layout.js';

const fence = FenceLayout.at;
const SIZE = FenceLayout.size;
/** Milliseconds: deadlines further away than this are as good as none. */
const FAR = 2 ** 30;

/** A fence by name: what shared memory can hold of it. */
export interface Point {
  readonly row: number;
  readonly generation: number;
}

/** What a signalled fence leaves behind. */
export interface Outcome {
  /** Shared-memory number; 0 = success, or unknown. */
  readonly error: number;
  /** Milliseconds since the epoch; 0 = unknown. */
  readonly time: number;
}

/** Of a fence that was recycled long ago. */
const FORGOTTEN: Outcome = { error: 0, time: 0 };

export class FenceRecords {
  readonly words: Words;
  readonly #floats: Float64Array;
  readonly #base: number;

  constructor(readonly agent: Agent) {
    this.words = agent.arena.words;
    this.#floats = agent.arena.floats;
    this.#base = agent.arena.base(FenceSection) + fence.state;
  }

  /** Word of the row's state. */
  at(row: number): number {
    return this.#base + row * SIZE;
  }

  rowAt(at: number): number {
    return (at - this.#base) / SIZE;
  }

  stateOf(row: number): number {
    return load(this.words, this.at(row));
  }

  isSignaled(row: number, generation: number): boolean {
    return (this.stateOf(row) | WAITED) !== openWord(generation);
  }

  /**
   * Its outcome, or null while it is pending. The time is right only if the row cannot be recycled meanwhile, or if the
   * generation is still current afterwards.
   */
  outcomeOf(row: number, generation: number): Outcome | null {
    const state = this.stateOf(row);
    if ((state | WAITED) === openWord(generation)) return null;
    if (generationOf(state) !== generation || phaseOf(state) !== Phase.SIGNALED) return FORGOTTEN;
    return { error: errorIn(state), time: this.timeOf(row) };
  }

  /** Turns a row that was made free under this generation into a pending fence. */
  init(row: number, generation: number, context: number, seqno: number, owner: number): void {
    const w = this.words;
    const at = this.at(row);
    store(w, at + fence.owner, owner); // P5
    store(w, at + fence.high, highWord(context, seqno));
    store(w, at + fence.contextLow, context | 0);
    store(w, at + fence.seqnoLow, seqno | 0);
    store(w, at, stateWord(generation, Phase.PENDING));
  }

  /**
   * Makes a row free, under its next generation: nothing of the fence that was may be read from now on.
   * @returns the generation
   */
  recycle(row: number, state: number): number {
    const generation = nextGeneration(generationOf(state));
    store(this.words, this.at(row), stateWord(generation, Phase.FREE)); // P5
    return generation;
  }

  /** When a signalled fence did. */
  timeOf(row: number): number {
    return this.#floats[(this.at(row) + fence.time) >> 1] ?? 0;
  }

  /** Is the row's fence still of this generation? */
  isCurrent(row: number, generation: number): boolean {
    return generationOf(this.stateOf(row)) === generation;
  }

  /**
   * Signals a fence that nobody else can signal, and that is pending: one exchange.
   * @param at    word of the row's state.
   * @param state what it becomes.
   */
  commit(at: number, state: number): void {
    this.#floats[(at + fence.time) >> 1] = this.agent.time();
    const before = exchange(this.words, at, state); // P4
    this.#tell(at, before);
  }

  /**
   * Signals unless it is signalled.
   * @param time  when, if not now: of a container, whoever looks writes the same.
   * @returns false when it was
   */
  signal(row: number, generation: number, error: number, time = this.agent.time()): boolean {
    const at = this.at(row);
    const open = openWord(generation);
    const signaled = stateWord(generation, Phase.SIGNALED, error);
    let state = load(this.words, at);
    if ((state | WAITED) === open) this.#floats[(at + fence.time) >> 1] = time;
    while ((state | WAITED) === open) {
      const before = cas(this.words, at, state, signaled); // P4
      if (before === state) {
        this.#tell(at, before);
        return true;
      }
      state = before;
    }
    return false;
  }

  /**
   * For the reaper: fails the row's fence if it is pending and owed by the agent with this tag, which is dead.
   * First pending, then the owner: the dead take over nothing, so who is the owner now was it when the fence was seen pending.
   * Of a row that was free then, the owner may still be that of its last fence.
   */
  failOwed(row: number, tag: number, error: number): boolean {
    const state = this.stateOf(row);
    if (phaseOf(state) !== Phase.PENDING || this.ownerOf(row) !== tag) return false;
    return this.signal(row, generationOf(state), error);
  }

  /**
   * Those who wait for the fence learn of its end. A deadline stays where it is: from here on the row may be somebody else's, so only
   * who hands it out clears it.
   */
  #tell(at: number, before: number): void {
    if ((before & WAITED) !== 0) this.agent.wake(objectKey('fence', this.rowAt(at)));
  }

  /** Marks a pending fence: somebody may wait. Look at its state afterwards. */
  mark(row: number, generation: number): void {
    const at = this.at(row);
    const open = openWord(generation);
    for (let state = load(this.words, at); (state & WAITED) === 0; ) {
      if ((state | WAITED) !== open) return;
      const before = cas(this.words, at, state, state | WAITED); // P4
      if (before === state) return;
      state = before;
    }
  }

  /** The earliest of all deadlines wins. A hint: it may be lost. The caller holds the row: then it is not recycled while it is pending. */
  askDeadline(row: number, generation: number, at: number): void {
    const w = this.words;
    const index = this.at(row) + fence.more;
    const now = this.agent.time();
    const wanted = Math.floor(now + Math.max(-FAR, Math.min(at - now, FAR))) | 1;
    if (this.isSignaled(row, generation)) return;
    for (let known = load(w, index); known === 0 || isSooner(wanted, known); ) {
      const before = cas(w, index, known, wanted);
      if (before === known) return;
      known = before;
    }
  }

  /** Milliseconds since the epoch; null when nobody asked, or it is over. */
  deadlineOf(row: number, generation: number): number | null {
    const known = this.moreOf(row);
    if (!isDeadline(known) || this.isSignaled(row, generation)) return null;
    const now = Math.floor(this.agent.time());
    return now + ((known - (now | 0)) | 0);
  }

  /** What there is beside the fence itself: a deadline, or the members of a container. */
  moreOf(row: number): number {
    return load(this.words, this.at(row) + fence.more);
  }

  /** Before `init`, and after `recycle`. */
  setMore(row: number, more: number): void {
    store(this.words, this.at(row) + fence.more, more);
  }

  /** That agent has a handle on the row's fence, or none any more. */
  setHeld(row: number, slot: number, held: boolean): void {
    const at = this.at(row) + fence.agents + (slot >>> 5);
    const bit = 1 << (slot & 31);
    if (held) or(this.words, at, bit);
    else if ((load(this.words, at) & bit) !== 0) and(this.words, at, ~bit);
  }

  /** Words of the bits of all agents that have joined so far. */
  get agentWords(): number {
    return (this.agent.slots.used + 31) >>> 5;
  }

  /** Has any agent a handle on it? Ask after its state, and for the `agentWords` of that moment or a later one. */
  isHeld(row: number, words: number): boolean {
    const at = this.at(row) + fence.agents;
    for (let word = 0; word < words; word++) if (load(this.words, at + word) !== 0) return true;
    return false;
  }

  ownerOf(row: number): number {
    return load(this.words, this.at(row) + fence.owner);
  }

  setOwner(row: number, tag: number): void {
    store(this.words, this.at(row) + fence.owner, tag);
  }

  contextOf(row: number): number {
    const at = this.at(row);
    return contextIn(load(this.words, at + fence.high), load(this.words, at + fence.contextLow));
  }

  seqnoOf(row: number): number {
    const at = this.at(row);
    return seqnoIn(load(this.words, at + fence.high), load(this.words, at + fence.seqnoLow));
  }
}

/** The row may be a container by now: that has no deadline of its own. */
function isSooner(wanted: number, known: number): boolean {
  return isDeadline(known) && ((wanted - known) | 0) < 0;
}
