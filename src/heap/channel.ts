// SPDX-License-Identifier: MIT
/**
 * heap/channel — a bounded queue of buffer references, as its users hold it.
 *
 * What needs no wait is straight-line code; the rest is in channel-waits.
 */

import type { DmaBuf } from '../buf/index.js';
import { checkTimeout, checkWait, fail, shown } from '../errors.js';
import type { Fence, SyncWaitOptions, WaitOptions } from '../fence/index.js';
import { ChannelIterator } from './channel-iterator.js';
import type { ChannelLink } from './channel-link.js';
import { checkTag, encodeMeta, type MessageOptions, type SendOptions } from './channel-options.js';
import { receiving, sending } from './channel-waits.js';
import type { Delivery } from './delivery.js';
import { submit } from './submit.js';

/** What nobody said. */
const NO_OPTIONS: WaitOptions = {};

const UNPOSTED = Symbol(
  'a Channel cannot be posted: call domain.channel() with its name on the other side',
);

/** Where handles go back to. */
export interface ChannelOwner {
  release(link: ChannelLink, channel: Channel): void;
}

/** For this room and those above. */
export let makeChannel: (owner: ChannelOwner, link: ChannelLink) => Channel;

/**
 * A bounded queue of buffer references; any number of senders and receivers in any agent, each message to one receiver. Messages
 * outlive their sender. First come, first served, on both sides.
 * @example await frames.send(frame, { tag: 7 }); // there: using job = await frames.receive();
 */
export class Channel implements AsyncIterable<Delivery>, Disposable {
  readonly name: string;
  readonly capacity: number;
  /** @internal */
  readonly unposted = UNPOSTED;
  readonly #owner: ChannelOwner;
  readonly #link: ChannelLink;
  #closed = false;

  static {
    makeChannel = (owner, link) => new Channel(owner, link);
  }

  private constructor(owner: ChannelOwner, link: ChannelLink) {
    this.#owner = owner;
    this.#link = link;
    this.name = link.name;
    this.capacity = link.capacity;
    link.handles++;
  }

  /** Messages that nobody has received yet. Old news by the time you look. */
  get queued(): number {
    return this.#use('Channel.queued').ring.queued;
  }

  /** Messages that were dropped because the channel was full. */
  get dropped(): number {
    return this.#use('Channel.dropped').dropped;
  }

  // ------------------------------------------------------------------------------------------- sending

