// SPDX-License-Identifier: MIT
/**
 * copy-mode — the same work without this library, the way it is usually written: cut each worker's rows out of the
 * frame, postMessage them, get the filtered rows back, put the frame together, postMessage it to the encoder.
 *
 * As many frames are in flight as in threads mode. Every slice, every clone and every paste is counted once,
 * although the engine moves a clone twice: into the message and out of it.
 */
import { Worker } from 'node:worker_threads';
import { type Band, bandOf, withHalo } from './bands.js';
import type { BandDone, BandJob, EncodeJob, Failed, FrameDone, Ready } from './copy-messages.js';
import { FILTER_RADIUS } from './filters.js';
import { framesInFlight, type Job, latencyOf, NO_LEAKS, type Result } from './job.js';
import { Histogram, nowMicros } from './latency.js';
import { cutStrip, pasteBand } from './strip.js';
import { messageOf, UserError } from './user-error.js';

const FILTER_SCRIPT = new URL('./copy-filter-worker.js', import.meta.url);
const ENCODER_SCRIPT = new URL('./copy-encoder-worker.js', import.meta.url);

/** A frame between its first strip and its encoding. */
interface Pending {
  readonly pixels: Uint8Array;
  bandsLeft: number;
  lastDone: number;
}

interface Lane {
  readonly worker: Worker;
  readonly band: Band;
  readonly part: Band;
}

export async function runCopies(job: Job): Promise<Result> {
  const pipeline = new CopyPipeline(job);
  try {
    await pipeline.ready();
    return await pipeline.run();
  } finally {
    await pipeline.close();
  }
}

class CopyPipeline {
  readonly #job: Job;
  readonly #lanes: readonly Lane[];
  readonly #encoder: Worker;
  readonly #ready: Promise<unknown>;
  readonly #size: number;
  readonly #pending = new Map<number, Pending>();
  /** When each frame that is not encoded yet was submitted, oldest first. */
  readonly #submitted: number[] = [];
  readonly #spare: Uint8Array[] = [];
  readonly #toFilter = new Histogram();
  readonly #toEncoder = new Histogram();
  readonly #whole = new Histogram();
  #inFlight = 0;
  #encoded = 0;
  #bytesCopied = 0;
  #last: FrameDone | null = null;
  #failure: Error | null = null;
  #closing = false;
  #wake: () => void = () => undefined;

