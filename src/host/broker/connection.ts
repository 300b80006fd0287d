// SPDX-License-Identifier: MIT
/**
 * broker/connection — one end of a connection between the broker and a member: messages in, messages out.
 *
 * Nothing that the other side does blocks, throws, or leaks here. What is no message ends the connection; what the other side does
 * not read waits in a queue of limited length, with descriptors of its own, and then ends the connection, too.
 *
 *    reading ── closed by them, wrong, or too slow ──▶ ended ── close() ──▶ closed
 *       └──────────────────────── close() ────────────────────────────────────┘
 *
 * `ended` is called once, out of the event loop and never out of send(), and not after close().
 */

import type { Timer } from '../../agent/index.js';
import { DmaBufError, fail, whyOf } from '../../errors.js';
import { closeAll, duplicate } from '../linux/descriptors.js';
import type { Packet, PacketSocket, Peer } from '../linux/packet-socket.js';
import { ProcessDescriptor } from '../linux/process-descriptor.js';
import { Readiness } from '../linux/readiness.js';
import { decode, encode, type Message } from './messages.js';
import { Parcel } from './parcel.js';

const OP = 'broker';
/** Messages that wait for a reader. The system keeps as many again. */
const MOST_UNSENT = 1024;
/** Milliseconds until the next try to send: readiness says nothing of room to write. */
const RETRY = 5;
/** Messages in one turn of the event loop, so that nobody keeps the others waiting. */
const TURN = 64;
/** More than the system keeps of one sender. */
const ALL = 4096;

/** Runs `fn` in `ms` milliseconds or later. */
export type After = (ms: number, fn: () => void) => Timer;

export interface ConnectionHandlers {
  /** What it throws ends the connection. Descriptors that it does not take are closed. */
  message(message: Message, parcel: Parcel): void;
  /** null: the other side has closed it. Else what is wrong with it. */
  ended(why: DmaBufError | null): void;
}

interface Unsent {
  readonly payload: Uint8Array;
  readonly descriptors: readonly number[];
}

export class Connection {
  readonly #socket: PacketSocket;
  readonly #after: After;
  #handlers: ConnectionHandlers;
  #state: 'open' | 'ended' | 'closed' = 'open';
  #watch: Readiness | null = null;
  #unsent: Unsent[] = [];
  #timer: Timer | null = null;
  #finishing = false;

  /** Owns the socket from now on. Reads nothing before read(). */
  constructor(socket: PacketSocket, after: After, handlers: ConnectionHandlers) {
    this.#socket = socket;
    this.#after = after;
    this.#handlers = handlers;
  }

  get peer(): Peer {
    return this.#socket.peer;
  }

  /** The process at the other side; null: it has ended. */
  process(): ProcessDescriptor | null {
    return ProcessDescriptor.ofPeer(this.#socket);
  }

  /** Begins to read. `ref`: and keeps the process alive. */
  read(options: { readonly ref: boolean }): void {
    if (this.#state !== 'open' || this.#watch !== null) return;
    this.#watch = new Readiness(
      this.#socket.descriptor,
      (closed) => this.#drain(closed ? ALL : TURN),
      options,
    );
  }

  /** What comes from now on stays with the system until read(). */
  pause(): void {
    this.#watch?.close();
    this.#watch = null;
  }

  /** From now on these are told. */
  handOver(handlers: ConnectionHandlers): void {
    this.#handlers = handlers;
  }

  /** Handles what has come already. */
  drain(): void {
    this.#drain(ALL);
  }

  #drain(most: number): void {
    for (let n = 0; n < most && this.#watch !== null; n++) if (!this.#receive()) return;
  }

  #receive(): boolean {
    try {
      const packet = this.#socket.receive();
      if (packet === 'later') return false;
      if (packet === 'closed') this.#end(null);
      else this.#handle(packet);
      return true;
    } catch (error) {
      this.#end(asRefusal(error));
      return false;
    }
  }

  #handle(packet: Packet): void {
    using parcel = new Parcel(packet.descriptors);
    this.#handlers.message(decode(packet.payload, packet.descriptors.length), parcel);
  }

  /** Sends it now, or when there is room. The descriptors stay the caller's. */
  send(message: Message, descriptors: readonly number[] = []): void {
    if (this.#state === 'closed') return;
    const payload = encode(message);
    if (this.#unsent.length === 0 && this.#transmit({ payload, descriptors })) return;
    if (this.#unsent.length >= MOST_UNSENT) {
      this.#broken(fail('EPROTO', OP, {}, { why: 'the other side reads nothing' }));
      return;
    }
    const copies = this.#copies(descriptors);
    if (copies === null) return;
    this.#unsent.push({ payload, descriptors: copies });
    this.#timer ??= this.#after(RETRY, () => this.#flush());
  }

  /** null: there are no descriptors left for them. */
  #copies(descriptors: readonly number[]): number[] | null {
    const copies: number[] = [];
    try {
      for (const descriptor of descriptors) copies.push(duplicate(descriptor));
      return copies;
    } catch (error) {
      closeAll(copies);
      this.#broken(asRefusal(error));
      return null;
    }
  }

  /** @returns false when there is no room */
  #transmit({ payload, descriptors }: Unsent): boolean {
    try {
      return this.#socket.send(payload, descriptors);
    } catch (error) {
      // Who has closed the other end is noticed by reading.
      if (!DmaBufError.is(error, 'EPIPE')) this.#broken(asRefusal(error));
      return true;
    }
  }

  #flush(): void {
    this.#timer = null;
    for (let first = this.#unsent[0]; first !== undefined; first = this.#unsent[0]) {
      if (!this.#transmit(first)) {
        this.#timer = this.#after(RETRY, () => this.#flush());
        return;
      }
      // A failure has emptied the queue, and closed what was in it.
      if (this.#unsent[0] !== first) return;
      this.#unsent.shift();
      closeAll(first.descriptors);
    }
    if (this.#finishing) this.close();
  }

  /** Ends it in a later turn: send() is called from the middle of other things. */
  #broken(why: DmaBufError): void {
    if (this.#state !== 'open') return;
    this.#forgetUnsent();
    this.#timer = this.#after(0, () => (this.#finishing ? this.close() : this.#end(why)));
  }

  #forgetUnsent(): void {
    this.#timer?.cancel();
    this.#timer = null;
    for (const { descriptors } of this.#unsent.splice(0)) closeAll(descriptors);
  }

  #end(why: DmaBufError | null): void {
    if (this.#state !== 'open') return;
    this.#state = 'ended';
    this.pause();
    this.#handlers.ended(why);
  }

  /** Says why, as far as there is room, and closes. */
  refuse(why: DmaBufError): void {
    if (this.#state !== 'closed' && this.#unsent.length === 0)
      this.#transmit({
        payload: encode({ type: 'REFUSED', code: why.code, why: whyOf(why) }),
        descriptors: [],
      });
    this.close();
  }

  /** Sends this and what waits before it, then closes. */
  finish(message: Message): void {
    this.send(message);
    this.pause();
    this.#finishing = true;
    if (this.#unsent.length === 0) this.close();
  }

  close(): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.pause();
    this.#forgetUnsent();
    this.#socket.close();
  }
}

/** What a peer is told, whatever was thrown. */
function asRefusal(error: unknown): DmaBufError {
  if (DmaBufError.is(error)) return error;
  return fail('EIO', OP, {}, { why: 'the broker failed: see cause', cause: error });
}
