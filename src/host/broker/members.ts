// SPDX-License-Identifier: MIT
/**
 * broker/members — the processes of a domain as its broker sees them: a doorbell each, a connection while there is one, and a
 * watch over the process itself.
 *
 * Only two things end a member: that it says so, or that its process has ended, which a process descriptor says. A connection that
 * ends says nothing about the process: who is cut off keeps its station and its bell, and may come back.
 */

import { fail } from '../../errors.js';
import { closeDescriptor } from '../linux/descriptors.js';
import type { ProcessDescriptor } from '../linux/process-descriptor.js';
import { Readiness } from '../linux/readiness.js';
import type { Connection } from './connection.js';
import type { Message, Station } from './messages.js';

/** A station, and a descriptor to ring it with. */
export interface Bell {
  readonly station: Station;
  readonly descriptor: number;
}

/** What a member consists of: it owns the bell and the process descriptor. */
export interface Parts {
  readonly station: Station;
  readonly bell: number;
  readonly process: ProcessDescriptor;
  /** null: it is cut off. */
  readonly connection: Connection | null;
}

interface Member extends Parts {
  readonly watch: Readiness;
}

export class Members {
  /** By row: no two incarnations of one are alive. */
  readonly #all = new Map<number, Member>();
  readonly #ended: (station: Station) => void;

  /** `ended` is called once for each member whose process has ended, when it is none any more. */
  constructor(ended: (station: Station) => void) {
    this.#ended = ended;
  }

  /** Members with a connection. */
  get connected(): number {
    let count = 0;
    for (const { connection } of this.#all.values()) if (connection !== null) count++;
    return count;
  }

  /** Of all but that one. */
  bellsWithout({ station: row }: Station): Bell[] {
    return [...this.#all.values()]
      .filter(({ station }) => station.station !== row)
      .map(({ station, bell }) => ({ station, descriptor: bell }));
  }

  /** In place of what is known of that station. Owns the bell and the process descriptor from now on, unless it throws. */
  set(parts: Parts): void {
    const { station, process } = parts;
    const watch = new Readiness(process.descriptor, () => this.#look(station), { ref: false });
    this.#drop(station.station);
    this.#all.set(station.station, { ...parts, watch });
  }

  #look(station: Station): void {
    const member = this.#all.get(station.station);
    if (member?.process.hasEnded() !== true) return;
    // What it has sent before it ended still counts: it may have said goodbye.
    member.connection?.drain();
    if (this.remove(station)) this.#ended(station);
  }

  /** Who speaks there, for a station that comes again. @throws EBUSY it has a connection that works */
  makeRoom(station: Station): void {
    const { connection } = this.#all.get(station.station) ?? { connection: null };
    connection?.drain();
    if (this.#all.get(station.station)?.connection != null)
      throw fail('EBUSY', 'broker', { ...station }, { why: 'this station is connected already' });
  }

  /** Its connection is no more; its process may be. */
  cutOff(connection: Connection): void {
    for (const [row, member] of this.#all)
      if (member.connection === connection) this.#all.set(row, { ...member, connection: null });
  }

  /** @returns false when it is none */
  remove(station: Station): boolean {
    const life = this.#all.get(station.station)?.station.life;
    return life === station.life && this.#drop(station.station);
  }

  #drop(row: number): boolean {
    const member = this.#all.get(row);
    if (member === undefined) return false;
    this.#all.delete(row);
    member.watch.close();
    member.process.close();
    closeDescriptor(member.bell);
    member.connection?.close();
    return true;
  }

  /** To all that are connected, except that one. */
  tell(message: Message, descriptors: readonly number[] = [], except?: Connection): void {
    for (const { connection } of this.#all.values())
      if (connection !== except) connection?.send(message, descriptors);
  }

  /** Handles what has come from any of them so far. */
  drain(): void {
    for (const { connection } of this.#all.values()) connection?.drain();
  }

  close(): void {
    for (const row of this.#all.keys()) this.#drop(row);
  }
}