  /**
   * Puts one more reference into the queue; you still have yours. Without a receiver it waits there for the next one. Never blocks.
   * @throws EPIPE after end() · ETIMEDOUT · ENOSPC meta too long · EINVAL · EXDEV · ESTALE
   * @example await frames.send(frame, { tag: 7, meta: { exposure: 4 } });
   */
  send(buf: DmaBuf, options: SendOptions = NO_OPTIONS): Promise<void> {
    const op = 'Channel.send';
    try {
      const link = this.#use(op);
      if (options !== NO_OPTIONS) checkWait(op, options);
      const tag = this.#check(op, buf, options);
      const text = encodeMeta(op, options.meta, link.metaBytes);
      if (link.offer(op, buf, tag, text, false) !== 'full') {
        return link.host.agent.tasks.settled(undefined);
      }
      return link.host.agent.run(op, sending(op, link, this, buf, tag, text, false), options);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** The blocking twin of send(). @blocking yes @throws as send · EDEADLK this thread holds a lock · ENOTSUP may not block */
  sendSync(buf: DmaBuf, options: SyncWaitOptions & Pick<SendOptions, 'tag' | 'meta'> = {}): void {
    const op = 'Channel.sendSync';
    const link = this.#use(op);
    const timeout = checkTimeout(op, options.timeout);
    const tag = this.#check(op, buf, options);
    const text = encodeMeta(op, options.meta, link.metaBytes);
    if (link.offer(op, buf, tag, text, false) !== 'full') return;
    link.host.agent.runSync(op, sending(op, link, this, buf, tag, text, true), timeout);
  }

  /** false = full, also where the channel then dropped it. @throws EPIPE · ENOSPC · EINVAL · EXDEV · ESTALE */
  trySend(buf: DmaBuf, options: Pick<SendOptions, 'tag' | 'meta'> = {}): boolean {
    const op = 'Channel.trySend';
    const link = this.#use(op);
    const tag = this.#check(op, buf, options);
    return link.offer(op, buf, tag, encodeMeta(op, options.meta, link.metaBytes), false) === 'sent';
  }

  /** @returns the tag */
  #check(op: string, buf: DmaBuf, options: MessageOptions): number {
    checkBuf(op, buf, this.#link);
    return checkTag(op, options.tag);
  }

  // ------------------------------------------------------------------------------------------- receiving

  /**
   * The oldest message. Never blocks.
   * @throws EPIPE the channel has ended and all was received · EOWNERDEAD the last sender died without end() · ETIMEDOUT · ESTALE
   * @example using job = await frames.receive({ timeout: 1000 });
   */
  receive(options: WaitOptions = NO_OPTIONS): Promise<Delivery> {
    const op = 'Channel.receive';
    try {
      const link = this.#use(op);
      if (options !== NO_OPTIONS) checkWait(op, options);
      const delivery = link.poll(false);
      if (delivery !== null) return link.host.agent.tasks.settled(delivery);
      return link.host.agent.run(op, receiving(op, link, this, false), options);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** The blocking twin of receive(). @blocking yes @throws as receive · EDEADLK this thread holds a lock · ENOTSUP may not block */
  receiveSync(options: SyncWaitOptions = {}): Delivery {
    const op = 'Channel.receiveSync';
    const link = this.#use(op);
    const timeout = checkTimeout(op, options.timeout);
    const delivery = link.poll(false);
    if (delivery !== null) return delivery;
    return link.host.agent.runSync(op, receiving(op, link, this, true), timeout);
  }

  /** null = nothing there now. @throws EPIPE · EOWNERDEAD nothing will come any more · ESTALE */
  tryReceive(): Delivery | null {
    const op = 'Channel.tryReceive';
    const link = this.#use(op);
    const delivery = link.poll(false);
    if (delivery !== null) return delivery;
    const { over } = link;
    if (over !== null) throw link.overError(op, over);
    return null;
  }

  /**
   * Receives until end(). Write `for await (using job of channel)`: with `const` you leak each. Never takes a message before it is
   * asked for one.
   * @throws EOWNERDEAD the last sender died without end()
   */
  [Symbol.asyncIterator](): AsyncIterator<Delivery, undefined, undefined> {
    return new ChannelIterator(this.#use('Channel.next'), this);
  }

  // ------------------------------------------------------------------------------------------- the end

  /** No more sends, from anybody; receivers finish what is queued, then their loops end. */
  end(): void {
    this.#use('Channel.end').end();
  }

  /** This agent is through with it: what still waits on this handle fails with ESTALE. What it sent stays in the queue. Twice is harmless. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#owner.release(this.#link, this);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /**
   * Sends one buffer to several workers as ONE operation on it: under one hold of its lock the fences in the way become each
   * receiver's `after`, and one completion fence per receiver is added under `usage`. So the receivers run side by side, and
   * whoever uses the buffer next waits for all of them without being told. Never blocks.
   * @returns the completion fences, in order. Each signals at done(), fails with EOWNERDEAD when its receiver dies, or the last
   *          receiver of a channel in which it still queues: never pending for ever once there was a receiver.
   * @throws EPIPE · ETIMEDOUT (then nothing was sent to anybody) · EOWNERDEAD the lock's last holder died (see `recover`)
   * @example const done = await Channel.submit(bands, frame, "write", { tag: 7 });
   * @source dma_resv_lock, dma_resv_add_fence
   */
  static submit<const T extends readonly Channel[]>(
    to: T,
    buf: DmaBuf,
    usage: 'read' | 'write',
    options: SendOptions & { readonly recover?: boolean } = {},
  ): Promise<{ readonly [K in keyof T]: Fence }> {
    const op = 'Channel.submit';
    try {
      const links = Channel.#links(op, to);
      for (const link of links) checkBuf(op, buf, link);
      const party = {
        get closed(): boolean {
          return to.some((channel) => channel.#closed);
        },
      };
      return submit(links, party, buf, usage, options) as Promise<{
        readonly [K in keyof T]: Fence;
      }>;
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** @throws EINVAL · ESTALE */
  static #links(op: string, to: readonly unknown[]): ChannelLink[] {
    const why = 'to must be an array of channels, and not empty';
    if (!Array.isArray(to) || to.length === 0) {
      throw fail('EINVAL', op, { to: shown(to) }, { why });
    }
    return to.map((channel: unknown) => {
      if (typeof channel === 'object' && channel !== null && #link in channel) {
        return channel.#use(op);
      }
      throw fail('EINVAL', op, { to: shown(channel) }, { why });
    });
  }

  /** @internal */
  get closed(): boolean {
    return this.#closed;
  }

  #use(op: string): ChannelLink {
    if (!this.#closed) return this.#link;
    const why = 'this channel was closed here';
    throw fail('ESTALE', op, { channel: this.name }, { why });
  }
}

/** @throws EINVAL no buffer · EXDEV of another domain, or another agent */
function checkBuf(op: string, buf: DmaBuf, link: ChannelLink): void {
  const { buffers } = link.host;
  if (buf?.buffers === buffers) return;
  if (buf?.buffers === undefined) {
    throw fail('EINVAL', op, { buf: shown(buf) }, { why: 'buf must be a DmaBuf' });
  }
  throw fail('EXDEV', op, { buffer: buf.id, channel: link.name });
}
