// SPDX-License-Identifier: MIT
/**
 * buf/life — who refers to a buffer, and the one moment after which nobody does.
 *
 * A reference is one bit per agent: or and and of one's own bit are idempotent, so deaths and repeated recoveries are
 * harmless. Eight words of bits are not read at one instant; `opens`, which every new reference counts up in the life word
 * itself, turns the scan into a snapshot: the CAS out of LIVE fails if anybody came in since the life was read.
 *
 *    FREE ── claim ─▶ BUILDING ── publish ─▶ LIVE ◀── wake ──  rest ──▶ IDLE          (free in a pool)
 *     ▲                                       │                          │
 *     └────────── RELEASING ◀── DYING ◀───────┴──────────────────────────┘           (DYING: the exporter has to act)
 *
 * Invariants  I14 exactly one CAS leads out of LIVE, and never under a user. Whoever takes away a bit or a name of the buffer
 *             calls `tryDie` afterwards. BUILDING, DYING and RELEASING carry the slot of who acts: after its death the
 *             reaper takes the row over, by CAS.
 * Lock order  none; every transition is one CAS.
 * Pairs       P6 opener: own bit, then opens by CAS on life ↔ last put: life read, all bits read as 0, then CAS of that very
 *             life.  P8 last put: life names the exporter, then its slot is looked at ↔ leaver: slot LEAVING, then all rows.
 */

import { type Agent, tagSlot } from '../agent/index.js';
import { fail } from '../errors.js';
import { and, cas, load, or, RowFinder, raise, store, type Words } from '../mem/index.js';
import {
  BufControlLayout,
  BufControlSection,
  BufferLayout,
  BufferSection,
  Phase,
} from './layout.js';

const buffer = BufferLayout.at;
const SIZE = BufferLayout.size;
const AGENT_WORDS = BufferLayout.fields.agents.size;
const GENERATIONS = 0xfff;
const MIDDLE = 0x1ffff;

/** Phase of a life word. */
export const phaseOf = (life: number): number => life & 7;
/** Generation of a life word. */
export const generationOf = (life: number): number => life >>> 20;
/** Slot of who acts, in a BUILDING, DYING or RELEASING life word. */
export const actorOf = (life: number): number => ((life >>> 3) & MIDDLE) - 1;

function pack(generation: number, middle: number, phase: number): number {
  return (generation << 20) | ((middle & MIDDLE) << 3) | phase;
}

/** What the life of a buffer needs to know from above. */
export interface LifeHooks {
  /** Is this generation named by something other than an agent's bit, such as a queued message? */
  named(row: number, generation: number, queues: number): boolean;
  /** Is the pool with this index open, so that its buffer may rest in it? */
  mayRest(pool: number): boolean;
  /** It rests now. */
  rested(pool: number, row: number): void;
  /** This agent has to release it: the row is RELEASING in its name. */
  release(row: number): void;
}

export class Life {
  readonly #words: Words;
  readonly #base: number;
  readonly #used: number;
  readonly #finder: RowFinder;
  /** This agent's word among `agents`, and its bit. */
  readonly #word: number;
  readonly #bit: number;

  constructor(
    readonly agent: Agent,
    readonly hooks: LifeHooks,
  ) {
    const { arena, slot } = agent;
    this.#words = arena.words;
    this.#base = arena.base(BufferSection);
    this.#used = arena.base(BufControlSection) + BufControlLayout.at.buffers;
    const rows = arena.limits.buffers;
    this.#finder = new RowFinder(rows, Math.floor((slot * rows) / arena.limits.agents));
    this.#word = buffer.agents + (slot >>> 5);
    this.#bit = 1 << (slot & 31);
  }

  /** First word of a row. */
  at(row: number): number {
    return this.#base + row * SIZE;
  }

