// SPDX-License-Identifier: MIT
/**
 * agent/reaper — what happens to everything an agent had when it dies, or leaves.
 *
 * Rooms register a function per rank; ranks run in ascending order, for one slot at a time, by one agent at a time. Every step
 * is idempotent: a reaper may itself die, and whoever finds it dead takes the role over and begins again. A reaper never waits
 * for a lock of a live agent.
 *
 * Invariants  I1 the slot becomes FREE last of all. One live reaper: `reaper` holds its tag, and is taken over only from the dead.
 *             Everybody is rung at the end, always: the dead agent may have died between a change and its ring.
 * Pairs       P3 reaper word freed, then notify ↔ reaper word read, then asleep while it has that value.
 * Lock order  `reaper` is taken with nothing held, and nothing that can be waited for is taken under it.
 */

import { type Arena, cas, load, type Words } from '../mem/index.js';
import type { Bells } from './bell.js';
import { ControlLayout, ControlSection, SlotState } from './layout.js';
import type { WaitRows } from './rows.js';
import type { Slots } from './slots.js';

/** Undoes what the agent that lived in `slot` with this tag left behind. @returns how many things it took care of */
export type Reaper = (slot: number, tag: number) => number;

/** Order of recovery; see SEMANTICS.md. */
export const RANK = {
  calls: 10,
  deliveries: 15,
  locks: 20,
  fences: 30,
  reservations: 40,
  attachments: 50,
  references: 60,
  syncFiles: 65,
  heap: 70,
  channels: 80,
} as const;

export type Rank = keyof typeof RANK;

/** Whose: slot + 1 in the low 9 bits, incarnation above. Never 0, never used again. */
export function ownerTag(slot: number, life: number): number {
  return (slot + 1) | ((life >>> 3) << 9);
}

/** The slot in an owner tag. */
export function tagSlot(tag: number): number {
  return (tag & 0x1ff) - 1;
}

export class Reapers {
  readonly #words: Words;
  readonly #word: number;
  readonly #registered: { readonly rank: Rank; readonly reap: Reaper }[] = [];

  constructor(
    arena: Arena,
    readonly slots: Slots,
    readonly rows: WaitRows,
    readonly bells: Bells,
    /** Tag of the agent that this object acts for. */
    readonly tag: number,
  ) {
    this.#words = arena.words;
    this.#word = arena.base(ControlSection) + ControlLayout.at.reaper;
  }

  register(rank: Rank, reap: Reaper): void {
    this.#registered.push({ rank, reap });
    this.#registered.sort((a, b) => RANK[a.rank] - RANK[b.rank]);
  }

  /** Recovers every agent that has died. @returns the slots that were freed */
  sweep(): number[] {
    const freed: number[] = [];
    for (let index = 0, used = this.slots.used; index < used; index++) {
      if (this.slots.isDead(index) && this.reap(index)) freed.push(index);
    }
    return freed;
  }

  /**
   * Recovers one dead agent; or takes a leaver apart, who then frees its slot itself, after it has given up this role: a word
   * that named a slot without an agent would never be taken over.
   * @returns false when another live agent is reaping: come again, `waitForOther` tells when
   */
  reap(index: number): boolean {
    if (!this.#enter()) return false;
    try {
      if (!this.slots.taken(index)) return false;
      // Asked again under the role: since the first look somebody else may have freed the slot, and a newcomer joined.
      if (index !== tagSlot(this.tag) && !this.slots.isDead(index)) return false;
      const leaving = this.slots.state(index) === SlotState.LEAVING && !this.slots.isDead(index);
      if (!leaving) this.slots.setState(index, SlotState.DEAD);
      const life = this.slots.life(index);
      const tag = ownerTag(index, life);
      const lost = new Map<Rank, number>();
      for (const { rank, reap } of this.#registered) {
        lost.set(rank, (lost.get(rank) ?? 0) + reap(index, tag));
      }
      this.slots.setWord(index, 'lostLocks', lost.get('locks') ?? 0);
      this.slots.setWord(index, 'lostFences', lost.get('fences') ?? 0);
      this.slots.setWord(index, 'lostBuffers', lost.get('references') ?? 0);
      this.slots.setWord(index, 'lostClean', leaving ? 1 : 0);
      this.slots.setWord(index, 'lostLife', life >>> 3);
      this.rows.clear(index);
      this.ringEverybody(index);
      if (!leaving) this.slots.free(index); // I1
    } finally {
      this.#exit();
    }
    return true;
  }

  /** Blocks while another agent reaps, at most `ms`. */
  waitForOther(ms: number): void {
    const holder = load(this.#words, this.#word);
    if (holder !== 0 && holder !== this.tag) this.bells.sleepers.block(this.#word, holder, ms); // P3
  }

  /** After a death nobody knows what was rung and what not. */
  ringEverybody(except: number): void {
    for (let other = 0, used = this.slots.used; other < used; other++) {
      if (other !== except && this.slots.taken(other)) this.bells.ringAll(other);
    }
  }

  #enter(): boolean {
    for (;;) {
      const holder = cas(this.#words, this.#word, 0, this.tag);
      if (holder === 0 || holder === this.tag) return true;
      const slot = tagSlot(holder);
      const gone = ownerTag(slot, this.slots.life(slot)) !== holder || this.slots.isDead(slot);
      if (!gone) return false;
      if (cas(this.#words, this.#word, holder, this.tag) === holder) return true;
    }
  }

  #exit(): void {
    if (cas(this.#words, this.#word, this.tag, 0) === this.tag) {
      this.bells.sleepers.wake(this.#word); // P3
    }
  }
}
