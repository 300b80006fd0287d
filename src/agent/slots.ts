// SPDX-License-Identifier: MIT
/**
 * agent/slots — who takes part: one slot per agent, and whether its agent still lives.
 *
 * Invariants  I1 a slot is freed only by its leaver or by the reaper, last of all steps.
 *             I2 DEAD is set only when no instruction of that agent can run any more, never because it is slow.
 *             The claim is the identity: a joiner that dies right after its CAS can be found dead by anybody.
 * Lock order  none; every change is one store or one CAS.
 */

import { fail } from '../errors.js';
import {
  type Arena,
  byteLength,
  cas,
  load,
  raise,
  readText,
  store,
  type Words,
  writeText,
} from '../mem/index.js';
import {
  AGENT_NAME_BYTES,
  ControlLayout,
  ControlSection,
  SlotLayout,
  SlotSection,
  SlotState,
} from './layout.js';
import type { Platform } from './ports.js';

const slot = SlotLayout.at;
const SIZE = SlotLayout.size;

/** Words of a slot that a new life begins with at 0. */
const FRESH = [
  'parked',
  'summary',
  'everything',
  'blocked',
  'waiting',
  'overflow',
  'watched',
  'looking',
] as const;

/** Who joins. */
export interface Identity {
  /** OS thread id, or a random number where there is none; not 0. */
  readonly thread: number;
  /** When that thread started, in the system's own unit; 0 = unknown. */
  readonly startTime: number;
  readonly pid: number;
  /** Row of its station + 1; 0 = the domain is of threads. */
  readonly station: number;
  readonly kind: 'thread' | 'process';
  /** Number that spawn() gave; 0 = none. */
  readonly member: number;
  readonly name: string;
}

export class Slots {
  readonly limit: number;
  readonly #words: Words;
  readonly #base: number;
  readonly #used: number;

  constructor(
    readonly arena: Arena,
    readonly platform: Pick<Platform, 'isGone'>,
  ) {
    this.limit = arena.limits.agents;
    this.#words = arena.words;
    this.#base = arena.base(SlotSection);
    this.#used = arena.base(ControlSection) + ControlLayout.at.used;
  }

  /** First word of a slot. */
  at(index: number): number {
    return this.#base + index * SIZE;
  }

  /** Slots at and above this index were never in use. */
  get used(): number {
    return load(this.#words, this.#used);
  }

  /** Takes a free slot. @throws ENFILE no slot is free */
  join(who: Identity): number {
    for (let index = 0; index < this.limit; index++) {
      const at = this.at(index);
      if (load(this.#words, at + slot.claim) !== 0) continue;
      raise(this.#words, this.#used, index + 1); // before the claim: the dead are looked for below it
      if (cas(this.#words, at + slot.claim, 0, who.thread) !== 0) continue;
      this.#fill(index, who);
      return index;
    }
    const details = { table: 'agents', limit: this.limit };
    throw fail('ENFILE', 'Domain.join', details, {
      why: 'all agent slots are taken: raise limits.agents',
    });
  }

  #fill(index: number, who: Identity): void {
    const at = this.at(index);
    const w = this.#words;
    store(w, at + slot.startHigh, Math.floor(who.startTime / 2 ** 32) | 0);
    store(w, at + slot.startLow, who.startTime | 0);
    const life = ((load(w, at + slot.life) >>> 3) + 1) << 3;
    store(w, at + slot.life, life | SlotState.JOINING);
    store(w, at + slot.pid, who.pid);
    store(w, at + slot.station, who.station);
    store(w, at + slot.kind, who.kind === 'process' ? 1 : 0);
    store(w, at + slot.member, who.member);
    for (const word of FRESH) store(w, at + slot[word], 0);
    for (let i = 0; i < 32; i++) store(w, at + slot.dirty + i, 0);
    writeText(w, at + slot.name, clipName(who.name));
    store(w, at + slot.life, life | SlotState.LIVE);
  }

  /** Incarnation << 3 | state. */
  life(index: number): number {
    return load(this.#words, this.at(index) + slot.life);
  }

  state(index: number): number {
    return this.life(index) & 7;
  }

  setState(index: number, state: number): void {
    store(this.#words, this.at(index) + slot.life, (this.life(index) & ~7) | state);
  }

  /** Somebody is or was in it, and it has not been freed since. */
  taken(index: number): boolean {
    return load(this.#words, this.at(index) + slot.claim) !== 0;
  }

  /** The very last step of leaving and of reaping (I1). */
  free(index: number): void {
    this.setState(index, SlotState.FREE);
    this.setWord(index, 'claim', 0);
  }

  /** May be asked by anybody, at any time, without an event loop. */
  isDead(index: number): boolean {
    const at = this.at(index);
    const w = this.#words;
    const thread = load(w, at + slot.claim);
    if (thread === 0) return false;
    const state = load(w, at + slot.life) & 7;
    if (state === SlotState.DEAD) return true;
    // Until it says that it joins, its start time is that of the one before, or in the making.
    const start = state === SlotState.FREE ? 0 : this.#startOf(at);
    return this.platform.isGone(thread, start) && load(w, at + slot.claim) === thread;
  }

  #startOf(at: number): number {
    const w = this.#words;
    return (load(w, at + slot.startHigh) >>> 0) * 2 ** 32 + (load(w, at + slot.startLow) >>> 0);
  }

  name(index: number): string {
    return readText(this.#words, this.at(index) + slot.name, AGENT_NAME_BYTES);
  }

  word(index: number, field: keyof typeof slot): number {
    return load(this.#words, this.at(index) + slot[field]);
  }

  setWord(index: number, field: keyof typeof slot, value: number): void {
    store(this.#words, this.at(index) + slot[field], value);
  }

  /** The slot that an agent of that process joined with, by its member number; or -1. */
  ofMember(member: number, pid: number): number {
    for (let index = 0; index < this.used; index++) {
      const same = this.word(index, 'member') === member && this.word(index, 'pid') === pid;
      if (same && this.state(index) >= SlotState.LIVE) return index;
    }
    return -1;
  }
}

/** Names of members are for people: too long is cut, not refused. */
function clipName(name: string): string {
  let clipped = name;
  while (byteLength(clipped) > AGENT_NAME_BYTES) clipped = clipped.slice(0, -1);
  return clipped;
}
