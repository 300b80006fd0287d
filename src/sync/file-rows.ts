// SPDX-License-Identifier: MIT
/**
 * sync/file-rows — shared sync files: who has one open, and the one moment after which nobody has.
 *
 * A reference is one bit per agent: setting and clearing one's own is idempotent, so deaths and repeated recoveries are harmless.
 * A ticket on its way is covered by its sender's bit. The bits are several words and are not read at one instant; `opens`, which
 * every newcomer counts up in the life word itself, turns the look at them into a snapshot.
 *
 *    FREE ── claim ─▶ BUILDING ── publish ─▶ LIVE ── the last bit is gone ─▶ FREE
 *
 * Invariants  I14 exactly one CAS leads out of LIVE, and never under a user. Whoever takes a bit away calls `tryFree` afterwards.
 * Pairs       P6 opener: own bit, then opens by CAS on life ↔ last one: life read, all bits read as 0, then CAS of that life.
 */

import { type Agent, anyBit, clearBit, hasBit, setBit } from '../agent/index.js';
import { fail } from '../errors.js';
import type { FenceName } from '../fence/index.js';
import {
  cas,
  load,
  RowFinder,
  raise,
  readText,
  store,
  take64,
  type Words,
  writeText,
} from '../mem/index.js';
import { fenceRows, readFence, writeFence } from './fence-words.js';
import {
  NAME_BYTES,
  SyncControlLayout,
  SyncControlSection,
  SyncFileLayout,
  SyncFileSection,
  SyncPhase,
} from './layout.js';

const file = SyncFileLayout.at;
const GENERATIONS = 0xfff;
const MIDDLE = 0x1ffff;
const HALF = 2 ** 32;

function pack(generation: number, middle: number, phase: number): number {
  return (generation << 20) | ((middle & MIDDLE) << 3) | phase;
}
const phaseOf = (life: number): number => life & 7;
const generationOf = (life: number): number => life >>> 20;
const builderOf = (life: number): number => ((life >>> 3) & MIDDLE) - 1;

/** What a row says of its sync file. */
export interface Facts {
  readonly id: number;
  readonly name: string;
  readonly fence: FenceName;
}

export class FileRows {
  readonly #words: Words;
  readonly #base: number;
  readonly #used: number;
  readonly #nextId: number;
  readonly #finder: RowFinder;

  constructor(readonly agent: Agent) {
    const { arena, slot } = agent;
    const control = arena.base(SyncControlSection);
    this.#words = arena.words;
    this.#base = arena.base(SyncFileSection);
    this.#used = control + SyncControlLayout.at.files;
    this.#nextId = (control + SyncControlLayout.at.nextId) >> 1;
    this.#finder = new RowFinder(SyncFileSection.rows(arena.limits), slot * 64);
  }

  /** Numbers are never used again. */
  newId(): number {
    return take64(this.agent.arena.counters, this.#nextId) + 1;
  }

  /** First word of a row. */
  at(row: number): number {
    return this.#base + row * SyncFileLayout.size;
  }

  // ------------------------------------------------------------------------------------------- beginning

  /** A row of our own, LIVE, with this agent's bit. @throws ENFILE */
  make(op: string, facts: Facts): { readonly row: number; readonly generation: number } {
    const row = this.#finder.take((free) => this.#claim(free));
    if (row < 0) {
      const why = 'too many sync files are shared: close some, or raise limits.buffers';
      throw fail('ENFILE', op, { table: 'syncFiles', limit: this.#finder.rows }, { why });
    }
    const w = this.#words;
    const at = this.at(row);
    store(w, at + file.idHigh, Math.floor(facts.id / HALF));
    store(w, at + file.idLow, facts.id | 0);
    writeText(w, at + file.name, facts.name);
    writeFence(w, at + file.fence, facts.fence);
    setBit(w, at + file.agents, this.agent.slot);
    const generation = generationOf(load(w, at + file.life));
    store(w, at + file.life, pack(generation, 0, SyncPhase.LIVE));
    return { row, generation };
  }

  #claim(row: number): boolean {
    const w = this.#words;
    const at = this.at(row) + file.life;
    const life = load(w, at);
    if (phaseOf(life) !== SyncPhase.FREE) return false;
    raise(w, this.#used, row + 1); // before the claim: what the dead had is looked for below it
    const next = (generationOf(life) + 1) & GENERATIONS;
    return cas(w, at, life, pack(next, this.agent.slot + 1, SyncPhase.BUILDING)) === life;
  }

  // ------------------------------------------------------------------------------------------- references

  /** This agent has it open from now on. @returns false when that generation is gone */
  enter(row: number, generation: number): boolean {
    const w = this.#words;
    const at = this.at(row);
    setBit(w, at + file.agents, this.agent.slot); // P6
    for (;;) {
      const life = load(w, at + file.life);
      if (phaseOf(life) !== SyncPhase.LIVE || generationOf(life) !== generation) break;
      const next = pack(generation, (life >>> 3) + 1, SyncPhase.LIVE);
      if (cas(w, at + file.life, life, next) === life) return true; // P6
    }
    this.leave(row);
    return false;
  }

  /** This agent has it open no more. */
  leave(row: number): void {
    clearBit(this.#words, this.at(row) + file.agents, this.agent.slot);
    this.#tryFree(row);
  }

  /** If nobody has it open any more, nobody ever will. */
  #tryFree(row: number): void {
    const w = this.#words;
    const at = this.at(row);
    for (;;) {
      const life = load(w, at + file.life); // P6
      if (phaseOf(life) !== SyncPhase.LIVE || anyBit(w, at + file.agents)) return; // P6
      const free = pack(generationOf(life), 0, SyncPhase.FREE);
      if (cas(w, at + file.life, life, free) !== life) continue; // P6
      this.#finder.give(row);
      return;
    }
  }

  /** For the reaper: bits of the dead, and what it was building. @returns how many sync files it had open */
  reap(slot: number): number {
    const w = this.#words;
    let lost = 0;
    for (let row = 0, used = load(w, this.#used); row < used; row++) {
      const at = this.at(row);
      const life = load(w, at + file.life);
      if (phaseOf(life) === SyncPhase.LIVE && hasBit(w, at + file.agents, slot)) lost++;
      // Of any row: it may have died between its bit and the look at the life word.
      clearBit(w, at + file.agents, slot);
      if (phaseOf(life) === SyncPhase.BUILDING && builderOf(life) === slot) {
        cas(w, at + file.life, life, pack(generationOf(life), 0, SyncPhase.FREE));
      } else this.#tryFree(row); // it may have died before it looked
    }
    return lost;
  }

  // ------------------------------------------------------------------------------------------- looking

  /** Of a row that this agent has open. */
  facts(row: number): Facts {
    const w = this.#words;
    const at = this.at(row);
    return {
      id: (load(w, at + file.idHigh) >>> 0) * HALF + (load(w, at + file.idLow) >>> 0),
      name: readText(w, at + file.name, NAME_BYTES),
      fence: readFence(w, at + file.fence),
    };
  }

  /** Sync files that are shared now. */
  get count(): number {
    let count = 0;
    for (const _ of this.#live()) count++;
    return count;
  }

  /** Fences that a failed one among them must not be forgotten of. */
  *names(): Generator<{ readonly row: number }> {
    for (const row of this.#live()) yield* fenceRows(this.#words, this.at(row) + file.fence);
  }

  *#live(): Generator<number> {
    for (let row = 0, used = load(this.#words, this.#used); row < used; row++) {
      if (phaseOf(load(this.#words, this.at(row) + file.life)) === SyncPhase.LIVE) yield row;
    }
  }
}
