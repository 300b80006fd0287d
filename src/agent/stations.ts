// SPDX-License-Identifier: MIT
/**
 * agent/stations — the processes of a domain, and who can wake whom.
 *
 * A notify does not reach another process, so each station has a doorbell, and every other station a descriptor of it. Descriptors
 * travel by the broker, which may be slow, stopped or dead; so the arena says who has got whose. A station that some live station
 * cannot ring yet does not sleep for long: a wake-up may be late, but is never lost.
 *
 *    FREE ── admit (the broker) ─▶ TAKEN ─▶ ADMITTED ── enter ─▶ LIVE ── free ─▶ FREE
 *      ▲        tidy (its successor) ◀──┘        │ withdraw (the broker)
 *      └─────────────────────────────────────────┘
 *
 * A newcomer is let in by the broker, gets the doorbells of the others, says so, is LIVE, and looks whether it has missed one; only
 * then do its agents join. Who is about to sleep for long says before that it is LIVE, and looks whether everybody LIVE can ring it.
 *
 * Invariants  `life` alone says whose a row is, each step is one CAS of it: a process that leaves and a broker that finds it gone may
 *             both free it, while the next broker has given the row away again.
 *             the word of X in `rings` of B is written by X, and tells of which lives of both: what X has says nothing about a
 *             later process in either row.
 *             An agent joins, and so can ring others, only when its station can ring every station that is LIVE.
 *             A row is freed only when its process has ended, has left, or has never entered (I2).
 *             One broker: it is succeeded only when its agent has left or died.
 * Pairs       P31 newcomer: LIVE, then reads whose doorbell it lacks ↔ sleeper: LIVE, then reads who lacks its doorbell. Of two
 *             stations at least one sees the other.
 * Lock order  none; every change is one store or one CAS.
 */

import { fail } from '../errors.js';
import { type Arena, cas, load, raise, store, type Words } from '../mem/index.js';
import type { Agent } from './agent.js';
import {
  ControlLayout,
  ControlSection,
  SlotState,
  StationLayout,
  StationSection,
  StationState,
} from './layout.js';
import type { Platform } from './ports.js';
import { ownerTag, tagSlot } from './reaper.js';

const at = StationLayout.at;
const SIZE = StationLayout.size;

/** A station, and which of its lives. */
export interface StationName {
  readonly station: number;
  readonly life: number;
}

export class Stations {
  readonly #words: Words;
  readonly #base: number;
  readonly #used: number;
  readonly #broker: number;
  readonly #limit: number;

  constructor(
    arena: Arena,
    readonly platform: Pick<Platform, 'isGone'>,
  ) {
    this.#words = arena.words;
    this.#base = arena.base(StationSection);
    this.#used = arena.base(ControlSection) + ControlLayout.at.stations;
    this.#broker = arena.base(ControlSection) + ControlLayout.at.broker;
    this.#limit = arena.limits.agents;
  }

