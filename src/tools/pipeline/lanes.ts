// SPDX-License-Identifier: MIT
/**
 * lanes — the filter workers, each at the end of a channel of its own, and started again when they die.
 *
 * A new incarnation gets a new channel. The old one has lost its only receiver: what was queued there has failed,
 * and a submission to it would be refused until the new worker has come so far as to receive.
 */
import { Channel, type DmaBuf, DmaBufError, type Domain, type Fence, type Member } from 'dmabuf';
import type { FilterName } from './filters.js';
import { channelOptions, type FilterData } from './lane-messages.js';

export interface LaneSetup {
  readonly as: 'thread' | 'process';
  readonly workers: number;
  readonly filter: FilterName;
  readonly header: string;
  /** Frames that may queue. */
  readonly depth: number;
}

interface Running {
  readonly channel: Channel;
  readonly member: Member;
}

/** A worker that dies that often, without having been killed, will not come right. */
const MAX_CRASHES = 3;

class Lane {
  readonly #domain: Domain;
  readonly #setup: LaneSetup;
  readonly #index: number;
  #incarnation = 0;
  #killed = false;
  #crashes = 0;
  #ended = false;
  #running: Promise<Running>;

  constructor(domain: Domain, setup: LaneSetup, index: number) {
    this.#domain = domain;
    this.#setup = setup;
    this.#index = index;
    this.#running = this.#start();
  }

  /** Rejects when there will be no other worker. */
  get running(): Promise<Running> {
    return this.#running;
  }

  async kill(): Promise<void> {
    const { member } = await this.#running;
    this.#killed = true;
    await member.kill();
  }

  /** No new worker when this one dies. */
  stop(): void {
    this.#ended = true;
  }

  async end(): Promise<void> {
    const { channel, member } = await this.#running;
    this.stop();
    channel.end();
    await member.gone;
    channel.close();
  }

  #start(): Promise<Running> {
    const running = this.#spawn();
    // Whoever submits next gets the error; nobody may be waiting now.
    running.catch(() => undefined);
    return running;
  }

  async #spawn(): Promise<Running> {
    const { as, workers, filter, header, depth } = this.#setup;
    const name = `filter ${this.#index}.${this.#incarnation++}`;
    const channel = this.#domain.channel(name, channelOptions(depth));
    const data: FilterData = { channel: name, depth, lane: this.#index, workers, filter, header };
    const script = new URL('./filter-worker.js', import.meta.url);
    const member = await this.#domain.spawn(script, { as, name, data });
    void this.#watch({ channel, member });
    return { channel, member };
  }

  async #watch({ channel, member }: Running): Promise<void> {
    const { reason } = await member.gone;
    if (this.#ended) return;
    if (!this.#killed && ++this.#crashes === MAX_CRASHES) {
      this.#running = Promise.reject(
        new Error(`a filter worker died ${MAX_CRASHES} times: ${reason}`),
      );
      this.#running.catch(() => undefined);
    } else {
      this.#killed = false;
      this.#running = this.#start();
    }
    await refuseQueued(channel);
  }
}

/** The fences of what a worker never began to receive do not fail with it: a channel keeps that for the next receiver. */
async function refuseQueued(channel: Channel): Promise<void> {
  channel.end();
  for await (using job of channel) job.fail('EOWNERDEAD');
  channel.close();
}

export class Lanes implements Disposable {
  readonly #lanes: readonly Lane[];

  constructor(domain: Domain, setup: LaneSetup) {
    this.#lanes = Array.from(
      { length: setup.workers },
      (_, index) => new Lane(domain, setup, index),
    );
  }

  get all(): readonly number[] {
    return [...this.#lanes.keys()];
  }

  /** All workers run. */
  async ready(): Promise<void> {
    await Promise.all(this.#lanes.map((lane) => lane.running));
  }

  /** One band for each of `lanes`, as one operation on the frame. @returns their fences, in order */
  async submit(
    lanes: readonly number[],
    frame: DmaBuf,
    tag: number,
    signal: AbortSignal,
  ): Promise<readonly Fence[]> {
    for (;;) {
      signal.throwIfAborted();
      const running = await Promise.all(
        this.#lanes.filter((_, index) => lanes.includes(index)).map((lane) => lane.running),
      );
      try {
        const channels = running.map(({ channel }) => channel);
        return await Channel.submit(channels, frame, 'write', { tag, signal });
      } catch (error) {
        if (!DmaBufError.is(error, 'EPIPE')) throw error;
        // One died just now: submit to its successor.
        await Promise.race(running.map(({ member }) => member.gone));
      }
    }
  }

  async kill(lane: number): Promise<void> {
    await this.#lanes[lane]?.kill();
  }

  /** Workers finish what is queued and leave. */
  async end(): Promise<void> {
    await Promise.all(this.#lanes.map((lane) => lane.end()));
  }

  /** The workers are left to the domain. */
  [Symbol.dispose](): void {
    for (const lane of this.#lanes) lane.stop();
  }
}
