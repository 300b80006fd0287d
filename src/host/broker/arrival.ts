// SPDX-License-Identifier: MIT
/**
 * broker/arrival — what a process gets when it joins: it comes in several packets, since one holds a limited number of descriptors.
 *
 *    WELCOME ──▶ SLABS … ──▶ JOINED … ──▶ whole
 *
 * In this order and nothing else, and of each as many as WELCOME counts. What has come is closed unless all of it comes.
 */

import { STATIONS } from '../../agent/index.js';
import { fail } from '../../errors.js';
import { closeAll } from '../linux/descriptors.js';
import { checkEvent } from '../linux/event-descriptor.js';
import { checkMemoryFile } from '../linux/memory-file.js';
import { damaged } from './fields.js';
import type { Bell } from './members.js';
import type { MemoryFile } from './memory-files.js';
import type { Message, MessageOf, Station } from './messages.js';
import type { Parcel } from './parcel.js';

export const JOIN = 'Domain.join';
/** Memory is mapped in units of this. */
const GRANULE = 65_536;
/** More than there are slabs in any domain. */
const MOST_SLABS = 4096;

/** All descriptors are the joiner's. */
export interface Welcome {
  readonly station: Station;
  readonly arena: MemoryFile;
  readonly slabs: readonly MemoryFile[];
  /** Of all others that were there. */
  readonly bells: readonly Bell[];
  readonly broker: Station;
}

export class Arrival implements Disposable {
  #head: MessageOf<'WELCOME'> | null = null;
  #descriptors: number[] = [];
  readonly #slabs: MemoryFile[] = [];
  readonly #bells: Bell[] = [];

  /** @returns what it got, when it is whole @throws whatever the broker refused with · EPROTO · EPROTONOSUPPORT */
  take(message: Message, parcel: Parcel): Welcome | null {
    if (message.type === 'REFUSED') throw refusal(message);
    if (this.#head === null && message.type === 'WELCOME') this.#begin(message, parcel);
    else if (this.#head !== null && message.type === 'SLABS') this.#addSlabs(message.list, parcel);
    else if (this.#head !== null && message.type === 'JOINED') this.#addBells(message.list, parcel);
    else throw damaged(`${message.type} is not what a joiner gets`);
    return this.#whole();
  }

  #begin(head: MessageOf<'WELCOME'>, parcel: Parcel): void {
    if (head.slabs > MOST_SLABS || head.bells > STATIONS)
      throw damaged(`no domain has ${head.slabs} slabs or ${head.bells} processes`);
    this.#keepMemory(parcel, head.arena);
    this.#head = head;
  }

  #keepMemory(parcel: Parcel, bytes: number): number {
    if (bytes === 0 || bytes % GRANULE !== 0) throw damaged(`${bytes} bytes cannot be mapped`);
    checkMemoryFile(JOIN, parcel.next, bytes);
    return this.#keep(parcel);
  }

  #keep(parcel: Parcel): number {
    const descriptor = parcel.take();
    this.#descriptors.push(descriptor);
    return descriptor;
  }

  #addSlabs(sizes: readonly number[], parcel: Parcel): void {
    for (const bytes of sizes)
      this.#slabs.push({ bytes, descriptor: this.#keepMemory(parcel, bytes) });
  }

  #addBells(stations: readonly Station[], parcel: Parcel): void {
    for (const station of stations) {
      checkEvent(JOIN, parcel.next);
      this.#bells.push({ station, descriptor: this.#keep(parcel) });
    }
  }

  #whole(): Welcome | null {
    const [arena] = this.#descriptors;
    if (this.#head === null || arena === undefined) return null;
    const { station, broker, slabs, bells } = this.#head;
    if (this.#slabs.length > slabs || this.#bells.length > bells)
      throw damaged('more has come than WELCOME counted');
    if (this.#slabs.length < slabs || this.#bells.length < bells) return null;
    this.#descriptors = [];
    return {
      station,
      broker,
      arena: { descriptor: arena, bytes: this.#head.arena },
      slabs: this.#slabs,
      bells: this.#bells,
    };
  }

  [Symbol.dispose](): void {
    closeAll(this.#descriptors.splice(0));
  }
}

/** Why the broker wants nothing to do with us. */
export function refusal({ code, why }: MessageOf<'REFUSED'>): Error {
  return fail(code, JOIN, {}, { why: `the broker refused: ${why}` });
}
