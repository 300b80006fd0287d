// SPDX-License-Identifier: MIT
/**
 * feeder — puts frames into the line, and sees to it that each comes out.
 *
 * Per frame: read into a buffer, submit it to all lanes as one operation, submit it to the encoder, which begins by
 * itself when the bands are done. The only wait is the one for a free buffer. Recovery runs beside that: a frame
 * whose encoding failed, because a worker died with a band of it, gets its missing bands submitted again, to the
 * worker's successor, and then the encoder. The reference that is kept meanwhile keeps the buffer.
 */
import { setMaxListeners } from 'node:events';
import { Channel, type DmaBuf, DmaBufError, type Fence, type Pool } from 'dmabuf';
import { type FrameLayout, inputPixels, Stamps } from './frame-layout.js';
import type { Job, Occupancy } from './job.js';
import type { Report } from './lane-messages.js';
import type { Lanes } from './lanes.js';
import { nowMicros } from './latency.js';

/** What a frame passes through, and what the encoder says in the end. */
export interface Line {
  readonly pool: Pool;
  readonly lanes: Lanes;
  readonly encode: Channel;
  readonly report: Promise<Report>;
  readonly layout: FrameLayout;
}

export class Feeder {
  readonly #job: Job;
  readonly #line: Line;
  /** Frames that are not encoded yet. */
  readonly #open = new Set<Promise<void>>();
  /** Kills that are not over yet. */
  readonly #dying = new Set<Promise<void>>();
  readonly #failed = new AbortController();
  readonly #signal: AbortSignal;
  #encoded = 0;
  #fed = 0;
  #occupied = 0;
  #most = 0;
  /** Kills that are due. */
  #owed = 0;
  #nextVictim = 0;
  /** Kills that have happened. */
  kills = 0;

  constructor(job: Job, line: Line) {
    this.#job = job;
    this.#line = line;
    this.#signal = AbortSignal.any([job.signal, this.#failed.signal]);
    // Every frame in flight listens for it.
    setMaxListeners(0, this.#signal);
  }

  get occupancy(): Occupancy {
    const mean = this.#fed === 0 ? 0 : this.#occupied / this.#fed;
    return { size: this.#line.pool.count, mean, max: this.#most };
  }

  /** Ends feed() with this error. */
  stop(error: unknown): void {
    this.#failed.abort(error);
  }

  /** Until all frames are encoded, or given up, and nobody is being killed any more. @throws what stopped it */
  async feed(): Promise<void> {
    const { frames } = this.#job;
    try {
      while (this.#fed < frames && (await this.#feedOne())) this.#fed++;
    } catch (error) {
      this.stop(error);
    }
    await Promise.all([...this.#open, ...this.#dying]);
    this.#signal.throwIfAborted();
  }

  /** @returns false: the input has ended */
  async #feedOne(): Promise<boolean> {
    const { pool, lanes, layout } = this.#line;
    const signal = this.#signal;
    using frame = await pool.acquire({ signal });
    {
      using cpu = await frame.cpuAccess('write', { signal });
      const reading = this.#job.source.read(inputPixels(cpu, layout));
      const more = await unlessAborted(signal, reading);
      signal.throwIfAborted();
      if (!more) return false;
      new Stamps(cpu, layout).submitted = nowMicros();
    }
    const inUse = pool.count - pool.free;
    this.#occupied += inUse;
    this.#most = Math.max(this.#most, inUse);
    await this.#killsDue();
    const bands = await lanes.submit(lanes.all, frame, this.#fed, signal);
    this.#killSome(bands);
    const encoded = await this.#submitToEncoder(frame, this.#fed);
    const settled = this.#settle(frame.dup(), this.#fed, bands, encoded)
      .catch((error: unknown) => this.stop(error))
      .finally(() => this.#open.delete(settled));
    this.#open.add(settled);
    return true;
  }

  async #submitToEncoder(frame: DmaBuf, tag: number): Promise<Fence> {
    const signal = this.#signal;
    const [encoded] = await Channel.submit([this.#line.encode], frame, 'read', { tag, signal });
    return encoded;
  }

  /** Takes `mine` over. Until the frame is encoded, however often a worker dies with it. */
  async #settle(mine: DmaBuf, tag: number, first: readonly Fence[], fence: Fence): Promise<void> {
    using frame = mine;
    let encoded = fence;
    const bands = [...first];
    while (!(await this.#succeeded(encoded))) {
      await Promise.all(bands.map((band) => this.#succeeded(band)));
      const missing = [...bands.keys()].filter((lane) => bands[lane]?.error !== null);
      if (missing.length === 0) await this.#refused(tag);
      await this.#redo(frame, tag, missing, bands);
      encoded = await this.#submitToEncoder(frame, tag);
    }
    this.#job.progress(++this.#encoded);
  }

  /** The encoder has all bands of a frame, and still did not take it: its report says why. */
  async #refused(tag: number): Promise<never> {
    await this.#line.report;
    throw new Error(`frame ${tag} was not encoded`);
  }

  /** Submits the lost bands again, and puts their fences in place of the failed ones. */
  async #redo(frame: DmaBuf, tag: number, lanes: readonly number[], bands: Fence[]): Promise<void> {
    {
      // The failed fences say that the content is undefined. It is, but only in rows that are written again now.
      using lock = await frame.resv.lock({ signal: this.#signal });
      lock.markConsistent();
    }
    const again = await this.#line.lanes.submit(lanes, frame, tag, this.#signal);
    for (const [index, lane] of lanes.entries()) {
      const band = again[index];
      if (band !== undefined) bands[lane] = band;
    }
  }

  async #succeeded(fence: Fence): Promise<boolean> {
    try {
      await fence.wait({ signal: this.#signal });
      return true;
    } catch (error) {
      if (!DmaBufError.is(error)) throw error;
      return false;
    }
  }

  /** --kill, before a frame is submitted. A frame with a victim goes to workers of whom none is dying already. */
  async #killsDue(): Promise<void> {
    const { killEvery } = this.#job;
    if (killEvery !== null && (this.#fed + 1) % killEvery === 0) this.#owed++;
    if (this.#owed > 0) await Promise.all(this.#dying);
  }

  /**
   * Kills the workers of some bands of the frame just submitted before they are done with them. Where too many are
   * done already, the next frame has more victims.
   */
  #killSome(bands: readonly Fence[]): void {
    const first = this.#nextVictim;
    for (let i = 0; i < bands.length && this.#owed > 0; i++) {
      const victim = (first + i) % bands.length;
      if (bands[victim]?.signaled !== false) continue;
      this.#owed--;
      this.#nextVictim = victim + 1;
      this.#kill(victim);
    }
  }

  #kill(victim: number): void {
    const over = this.#line.lanes
      .kill(victim)
      .then(() => void this.kills++)
      .catch((error: unknown) => this.stop(error))
      .finally(() => this.#dying.delete(over));
    this.#dying.add(over);
  }
}

/** What has failed elsewhere ends the wait for an input that gives nothing. What is still read then goes into a frame that nobody looks at. */
function unlessAborted<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason as Error);
    signal.addEventListener('abort', abort);
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