  constructor(job: Job) {
    this.#job = job;
    this.#size = framesInFlight(job.workers);
    const { geometry } = job.source.format;
    const { width, chroma } = geometry;
    const ready: Promise<void>[] = [];
    const start = (script: URL, data: object, heard: (message: BandDone | FrameDone) => void) => {
      const worker = new Worker(script, { workerData: data });
      ready.push(this.#listen(worker, heard));
      return worker;
    };
    this.#lanes = Array.from({ length: job.workers }, (_, index) => {
      const band = bandOf(geometry, index, job.workers);
      const part = withHalo(geometry, band, FILTER_RADIUS[job.filter]);
      const setup = { filter: job.filter, width, chroma };
      const worker = start(FILTER_SCRIPT, setup, (message) => {
        if (message.type === 'band') this.#bandDone(lane, message);
      });
      const lane: Lane = { worker, band, part };
      return lane;
    });
    const setup = { output: job.output, format: job.source.format, prefix: job.prefix };
    this.#encoder = start(ENCODER_SCRIPT, setup, (message) => {
      if (message.type === 'frame') this.#frameDone(message);
    });
    this.#ready = Promise.all(ready);
    job.signal.addEventListener('abort', () => this.#wake());
  }

  async ready(): Promise<void> {
    await this.#ready;
  }

  async run(): Promise<Result> {
    const { source, frames } = this.#job;
    const input = new Uint8Array(source.format.geometry.bytes);
    const began = performance.now();
    let tag = 0;
    let occupied = 0;
    let most = 0;
    while (tag < frames) {
      await this.#until(() => this.#inFlight < this.#size);
      const more = await source.read(input);
      this.#job.signal.throwIfAborted();
      if (!more) break;
      this.#inFlight++;
      occupied += this.#inFlight;
      most = Math.max(most, this.#inFlight);
      this.#submit(tag++, input);
    }
    await this.#until(() => this.#inFlight === 0);
    const seconds = (performance.now() - began) / 1000;
    const { geometry } = source.format;
    return {
      mode: 'copy',
      frames: tag,
      width: geometry.width,
      height: geometry.height,
      workers: this.#job.workers,
      seconds,
      latency: latencyOf(this.#toFilter, this.#toEncoder, this.#whole),
      bytesCopied: this.#bytesCopied,
      occupancy: { size: this.#size, mean: tag === 0 ? 0 : occupied / tag, max: most },
      checksum: this.#last?.checksum ?? '',
      prefixChecksum: this.#last?.prefixChecksum ?? null,
      kills: 0,
      leaks: NO_LEAKS,
    };
  }

  async close(): Promise<void> {
    this.#closing = true;
    await Promise.all(
      [...this.#lanes.map((lane) => lane.worker), this.#encoder].map((w) => w.terminate()),
    );
  }

  #listen(worker: Worker, heard: (message: BandDone | FrameDone) => void): Promise<void> {
    return new Promise((resolve) => {
      worker.on('message', (message: BandDone | FrameDone | Ready | Failed) => {
        if (message.type === 'ready') resolve();
        else if (message.type === 'failed') this.#fail(new UserError(message.message));
        else heard(message);
      });
      worker.on('error', (error) => this.#fail(new Error(`a worker failed: ${messageOf(error)}`)));
      worker.on('exit', (code) => {
        resolve();
        if (!this.#closing) this.#fail(new Error(`a worker ended with code ${code}`));
      });
    });
  }

  #submit(tag: number, input: Uint8Array): void {
    const { geometry } = this.#job.source.format;
    const lanes = this.#lanes.filter(({ band }) => band.y0 < band.y1);
    const pixels = this.#spare.pop() ?? new Uint8Array(geometry.bytes);
    this.#pending.set(tag, { pixels, bandsLeft: lanes.length, lastDone: 0 });
    const submitted = nowMicros();
    this.#submitted.push(submitted);
    for (const { worker, band, part } of lanes) {
      const strip = cutStrip(geometry, input, part);
      worker.postMessage({
        frame: tag,
        pixels: strip,
        height: part.y1 - part.y0,
        y0: band.y0 - part.y0,
        y1: band.y1 - part.y0,
        submitted,
      } satisfies BandJob);
      this.#bytesCopied += 2 * strip.length;
    }
  }

  #bandDone({ band, part }: Lane, message: BandDone): void {
    const frame = this.#pending.get(message.frame);
    if (frame === undefined) return;
    this.#toFilter.record(message.hop);
    const { geometry } = this.#job.source.format;
    const pasted = pasteBand(geometry, frame.pixels, message.pixels, part, band);
    this.#bytesCopied += message.pixels.length + pasted;
    frame.lastDone = Math.max(frame.lastDone, message.done);
    if (--frame.bandsLeft > 0) return;
    // Each worker answers in order, so frames are completed in order too.
    this.#pending.delete(message.frame);
    this.#encoder.postMessage({ pixels: frame.pixels, ready: frame.lastDone } satisfies EncodeJob);
    this.#bytesCopied += frame.pixels.length;
    this.#spare.push(frame.pixels);
  }

  #frameDone(message: FrameDone): void {
    this.#last = message;
    this.#toEncoder.record(message.hop);
    this.#whole.record(message.done - (this.#submitted.shift() ?? message.done));
    this.#inFlight--;
    this.#job.progress(++this.#encoded);
    this.#wake();
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    this.#wake();
  }

  async #until(condition: () => boolean): Promise<void> {
    for (;;) {
      this.#job.signal.throwIfAborted();
      if (this.#failure !== null) throw this.#failure;
      if (condition()) return;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}
