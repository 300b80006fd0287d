// SPDX-License-Identifier: MIT
/**
 * heap/channels — the channels of one agent, and what happens to channels when an agent dies.
 *
 * Deaths      rank `deliveries`, before fences fail: a message that the dead was reading is queued again, its fence without an
 *             owner; a cell that it was writing is void, and if the fence in it had lost its owner already, it fails.
 *             rank `channels`, after references are dropped: the bits of the dead go; senders that died are remembered (an end
 *             that nobody announced); submitted messages fail when no receiver is left. All of it may be done again.
 */

import { type Agent, SlotState } from '../agent/index.js';
import type { Buffers } from '../buf/index.js';
import { checkObject, errorNumber, fail } from '../errors.js';
import type { Fences, Point } from '../fence/index.js';
import type { Reservations } from '../resv/index.js';
import { type Channel, makeChannel } from './channel.js';
import { MessageFlag } from './channel-layout.js';
import { ChannelLink } from './channel-link.js';
import { type ChannelOptions, checkOptions } from './channel-options.js';
import { ChannelTable } from './channel-table.js';
import { packName } from './messages.js';

export class Channels {
  readonly table: ChannelTable;
  readonly #links = new Map<number, ChannelLink>();
  readonly #open = new Set<Channel>();
  #closed = false;

  constructor(
    readonly agent: Agent,
    readonly buffers: Buffers,
    readonly reservations: Reservations,
    readonly fences: Fences,
  ) {
    this.table = new ChannelTable(agent);
    buffers.registerNamer((row, generation, queues) =>
      this.#names(packName(row, generation), queues),
    );
    fences.registerNames(() => this.#namedFences());
    agent.reapers.register('deliveries', (slot) => this.#reapDeliveries(slot));
    agent.reapers.register('channels', (slot) => this.#reapChannels(slot));
  }

  /**
   * The channel of that name, made by whoever asks first. Options that are not given agree with what there is.
   * @throws EINVAL other options than the existing one · ENFILE · EDEADLK asked for while this thread opens one
   */
  open(name: string, options: ChannelOptions = {}): Channel {
    const op = 'Domain.channel';
    checkObject(op, 'options', options);
    if (this.#closed) throw fail('ESTALE', op, {}, { why: 'the domain was closed here' });
    const row = this.table.open(
      op,
      this.table.registry.checkName(op, name),
      checkOptions(op, options),
    );
    let link = this.#links.get(row);
    if (link === undefined) {
      link = new ChannelLink(this, row);
      this.#links.set(row, link);
    }
    const channel = makeChannel(this, link);
    this.#open.add(channel);
    return channel;
  }

  /** A handle was closed. @internal */
  release(link: ChannelLink, channel: Channel): void {
    this.#open.delete(channel);
    if (this.agent.left) return;
    link.senders.ringOwn();
    link.receivers.ringOwn();
    if (--link.handles > 0) return;
    this.#links.delete(link.row);
    link.leave();
  }

  /** This agent leaves: closes what is open, and nothing is opened any more, as nobody would close it. */
  close(): void {
    this.#closed = true;
    for (const channel of this.#open) channel.close();
  }

  // ------------------------------------------------------------------------------------------- names

  /** Does a message in one of these channels name it? `queues`: bits by channel index modulo 32. */
  #names(name: number, queues: number): boolean {
    const { registry } = this.table;
    for (let row = 0, used = registry.used; row < used; row++) {
      if ((queues & (1 << (row & 31))) === 0 || !registry.isLive(row)) continue;
      const messages = this.table.messages(row);
      let found = false;
      this.table.ring(row).messages((at) => {
        found ||= messages.name(at) === name;
      });
      if (found) return true;
    }
    return false;
  }

  /** Counts, as of now, the messages that name a generation of a buffer. */
  queued(): (row: number, generation: number) => number {
    const found = new Map<number, number>();
    this.table.registry.eachLive((channel) => {
      const messages = this.table.messages(channel);
      this.table.ring(channel).messages((at) => {
        const name = messages.name(at);
        found.set(name, (found.get(name) ?? 0) + 1);
      });
    });
    return (row, generation) => found.get(packName(row, generation)) ?? 0;
  }

  *#namedFences(): Iterable<Point> {
    const rows: number[] = [];
    this.table.registry.eachLive((row) => rows.push(row));
    for (const row of rows) {
      const messages = this.table.messages(row);
      const cells: number[] = [];
      this.table.ring(row).messages((at) => cells.push(at));
      for (const at of cells) yield* messages.fences(at);
    }
  }

  // ------------------------------------------------------------------------------------------- deaths

  #reapDeliveries(slot: number): number {
    const { fences } = this;
    const dead = errorNumber('EOWNERDEAD');
    let found = 0;
    this.table.registry.eachLive((row) => {
      const messages = this.table.messages(row);
      const reading = (at: number): void => {
        if ((messages.info(at) & MessageFlag.OWED) === 0) return;
        const { row: fence, generation } = messages.owed(at);
        fences.setOwner(fence, generation, 0);
      };
      const writing = (at: number): void => {
        const { row: fence, generation } = messages.owed(at);
        if (fences.isSignaled(fence, generation) || fences.ownerOf(fence) !== 0) return;
        fences.signalPoint(fence, generation, dead);
      };
      found += this.table.ring(row).recover(slot, reading, writing);
    });
    return found;
  }

  #reapChannels(slot: number): number {
    const died = this.agent.slots.state(slot) !== SlotState.LEAVING;
    this.table.registry.eachLive((row) => {
      const link = this.#links.get(row) ?? new ChannelLink(this, row);
      link.forget(slot, died);
    });
    return 0;
  }
}
