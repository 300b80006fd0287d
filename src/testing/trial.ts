// SPDX-License-Identifier: MIT
/**
 * testing/trial — one exporter in one fresh domain: from its making to its release, and who is to blame when it goes wrong.
 *
 * A breach that the monitor saw is the reason, whatever failed because of it later. Next come a lock or a fence that the exporter
 * left behind: the kit keeps none beyond its steps. What is left counts against the rule that the case is about.
 */

import { type DmaBuf, DmaBufError, Domain, MiB, type Reservation, type ResvLock } from 'dmabuf';
import { ConformanceError, messageOf } from './conformance-error.js';
import { failureOf } from './failure-of.js';
import { excess, type Footprint, footprintOf } from './footprint.js';
import { inTime } from './in-time.js';
import { made } from './made.js';
import type { ConformanceOptions, ExporterUnderTest, MakeExporter } from './maker.js';
import { Monitor } from './monitor.js';
import type { RuleName } from './rules.js';
import { Scarcity } from './scarcity.js';
import { watchedDomain } from './watched-domain.js';

/** Milliseconds that the exporter has for each thing. */
export const limitOf = ({ timeout = 2_000 }: ConformanceOptions): number => timeout;

const HEAP = 64 * MiB;
/** Small tables make a domain quickly. */
const LIMITS = { buffers: 4096, agents: 8, timelines: 256, channels: 64 };

export class Trial {
  readonly monitor: Monitor;
  readonly scarcity: Scarcity;
  /** Where the kit's other agents live. */
  readonly host: 'thread' | 'process';
  /** For the kit's own waits: longer than a callback may take, so that the callback is blamed. */
  readonly wait: { readonly timeout: number };
  readonly buf: DmaBuf;
  readonly resv: Reservation;

  private constructor(
    readonly rule: RuleName,
    readonly domain: Domain,
    readonly under: ExporterUnderTest,
    parts: Pick<Trial, 'monitor' | 'scarcity' | 'host'>,
  ) {
    this.monitor = parts.monitor;
    this.scarcity = parts.scarcity;
    this.host = parts.host;
    this.wait = { timeout: 2 * this.monitor.limit };
    this.buf = under.buf;
    this.resv = under.buf.resv;
  }

  /**
   * Makes an exporter, and has `body` judge it.
   * @throws ConformanceError
   */
  static async run(
    rule: RuleName,
    make: MakeExporter,
    options: ConformanceOptions,
    body: (trial: Trial) => Promise<void>,
  ): Promise<void> {
    const { heap = HEAP, host = 'thread' } = options;
    const processes = host === 'process';
    const domain = await Domain.create({ name: 'conformance', heap, limits: LIMITS, processes });
    const monitor = new Monitor(limitOf(options));
    const scarcity = new Scarcity(domain);
    try {
      const watched = watchedDomain(domain, monitor, scarcity);
      const under = await made(monitor, domain, async () => make(watched));
      const trial = new Trial(rule, domain, under, { monitor, scarcity, host });
      await trial.#judged(body);
    } finally {
      await domain.close();
    }
  }

  /** The first breach ends it: what follows from it would only take time. */
  async #judged(body: (trial: Trial) => Promise<void>): Promise<void> {
    const { rule, monitor } = this;
    const judging = failureOf(body(this));
    await Promise.race([judging, monitor.broken]);
    await this.#settle();
    const [breach] = monitor.breaches;
    if (breach !== undefined) {
      throw new ConformanceError(breach.rule, breach.what, breach.cause);
    }
    const failure = await judging;
    if (failure !== null) throw blame(rule, failure);
  }

  /** What the exporter has begun ends, or it is to blame. */
  async #settle(): Promise<void> {
    const { monitor, resv, buf, wait } = this;
    if (monitor.breaches.length > 0) return;
    await this.#quiet();
    if (!buf.closed) {
      if (isLocked(resv)) {
        monitor.breach('leaves-no-lock', 'all callbacks have returned, and the lock is not free');
        return;
      }
      await resv.wait('bookkeep', wait).catch((error: unknown) => {
        monitor.breach('fences-end', 'a fence in the reservation does not signal', error);
      });
      buf.close();
    }
    await this.#quiet();
  }

  /** Until what goes on in the background is over, or does not end. */
  async #quiet(): Promise<void> {
    await this.monitor.ended();
    await this.domain.idle(this.wait).catch(() => {});
  }

  // ------------------------------------------------------------------------------------------- for cases

  /** The rule of the case is broken. */
  fail(what: string, cause?: unknown): ConformanceError {
    return new ConformanceError(this.rule, what, cause);
  }

  /** @throws ConformanceError it took too long */
  within<T>(what: string, work: Promise<T>): Promise<T> {
    const { timeout } = this.wait;
    return inTime(work, timeout, () => this.fail(`${what} took longer than ${timeout} ms`));
  }

  lock(): Promise<ResvLock> {
    return this.resv.lock(this.wait);
  }

  /** Has the exporter move its memory. @throws its own */
  async move(): Promise<void> {
    using lock = await this.lock();
    await this.#move(lock);
  }

  async #move(lock: ResvLock): Promise<void> {
    const { under, monitor } = this;
    const moving = monitor.run('move', [lock], ([lent]) => under.move?.(lent as ResvLock));
    await this.within('move', Promise.resolve(moving));
  }

  /** Has the exporter move its memory, which is not possible now. */
  async refusesToMove(why: string, lock?: ResvLock): Promise<void> {
    const error = await failureOf(lock === undefined ? this.move() : this.#move(lock));
    if (DmaBufError.is(error, 'EBUSY')) return;
    const outcome = error === null ? 'move succeeded' : `move failed with ${messageOf(error)}`;
    throw this.fail(`${why}, and ${outcome}`, error);
  }

  async footprint(): Promise<Footprint> {
    await this.monitor.ended();
    await this.domain.idle(this.wait);
    return footprintOf(this.domain);
  }

  /** Until no more is in use than that, as soon as who is elsewhere has been told; or why not, in words. */
  async settlesTo(
    before: Footprint,
    { timeout }: { readonly timeout: number } = this.wait,
  ): Promise<string | null> {
    const end = performance.now() + timeout;
    for (;;) {
      const more = excess(await this.footprint(), before);
      if (more === null || performance.now() > end) return more;
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }

  /** `work` takes nothing that it does not give back, once the exporter has what it keeps for good. */
  async takesNothing(what: string, work: () => Promise<void>): Promise<void> {
    for (let n = 0; n < WARM_UP; n++) await work();
    const before = await this.footprint();
    for (let n = 0; n < ROUNDS; n++) await work();
    const growth = excess(await this.footprint(), before);
    if (growth !== null) throw this.fail(`${what}, ${ROUNDS} times, and ${growth} more are in use`);
  }
}

const WARM_UP = 2;
const ROUNDS = 4;

function blame(rule: RuleName, error: unknown): ConformanceError {
  if (error instanceof ConformanceError) return error;
  return new ConformanceError(rule, messageOf(error), error);
}

function isLocked(resv: Reservation): boolean {
  try {
    const lock = resv.tryLock();
    lock?.unlock();
    return lock === null;
  } catch {
    return false; // its last holder died: it is free
  }
}
