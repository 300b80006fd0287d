// SPDX-License-Identifier: MIT
/**
 * agent/stations — the processes of a domain, and who can wake whom.
 *
 * A notify does not reach another process, so each station has a doorbell, and every other station a descriptor of it. Descriptors
 * travel by the broker, which may be slow, stopped or dead; so the arena says who has got whose. A station that some live station
 * cannot ring yet does not sleep for long: a wake-up may be late, but is never lost.
 *
 *    FREE ── admit (the broker) ─▶ ADMITTED ── enter ─▶ LIVE ── free ─▶ FREE
 *
 * A newcomer is let in by the broker, gets the doorbells of the others, says so, is LIVE, and looks whether it has missed one; only
 * then do its agents join. Who is about to sleep for long says before that it is LIVE, and looks whether everybody LIVE can ring it.
 *
 * Invariants  the word of X in `rings` of B is written by X, and tells of which lives of both: what X has says nothing about a
 *             later process in either row.
 *             An agent joins, and so can ring others, only when its station can ring every station that is LIVE.
 *             A row is freed only when its process has ended, or has left (I2).
 * Pairs       P31 newcomer: LIVE, then reads whose doorbell it lacks ↔ sleeper: LIVE, then reads who lacks its doorbell. Of two
 *             stations at least one sees the other.
 * Lock order  none; every change is one store, one CAS, or one bit set.
 */

import { fail } from '../errors.js';
import { type Arena, cas, load, raise, store, type Words } from '../mem/index.js';
import {
  ControlLayout,
  ControlSection,
  StationLayout,
  StationSection,
  StationState,
} from './layout.js';
import type { Platform } from './ports.js';

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

  /** Process id of a station; 0 = it is free. */
  pid(station: number): number {
    return load(this.#words, this.#at(station) + at.claim);
  }

  /** Is that life of the station still going on, as far as the arena says? */
  knows({ station, life }: StationName): boolean {
    const now = this.#life(station);
    return now >>> 2 === life && (now & 3) !== StationState.FREE;
  }

  /** The stations that are LIVE or about to be. */
  *all(): Generator<StationName> {
    for (let station = 0, { used } = this; station < used; station++) {
      const life = this.#life(station);
      if ((life & 3) !== StationState.FREE) yield { station, life: life >>> 2 };
    }
  }

  // ------------------------------------------------------------------------------------------- by the broker

  /** A row for a process that may come in. @throws ENFILE */
  admit(pid: number, startTime: number): StationName {
    const w = this.#words;
    for (let station = 0; station < this.#limit; station++) {
      const row = this.#at(station);
      raise(w, this.#used, station + 1);
      if (cas(w, row + at.claim, 0, pid) !== 0) continue;
      store(w, row + at.startHigh, Math.floor(startTime / 2 ** 32) | 0);
      store(w, row + at.startLow, startTime | 0);
      const life = (this.#life(station) >>> 2) + 1;
      store(w, row + at.life, (life << 2) | StationState.ADMITTED);
      return { station, life };
    }
    const details = { table: 'stations', limit: this.#limit };
    throw fail('ENFILE', 'Domain.join', details, {
      why: 'there are too many processes in this domain: raise limits.agents',
    });
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

  /** What a broker that died left half done. */
  tidy(): void {
    for (let station = 0, { used } = this; station < used; station++) {
      const isFree = (this.#life(station) & 3) === StationState.FREE;
      if (isFree) store(this.#words, this.#at(station) + at.claim, 0);
    }
  }

  /** It has ended, or left: the row may be used again. */
  free(name: StationName): void {
    if (!this.knows(name)) return;
    const row = this.#at(name.station);
    store(this.#words, row + at.life, (name.life << 2) | StationState.FREE);
    store(this.#words, row + at.claim, 0);
  }

  /** Tag of the agent that is the broker; 0 = nobody is. */
  get broker(): number {
    return load(this.#words, this.#broker);
  }

  /** The agent `tag` becomes the broker in place of `before`. @returns false when somebody else was faster */
  succeed(before: number, tag: number): boolean {
    return cas(this.#words, this.#broker, before, tag) === before;
  }

  // ------------------------------------------------------------------------------------------- by the station

  /** `own` has the doorbell of `other`. */
  canRing(own: StationName, other: StationName): void {
    store(this.#words, this.#at(other.station) + at.rings + own.station, pack(own, other));
  }

  #rings(own: StationName, other: StationName): boolean {
    const word = load(this.#words, this.#at(other.station) + at.rings + own.station);
    return word === pack(own, other);
  }

  /** ADMITTED → LIVE. Agents may join once `ringsAll`. */
  enter(own: StationName): void {
    store(this.#words, this.#at(own.station) + at.life, (own.life << 2) | StationState.LIVE); // P31
  }

  /** Can `own` ring every other station? */
  ringsAll(own: StationName): boolean {
    return this.#everyOther(own, (other) => this.#rings(own, other));
  }

  /** Can every other station ring `own`? */
  rungByAll(own: StationName): boolean {
    return this.#everyOther(own, (other) => this.#rings(other, own));
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