  #at(station: number): number {
    return this.#base + station * SIZE;
  }

  get used(): number {
    return load(this.#words, this.#used);
  }

  #life(station: number): number {
    return load(this.#words, this.#at(station) + at.life);
  }

  /** Process id of a station; means nothing once it is free. */
  pid(station: number): number {
    return load(this.#words, this.#at(station) + at.pid);
  }

  /** Is that life of the station still going on, as far as the arena says? */
  knows({ station, life }: StationName): boolean {
    const now = this.#life(station);
    return now >>> 2 === life && (now & 3) >= StationState.ADMITTED;
  }

  /** Whether that process has any. */
  has(pid: number): boolean {
    for (const { station } of this.all()) if (this.pid(station) === pid) return true;
    return false;
  }

  /** The stations that are LIVE or about to be. */
  *all(): Generator<StationName> {
    for (let station = 0, { used } = this; station < used; station++) {
      const life = this.#life(station);
      if ((life & 3) >= StationState.ADMITTED) yield { station, life: life >>> 2 };
    }
  }

  /** One step in that life of a station. @returns false when it is not in that state (any more) */
  #step({ station, life }: StationName, before: number, after: number): boolean {
    const expected = (life << 2) | before;
    return (
      cas(this.#words, this.#at(station) + at.life, expected, (life << 2) | after) === expected
    );
  }

  // ------------------------------------------------------------------------------------------- by the broker

  /** A row for a process that may come in. @throws ENFILE */
  admit(pid: number, startTime: number): StationName {
    const w = this.#words;
    for (let station = 0; station < this.#limit; station++) {
      const before = this.#life(station);
      if ((before & 3) !== StationState.FREE) continue;
      raise(w, this.#used, station + 1); // before it is taken: whoever looks for stations looks below it
      const name = { station, life: (before >>> 2) + 1 };
      const row = this.#at(station);
      const taken = (name.life << 2) | StationState.TAKEN;
      if (cas(w, row + at.life, before, taken) !== before) continue;
      store(w, row + at.pid, pid);
      store(w, row + at.startHigh, Math.floor(startTime / 2 ** 32) | 0);
      store(w, row + at.startLow, startTime | 0);
      this.#step(name, StationState.TAKEN, StationState.ADMITTED);
      return name;
    }
    const details = { table: 'stations', limit: this.#limit };
    throw fail('ENFILE', 'Domain.join', details, {
      why: 'there are too many processes in this domain: raise limits.agents',
    });
  }

  /** It has been admitted, and nothing was heard of it. @returns false when it has entered, or is gone */
  withdraw(name: StationName): boolean {
    return this.#step(name, StationState.ADMITTED, StationState.FREE);
  }

  /** When its process started, in the system's clock ticks since boot. */
  startTime(station: number): number {
    const w = this.#words;
    const row = this.#at(station);
    return (load(w, row + at.startHigh) >>> 0) * 2 ** 32 + (load(w, row + at.startLow) >>> 0);
  }

  /** Its process has ended. False also when nobody can say. */
  isGone(station: number): boolean {
    return this.platform.isGone(this.pid(station), this.startTime(station));
  }

  /** What a broker that died left half done. By its successor, before it admits anybody. */
  tidy(): void {
    for (let station = 0, { used } = this; station < used; station++) {
      const life = this.#life(station) >>> 2;
      this.#step({ station, life }, StationState.TAKEN, StationState.FREE);
    }
  }

  /** It has ended, or left: the row may be used again. Both may say so, at any time. */
  free(name: StationName): void {
    // In this order: it may be entering just now.
    if (!this.withdraw(name)) this.#step(name, StationState.LIVE, StationState.FREE);
  }

  /** Is there a broker, and is its agent still in the domain and alive? */
  hasBroker({ slots }: Pick<Agent, 'slots'>): boolean {
    return this.#serves(slots, load(this.#words, this.#broker));
  }

  /** That agent becomes the broker, unless there is one. @returns false also when somebody else was faster */
  takeOver({ slots, tag }: Pick<Agent, 'slots' | 'tag'>): boolean {
    const before = load(this.#words, this.#broker);
    return !this.#serves(slots, before) && cas(this.#words, this.#broker, before, tag) === before;
  }

  /** It cannot be the broker after all. */
  giveBack({ tag }: Pick<Agent, 'tag'>): void {
    cas(this.#words, this.#broker, tag, 0);
  }

  #serves(slots: Agent['slots'], tag: number): boolean {
    if (tag === 0) return false;
    const slot = tagSlot(tag);
    const life = slots.life(slot);
    // Who has left still stands in its slot until somebody else joins there.
    if (ownerTag(slot, life) !== tag || (life & 7) === SlotState.FREE) return false;
    return !slots.isDead(slot);
  }

  // ------------------------------------------------------------------------------------------- by the station

  /** `own` has the doorbell of `other`. */
  canRing(own: StationName, other: StationName): void {
    store(this.#words, this.#at(other.station) + at.rings + own.station, pack(own, other));
  }

  /** Has `own` the doorbell of `other`, of this very life? */
  rings(own: StationName, other: StationName): boolean {
    const word = load(this.#words, this.#at(other.station) + at.rings + own.station);
    return word === pack(own, other);
  }

  /** ADMITTED → LIVE. Agents may join once `ringsAll`. @returns false when the broker has given it up */
  enter(own: StationName): boolean {
    return this.#step(own, StationState.ADMITTED, StationState.LIVE); // P31
  }

  /** Can `own` ring every other station? */
  ringsAll(own: StationName): boolean {
    return this.#everyOther(own, (other) => this.rings(own, other));
  }

  /** Can every other station ring `own`? */
  rungByAll(own: StationName): boolean {
    return this.#everyOther(own, (other) => this.rings(other, own));
  }

  #everyOther(own: StationName, holds: (other: StationName) => boolean): boolean {
    for (let station = 0, { used } = this; station < used; station++) {
      const life = this.#life(station); // P31
      if (station === own.station || (life & 3) !== StationState.LIVE) continue;
      if (!holds({ station, life: life >>> 2 })) return false;
    }
    return true;
  }
}

/** In `rings`: `own` can ring `other`. */
function pack(own: StationName, other: StationName): number {
  return ((other.life & 0xffff) << 16) | (own.life & 0xffff);
}
