// SPDX-License-Identifier: MIT
/**
 * heap/channel-link — one agent's end of a channel: sending, receiving, ending, leaving.
 *
 * A queued message keeps its buffer alive by naming it, and outlives its sender. A submitted message also names the fence that its
 * receiver will owe; while it queues that fence has no owner, so that neither the sender's death nor its leaving fails it.
 *
 * Invariants  Q1 a buffer is named by a cell from FULL on; before that the sender refers to it, before the cell is free the receiver
 *             does. So at every moment somebody does, whoever dies.
 *             Q2 the owner of a fence is 0 while its message queues, and is the receiver before the cell is free.
 *             Q3 nothing comes after the end: who finds the channel ended and drained can go.
 *             Q4 no submitted message stays in a channel that had receivers and has none.
 * Deaths      see Channels; in short: WRITING is void, READING is queued again, bits are cleared, Q4 is restored.
 * Pairs       P20, P21 see ring and line.
 *             P22 submitter: FULL, then the receivers ↔ last receiver leaving: its bit, then the cells; and submitter that waits:
 *             its row in the line, then the receivers ↔ last receiver leaving: its bit, then the line of senders.
 *             P23 sender: cell claimed, then ENDED ↔ end: ENDED, and receiver: ENDED, then the cells.
 */

import { type Agent, anyBit, clearBit, hasBit, objectKey, setBit } from '../agent/index.js';
import type { Buffers, DmaBuf } from '../buf/index.js';
import { type DmaBufError, type ErrorCode, errorNumber, fail } from '../errors.js';
import type { Fences } from '../fence/index.js';
import { add, and, load, or, type Words } from '../mem/index.js';
import { ChannelFlag, ChannelLayout, MessageFlag } from './channel-layout.js';
import type { Policy } from './channel-options.js';
import type { ChannelTable } from './channel-table.js';
import { type Delivery, type Duty, makeDelivery } from './delivery.js';
import { Line, LineFlag } from './line.js';
import { generationOf, type Messages, packName, rowOf } from './messages.js';
import { NONE, type Ring } from './ring.js';

const channel = ChannelLayout.at;
const { WANTED, HOLD } = LineFlag;
const { ENDED, SENDER_DIED, HAD_RECEIVER } = ChannelFlag;
const { OWED, WRITES, META, READ_ONLY } = MessageFlag;

/** What a channel needs of its agent. */
export interface ChannelHost {
  readonly agent: Agent;
  readonly buffers: Buffers;
  readonly fences: Fences;
  readonly table: ChannelTable;
}

/** A handle that an operation belongs to. */
export interface Party {
  readonly closed: boolean;
}

/** What became of a message. */
export type Sent = 'sent' | 'dropped' | 'full';

export class ChannelLink {
  readonly name: string;
  readonly capacity: number;
  readonly policy: Policy;
  readonly metaBytes: number;
  readonly ring: Ring;
  readonly messages: Messages;
  /** Those who wait for room, and for messages. */
  readonly senders: Line;
  readonly receivers: Line;
  /** Handles of this agent. */
  handles = 0;
  readonly #words: Words;
  readonly #at: number;
  readonly #space: number;
  readonly #queue: number;
  readonly #dropsOldest: boolean;
  #sends = false;
  #receives = false;

