// SPDX-License-Identifier: MIT
/**
 * host/doorbells — how an agent of one process wakes agents of others, and is woken by them.
 *
 * Who blocks sleeps in the system, on its word of the arena (a shared futex): anybody who has the arena can wake it. An event loop
 * cannot sleep there, so each station has a doorbell, an event descriptor that the event loops of its agents watch. The doorbells of
 * the other stations stand in a table that the threads of this process share.
 *
 * A descriptor in the table is never closed while the station is here: another one takes its place by one system call, so a thread
 * that is just ringing rings a bell, if not the right one. Which bells are in the table, the arena tells (agent/stations).
 *
 * Pairs  P2 see agent/bell: a doorbell is rung after the bell has moved, and drained before the bells are looked at.
 */

import { type Processes, STATIONS } from '../agent/index.js';
import { load, store, type Words } from '../mem/index.js';
import { closeDescriptor, replace } from './linux/descriptors.js';
import { createEvent, ringEvent } from './linux/event-descriptor.js';
import { EventWatch } from './linux/event-watch.js';
import { futexWait, futexWake } from './linux/futex.js';
import { addressOf } from './linux/mapped-memory.js';

/** What the threads of a station share. */
export interface Station {
  readonly station: number;
  readonly life: number;
  /** Descriptor of its doorbell. */
  readonly bell: number;
  /** Descriptors of the other doorbells, by station; 0 = none. */
  readonly bells: SharedArrayBuffer;
}

/** A doorbell, and a table for those of the others. @throws ENFILE */
export function newBell(): Pick<Station, 'bell' | 'bells'> {
  return { bell: createEvent(), bells: new SharedArrayBuffer(STATIONS * 4) };
}

export class Doorbells implements Processes {
  readonly station: number;
  readonly #own: Station;
  readonly #bells: Words;
  readonly #base: bigint;

  constructor(
    arena: SharedArrayBuffer,
    own: Station,
    /** Whether every other station has our doorbell. */
    readonly heard: () => boolean,
  ) {
    this.#own = own;
    this.station = own.station + 1;
    this.#bells = new Int32Array(own.bells);
    this.#base = addressOf(arena);
  }

  #address(index: number): bigint {
    return this.#base + BigInt(index * 4);
  }

  kick(station: number): void {
    const bell = load(this.#bells, station);
    if (bell !== 0) ringEvent(bell);
  }

  listen(answer: () => void): Disposable {
    // P2: it is drained before `answer` is called.
    const watch = new EventWatch(this.#own.bell, answer, { ref: false });
    return { [Symbol.dispose]: () => watch.close() };
  }

  block(index: number, value: number, ms: number): void {
    futexWait(this.#address(index), value, ms);
  }

  wake(index: number): void {
    futexWake(this.#address(index));
  }

  /** The doorbell of another station has come: takes the descriptor over. */
  put(station: number, descriptor: number): void {
    const before = load(this.#bells, station);
    if (before === 0) {
      store(this.#bells, station, descriptor);
      return;
    }
    replace(before, descriptor);
    closeDescriptor(descriptor);
  }

  /** The doorbell of a station, as long as this object has it; 0 = it has none. */
  bellOf(station: number): number {
    return load(this.#bells, station);
  }

  /** No thread of this process is in the domain any more. */
  close(): void {
    for (let station = 0; station < STATIONS; station++) {
      const bell = load(this.#bells, station);
      store(this.#bells, station, 0);
      if (bell !== 0) closeDescriptor(bell);
    }
    closeDescriptor(this.#own.bell);
  }
}
