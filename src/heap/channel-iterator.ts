// SPDX-License-Identifier: MIT
/**
 * heap/channel-iterator — a channel as a loop: one message at a time, none ahead.
 */

import { DmaBufError } from '../errors.js';
import type { ChannelLink, Party } from './channel-link.js';
import { closedError, receiving } from './channel-waits.js';
import type { Delivery } from './delivery.js';

const FINISHED = { done: true, value: undefined } as const;
const OP = 'Channel.next';

export class ChannelIterator implements AsyncIterator<Delivery, undefined, undefined>, Party {
  readonly #link: ChannelLink;
  readonly #channel: Party;
  #stopped = false;

  constructor(link: ChannelLink, channel: Party) {
    this.#link = link;
    this.#channel = channel;
  }

  get closed(): boolean {
    return this.#stopped || this.#channel.closed;
  }

  async next(): Promise<IteratorResult<Delivery, undefined>> {
    const link = this.#link;
    if (this.#stopped) return FINISHED;
    if (this.closed) throw closedError(OP, link);
    try {
      const here = link.poll(false);
      const value = here ?? (await link.host.agent.run(OP, receiving(OP, link, this, false)));
      return { done: false, value };
    } catch (error) {
      if (this.#stopped || DmaBufError.is(error, 'EPIPE')) return FINISHED;
      throw error;
    }
  }

  /** The loop was left: what it still waits for is not taken. */
  return(): Promise<IteratorResult<Delivery, undefined>> {
    this.#stopped = true;
    this.#link.receivers.ringOwn();
    return Promise.resolve(FINISHED);
  }
}