  constructor(
    readonly host: ChannelHost,
    readonly row: number,
  ) {
    const { agent, table } = host;
    this.#words = agent.arena.words;
    this.#at = table.at(row);
    this.#space = this.#at + channel.space;
    this.#queue = this.#at + channel.queue;
    this.name = table.registry.nameOf(row);
    this.capacity = table.word(row, 'capacity');
    this.policy = table.policy(row);
    this.#dropsOldest = this.policy === 'drop-oldest';
    this.metaBytes = table.word(row, 'metaBytes');
    this.ring = table.ring(row);
    this.messages = table.messages(row);
    this.senders = new Line(
      agent,
      objectKey('space', row),
      this.#space,
      this.#at + channel.spaceTicket,
      this.#at + channel.tail,
      (wanted) => this.ring.hasRoom(wanted) || (this.#dropsOldest && this.ring.canMakeRoom(wanted)),
    );
    this.receivers = new Line(
      agent,
      objectKey('queue', row),
      this.#queue,
      this.#at + channel.queueTicket,
      this.#at + channel.head,
      (wanted) => this.ring.hasMessages(wanted),
    );
  }

  // ------------------------------------------------------------------------------------------- sending

  /** Sends if there is room. `waited`: has stood in the line. @throws ESTALE · EPIPE */
  offer(op: string, buf: DmaBuf, tag: number, text: string | null, waited: boolean): Sent {
    const { row, generation } = buf.use(op);
    const position = this.claim(op, waited);
    if (position === NONE) return this.policy === 'drop-new' ? 'dropped' : 'full';
    const at = this.ring.cell(position);
    const flags = (text === null ? 0 : META) | (buf.readOnly ? READ_ONLY : 0);
    this.messages.write(at, packName(row, generation), tag, flags);
    if (text !== null) this.messages.writeMeta(at, text);
    this.host.buffers.rows.nameInQueue(row, this.row);
    this.publish(position);
    return 'sent';
  }

  /** A cell to write into: publish it or abort it. NONE: no room, and with "drop-new" counted as dropped. @throws EPIPE */
  claim(op: string, waited: boolean): number {
    if (!this.#sends) this.#becomeSender();
    const word = load(this.#words, this.#space);
    if ((word & (ENDED | HOLD)) !== 0) {
      if ((word & ENDED) !== 0) throw this.endedError(op);
      if (!waited && !this.senders.admitsNewcomer()) return NONE;
    }
    let position = this.ring.claim();
    if (position === NONE) position = this.#makeRoom();
    if (position === NONE) return NONE;
    if ((load(this.#words, this.#space) & ENDED) === 0) return position; // P23
    this.abort(position);
    throw this.endedError(op);
  }

  /** Could that many be sent now? `waited`: has stood in the line. Old news by the time you look. */
  takes(wanted: number, waited: boolean): boolean {
    if (this.hasEnded || this.policy === 'drop-new') return true;
    if (!waited && !this.senders.admitsNewcomer(wanted)) return false;
    return this.senders.has(wanted);
  }

  #makeRoom(): number {
    if (this.policy === 'wait') return NONE;
    const dropped = this.#at + channel.dropped;
    if (this.policy === 'drop-new') {
      add(this.#words, dropped, 1);
      return NONE;
    }
    for (;;) {
      const oldest = this.ring.takeOldest();
      if (oldest !== NONE) {
        add(this.#words, dropped, 1);
        this.#discard(oldest, 'ECANCELED');
      }
      const position = this.ring.claim();
      // Nothing to drop and no room: somebody is at work in the oldest cell. To drop a later one would make no room.
      if (position !== NONE || oldest === NONE) return position;
    }
  }

  /** Who writes the name of a buffer has called `nameInQueue` before. */
  publish(position: number): void {
    this.ring.publish(position);
    if ((load(this.#words, this.#queue) & WANTED) !== 0) this.receivers.wake(); // P20
    // From now on it can be dropped.
    if (this.#dropsOldest && (load(this.#words, this.#space) & WANTED) !== 0) this.senders.wake(); // P20
  }

  abort(position: number): void {
    this.ring.abort(position);
    this.#afterRelease();
  }

  endedError(op: string): DmaBufError {
    const why = 'the channel has ended: nothing can be sent any more';
    return fail('EPIPE', op, { channel: this.name }, { why });
  }

  #becomeSender(): void {
    this.#sends = true;
    setBit(this.#words, this.#at + channel.senders, this.host.agent.slot);
  }

  // ------------------------------------------------------------------------------------------- receiving

  /** Takes the oldest message, or null. `waited`: has stood in the line. */
  poll(waited: boolean): Delivery | null {
    if (!this.#receives) this.#becomeReceiver();
    if (!waited && !this.receivers.admitsNewcomer()) return null;
    for (;;) {
      const position = this.ring.take();
      if (position === NONE) return null;
      const delivery = this.#open(position);
      if (delivery !== null) return delivery;
    }
  }

  /** null: the buffer has died with its exporter. */
  #open(position: number): Delivery | null {
    const { host, messages } = this;
    const at = this.ring.cell(position);
    const name = messages.name(at);
    const info = messages.info(at);
    const readOnly = (info & READ_ONLY) !== 0;
    const buf = host.buffers.adopt(rowOf(name), generationOf(name), readOnly); // Q1
    if (buf === null) {
      this.#discard(position, 'EOWNERDEAD');
      return null;
    }
    const tag = messages.tag(at);
    if (info === 0) {
      this.#release(position);
      return makeDelivery(host, buf, tag, null, null);
    }
    const text = (info & META) === 0 ? null : messages.meta(at);
    const duty = (info & OWED) === 0 ? null : this.#takeOver(at, (info & WRITES) !== 0);
    this.#release(position);
    return makeDelivery(host, buf, tag, text, duty);
  }

  /** This agent owes the message's fence from now on. */
  #takeOver(at: number, writes: boolean): Duty {
    const { agent, fences } = this.host;
    const owed = this.messages.owed(at);
    const after = this.messages
      .after(at)
      .map((point) => fences.handle(point.row, point.generation));
    fences.setOwner(owed.row, owed.generation, agent.tag); // Q2
    return { owed, writes, after };
  }

  /** A taken message is dropped. */
  #discard(position: number, error: ErrorCode): void {
    const { host, messages } = this;
    const at = this.ring.cell(position);
    const name = messages.name(at);
    const buf = host.buffers.adopt(rowOf(name), generationOf(name)); // Q1
    if ((messages.info(at) & OWED) !== 0) {
      const { row, generation } = messages.owed(at);
      host.fences.signalPoint(row, generation, errorNumber(error));
    }
    this.#release(position);
    buf?.close();
  }

  #release(position: number): void {
    this.ring.release(position);
    this.#afterRelease();
  }

  #afterRelease(): void {
    const word = load(this.#words, this.#space); // P20
    if (word === 0) return;
    if ((word & WANTED) !== 0) this.senders.wake();
    // Whoever waits for the end looks whether it is drained now.
    if ((word & ENDED) !== 0) this.receivers.ringAll();
  }

  /** Is `over` worth asking? */
  get mayBeOver(): boolean {
    return (load(this.#words, this.#space) & (ENDED | SENDER_DIED)) !== 0;
  }

  /** Why nothing will come any more, once everything has been taken; else null. */
  get over(): 'ended' | 'sender died' | null {
    const word = load(this.#words, this.#space); // P23
    if ((word & ENDED) !== 0) return this.ring.drained ? 'ended' : null;
    if ((word & SENDER_DIED) === 0 || anyBit(this.#words, this.#at + channel.senders)) return null;
    return this.ring.drained ? 'sender died' : null;
  }

  /** What a receiver is told then. */
  overError(op: string, over: 'ended' | 'sender died'): DmaBufError {
    const at = { channel: this.name };
    if (over === 'ended') {
      return fail('EPIPE', op, at, {
        why: 'the channel has ended, and all messages were received',
      });
    }
    return fail('EOWNERDEAD', op, at, { why: 'the last sender died without end()' });
  }

  #becomeReceiver(): void {
    this.#receives = true;
    setBit(this.#words, this.#at + channel.receivers, this.host.agent.slot);
    or(this.#words, this.#queue, HAD_RECEIVER); // after the bit: never abandoned in between
  }

  // ------------------------------------------------------------------------------------------- the end

  end(): void {
    or(this.#words, this.#space, ENDED); // P23
    this.receivers.ringAll();
    this.senders.ringAll();
  }

  get hasEnded(): boolean {
    return (load(this.#words, this.#space) & ENDED) !== 0;
  }

  /** It had receivers, and they have all left or died. */
  get abandoned(): boolean {
    if ((load(this.#words, this.#queue) & HAD_RECEIVER) === 0) return false;
    return !anyBit(this.#words, this.#at + channel.receivers); // P22
  }

  /** Submitted messages that nobody is there for fail (Q4); plain ones wait for the next receiver. */
  dropUnowned(): void {
    const isSubmitted = (at: number): boolean => (this.messages.info(at) & OWED) !== 0; // P22
    while (this.abandoned) {
      const position = this.ring.takeSome(isSubmitted);
      if (position === NONE) return;
      this.#discard(position, 'EOWNERDEAD');
    }
  }

  /** The last handle of this agent was closed. */
  leave(): void {
    const { slot } = this.host.agent;
    if (this.#sends) this.#leaveAs('senders', slot, false);
    if (this.#receives) this.#leaveAs('receivers', slot, false);
    this.#sends = this.#receives = false;
    clearBit(this.#words, this.#at + channel.openers, slot);
  }

  /** For the reaper: that agent is gone. `died`: it did not leave by itself. Idempotent. */
  forget(slot: number, died: boolean): void {
    this.#leaveAs('senders', slot, died);
    this.#leaveAs('receivers', slot, died);
    clearBit(this.#words, this.#at + channel.openers, slot);
  }

  #leaveAs(role: 'senders' | 'receivers', slot: number, died: boolean): void {
    const w = this.#words;
    const bits = this.#at + channel[role];
    if (role === 'senders' && hasBit(w, bits, slot)) {
      // Of several senders, it counts how the last one went. The flag first: the bit says that it is still to be done.
      if (died) or(w, this.#space, SENDER_DIED);
      else and(w, this.#space, ~SENDER_DIED);
    }
    clearBit(w, bits, slot); // P22
    if (role === 'receivers') {
      this.dropUnowned();
      // Whoever waits to submit waits in vain.
      if (this.abandoned) this.senders.ringAll(); // P22
    } else if ((load(w, this.#space) & SENDER_DIED) !== 0) this.receivers.ringAll();
  }

  get dropped(): number {
    return load(this.#words, this.#at + channel.dropped) >>> 0;
  }
}