  /** Rows at and above this one were never in use. */
  get used(): number {
    return load(this.#words, this.#used);
  }

  of(row: number): number {
    return load(this.#words, this.at(row) + buffer.life);
  }

  isLive(row: number, generation: number): boolean {
    const life = this.of(row);
    return phaseOf(life) === Phase.LIVE && generationOf(life) === generation;
  }

  // ------------------------------------------------------------------------------------------- beginning

  /** A row of our own, BUILDING. @throws ENFILE */
  claim(op: string): number {
    const row = this.#finder.take((candidate) => this.#claim(candidate));
    if (row >= 0) return row;
    const at = { table: 'buffers', limit: this.#finder.rows };
    throw fail('ENFILE', op, at, {
      why: 'all buffer rows are taken: close some, or raise limits.buffers',
    });
  }

  #claim(row: number): boolean {
    const w = this.#words;
    const at = this.at(row) + buffer.life;
    const life = load(w, at);
    if (phaseOf(life) !== Phase.FREE) return false;
    raise(w, this.#used, row + 1); // before the claim: what the dead had is looked for below it
    const next = (generationOf(life) + 1) & GENERATIONS;
    return cas(w, at, life, pack(next, this.agent.slot + 1, Phase.BUILDING)) === life;
  }

  /** BUILDING → LIVE, with this agent's reference. @returns the generation */
  publish(row: number): number {
    const w = this.#words;
    const at = this.at(row);
    const generation = generationOf(load(w, at + buffer.life));
    or(w, at + this.#word, this.#bit);
    store(w, at + buffer.life, pack(generation, 0, Phase.LIVE));
    return generation;
  }

  // ------------------------------------------------------------------------------------------- references

  /** One more agent refers to it: this one. @returns false when that generation is not alive */
  enter(row: number, generation: number): boolean {
    return this.#enter(row, generation, Phase.LIVE);
  }

  /** Out of its pool, and referred to by this agent. @returns false when it does not rest there (any more) */
  wake(row: number): boolean {
    return this.#enter(row, -1, Phase.IDLE);
  }

  /** `generation` -1 = any. */
  #enter(row: number, generation: number, phase: number): boolean {
    const w = this.#words;
    const at = this.at(row);
    or(w, at + this.#word, this.#bit); // P6
    for (;;) {
      const life = load(w, at + buffer.life);
      const known = generationOf(life);
      if (phaseOf(life) !== phase || (generation >= 0 && known !== generation)) break;
      const next = pack(known, (life >>> 3) + 1, Phase.LIVE);
      if (cas(w, at + buffer.life, life, next) === life) return true; // P6
    }
    this.leave(row);
    return false;
  }

  /** This agent does not refer to it any more. */
  leave(row: number): void {
    and(this.#words, this.at(row) + this.#word, ~this.#bit);
    this.tryDie(row);
  }

  /** A dead agent's bit is taken away. @returns whether it was set */
  leaveFor(slot: number, row: number): boolean {
    const at = this.at(row) + buffer.agents + (slot >>> 5);
    const bit = 1 << (slot & 31);
    if ((load(this.#words, at) & bit) === 0) return false;
    and(this.#words, at, ~bit);
    return true;
  }

  refers(slot: number, row: number): boolean {
    const word = load(this.#words, this.at(row) + buffer.agents + (slot >>> 5));
    return (word & (1 << (slot & 31))) !== 0;
  }

  // ------------------------------------------------------------------------------------------- the end

  /** If nobody refers to it any more: it rests in its pool, or it dies. */
  tryDie(row: number): void {
    const w = this.#words;
    const at = this.at(row);
    for (;;) {
      const life = load(w, at + buffer.life); // P6
      if (phaseOf(life) !== Phase.LIVE || this.#referred(row, life)) return;
      const pool = load(w, at + buffer.pool) - 1;
      if (pool >= 0 && this.hooks.mayRest(pool)) {
        const resting = pack(generationOf(life), life >>> 3, Phase.IDLE);
        if (cas(w, at + buffer.life, life, resting) !== life) continue; // P6
        this.hooks.rested(pool, row);
        return;
      }
      if (this.#die(row, life)) return;
    }
  }

  /** Its pool closes. @returns false when it did not rest there */
  retire(row: number): boolean {
    for (;;) {
      const life = this.of(row);
      if (phaseOf(life) !== Phase.IDLE) return false;
      if (this.#die(row, life)) return true;
    }
  }

  #referred(row: number, life: number): boolean {
    const w = this.#words;
    const at = this.at(row);
    for (let i = 0; i < AGENT_WORDS; i++) if (load(w, at + buffer.agents + i) !== 0) return true; // P6
    const queues = load(w, at + buffer.queues);
    return queues !== 0 && this.hooks.named(row, generationOf(life), queues);
  }

  /** The one CAS of I14. @returns false when somebody came in meanwhile */
  #die(row: number, life: number): boolean {
    const w = this.#words;
    const at = this.at(row);
    const generation = generationOf(life);
    const exporter = load(w, at + buffer.exporter);
    if (exporter === 0 || exporter === this.agent.tag) {
      const mine = pack(generation, this.agent.slot + 1, Phase.RELEASING);
      if (cas(w, at + buffer.life, life, mine) !== life) return false; // P6
      this.hooks.release(row);
      return true;
    }
    const theirs = pack(generation, tagSlot(exporter) + 1, Phase.DYING);
    if (cas(w, at + buffer.life, life, theirs) !== life) return false; // P6
    if (this.agent.serves(exporter))
      this.agent.note(tagSlot(exporter)); // P8
    else this.takeOver(row, theirs);
    return true;
  }

  /** This agent releases what somebody else should have: `life` is what was found. @returns false when it came too late */
  takeOver(row: number, life: number): boolean {
    const mine = pack(generationOf(life), this.agent.slot + 1, Phase.RELEASING);
    if (cas(this.#words, this.at(row) + buffer.life, life, mine) !== life) return false;
    this.hooks.release(row);
    return true;
  }

  /** The very last step of a release: RELEASING → FREE. */
  free(row: number): void {
    const at = this.at(row) + buffer.life;
    const generation = generationOf(load(this.#words, at));
    store(this.#words, at, pack(generation, 0, Phase.FREE));
    this.#finder.give(row);
  }
}
