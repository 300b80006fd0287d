// SPDX-License-Identifier: MIT
/**
 * fence/fence — a point on a timeline, and the ways to put several together.
 *
 * A Fence is pending until it has seen its record signalled; then it keeps the outcome itself, and needs the record no more.
 *
 * Invariants  I12 see records: a record of another generation means "signalled".
 */

import { type Operation, until } from '../agent/index.js';
import { checkWait, type ErrorCode, type ErrorDetails, errorCode, fail, shown } from '../errors.js';
import { load, type Words } from '../mem/index.js';
import { AnyFence, anySignaled, type FenceName } from './any-fence.js';
import type { KnownContainer } from './containers.js';
import { type FenceDomain, roomOf } from './fence-domain.js';
import { type FenceSet, fencesOf, makeSet, setOf, sourceOf } from './fence-set.js';
import { generationOf, openWord, signaledWord, WAITED } from './layout.js';
import { packName, readName } from './name.js';
import type { WaitOptions } from './options.js';
import type { FenceRecords, Outcome, Point } from './records.js';
import type { FenceSource } from './source.js';
import { mergePoints } from './unwrap.js';

/** `#error` of a fence that has not been seen signalled. */
const OPEN = -1;

/** Of fences without a record. */
const NOWHERE: Words = new Int32Array(1);

let openFence: (
  source: FenceSource,
  timeline: number,
  seqno: number,
  row: number,
  generation: number,
) => Fence;
let closedFence: (timeline: number, seqno: number, outcome: Outcome) => Fence;
let keep: (fence: Fence, error: number, time: number) => void;
let knownOf: (record: Fence) => KnownContainer | null;
let know: (record: Fence, container: KnownContainer) => void;

/** Inside this room: fences with a record, fences with an outcome, the ways from one to the other, and what a record stands for. */
export { closedFence, keep, know, knownOf, openFence };

/** A point on a timeline. (struct dma_fence) */
export class Fence extends AnyFence {
  /** Word of the record's state. */
  readonly #at: number;
  /** What `state | WAITED` is while this fence is pending. */
  readonly #open: number;
  #error = OPEN;
  readonly #words: Words;
  /** Id of its timeline. (dma_fence.context) */
  readonly timeline: number;
  /** Its number on the timeline. (dma_fence.seqno) */
  readonly seqno: number;
  readonly #source: FenceSource | null;
  /** Kept when the record is given up, else read there. */
  #time: number | null = null;
  /** The container that it is the record of. */
  #container: KnownContainer | null = null;

  static {
    openFence = (source, timeline, seqno, row, generation) =>
      new Fence(
        source,
        source.records.words,
        timeline,
        seqno,
        source.records.at(row),
        openWord(generation),
      );
    closedFence = (timeline, seqno, outcome) => {
      const fence = new Fence(null, NOWHERE, timeline, seqno, 0, 0);
      fence.#error = outcome.error;
      fence.#time = outcome.time;
      return fence;
    };
    keep = (fence, error, time) => {
      fence.#error = error;
      fence.#time = time;
    };
    knownOf = (record) => record.#container;
    know = (record, container) => {
      record.#container = container;
    };
  }

  private constructor(
    source: FenceSource | null,
    words: Words,
    timeline: number,
    seqno: number,
    at: number,
    open: number,
  ) {
    super();
    this.timeline = timeline;
    this.seqno = seqno;
    this.#source = source;
    this.#words = words;
    this.#at = at;
    this.#open = open;
  }

  get signaled(): boolean {
    if (this.#error !== OPEN) return true;
    return (load(this.#words, this.#at) | WAITED) !== this.#open && this.#keep();
  }

  get error(): ErrorCode | null {
    return this.signaled ? errorCode(this.#error) : null;
  }

  get timestamp(): number | null {
    if (!this.signaled) return null;
    if (this.#time === null) this.#keep();
    return this.#time;
  }

  /** Copies the outcome out of the record. */
  #keep(): true {
    const source = this.#source;
    if (source === null || this.#time !== null) return true;
    const outcome = source.records.outcomeOf(this.row, this.generation);
    if (outcome === null) return true;
    if (this.#error === OPEN) this.#error = outcome.error;
    this.#time = outcome.time;
    source.settled(this.row, this);
    return true;
  }

  /** @internal */
  get row(): number {
    return this.#source?.records.rowAt(this.#at) ?? 0;
  }

  /** @internal */
  get generation(): number {
    return generationOf(this.#open);
  }

  /** @internal Is it that point of a timeline of the agent with these records? */
  isPoint(records: FenceRecords, timeline: number, seqno: number): boolean {
    return this.seqno === seqno && this.timeline === timeline && this.#words === records.words;
  }

  /** @internal Signals a pending fence that nobody else can signal. */
  commit(records: FenceRecords, error: number): void {
    this.#error = error;
    records.commit(this.#at, signaledWord(this.#open, error));
  }

  /** @internal */
  get source(): FenceSource | null {
    return this.#source;
  }

  /** @internal */
  get leaves(): readonly Fence[] {
    return [this];
  }

  /** @internal */
  get details(): ErrorDetails {
    return { timeline: this.timeline, seqno: this.seqno };
  }

  /** @internal */
  blockers(): readonly Point[] {
    return this.signaled ? [] : [this];
  }

  /** @internal */
  isOneOf(): boolean {
    return true;
  }

  /** @internal */
  recordIn(): Fence {
    return this;
  }

  /** @internal */
  protected override *waiting(source: FenceSource, op: string): Operation<void> {
    if (!this.signaled) yield* until(source.waitFor(this), op, this.details);
  }

  /** @internal */
  protected isOwed(by: (leaf: Fence) => boolean): boolean {
    return by(this);
  }

  toJSON(): FenceName {
    return { dmabuf: 'fence', points: [packName(this)], mode: 'all' };
  }

  /**
   * Does it signal after `other`? False for itself. Sequence numbers are 64 bits wide and never wrap.
   * @throws EINVAL points of different timelines have no order; not a Fence
   * @source dma_fence_is_later
   */
  isLaterThan(other: Fence): boolean {
    if (!(other instanceof Fence)) {
      const why = 'other must be a Fence: the points of a FenceSet have their order one by one';
      throw fail('EINVAL', 'Fence.isLaterThan', { other: shown(other) }, { why });
    }
    if (other.timeline !== this.timeline) {
      const at = { timeline: this.timeline, other: other.timeline };
      const why = 'only points of one timeline have an order';
      throw fail('EINVAL', 'Fence.isLaterThan', at, { why });
    }
    return this.seqno > other.seqno;
  }

  /** Signalled since ever. @source dma_fence_get_stub */
  static readonly done: Fence = closedFence(0, 0, { error: 0, time: 0 });

  /**
   * Signals when all have, at the time of the last; the first error wins. Of nothing: has signalled. Sets and chains in it count as
   * their points.
   * @throws EINVAL not fences; a set made by any() cannot be a part · EXDEV fences of different domains
   * @source dma_fence_array_create
   */
  static all(fences: Iterable<AnyFence>): FenceSet {
    return setOf('Fence.all', fences, 'all');
  }

  /**
   * Signals with the first of them, and with its error.
   * @throws EINVAL nothing given, not fences, a chain, or a part that is made by all() · EXDEV fences of different domains
   * @source dma_fence_array_create
   */
  static any(fences: Iterable<AnyFence>): FenceSet {
    return setOf('Fence.any', fences, 'any');
  }

  /**
   * Like all(), but sorted by timeline, the latest point of each, without what has signalled; of a chain, what its links add. One left:
   * that one. Nothing left: a fence that has signalled, at the time of the last of them.
   * @throws EINVAL not fences; a set made by any() cannot be a part · EXDEV fences of different domains
   * @source dma_fence_unwrap_merge · SYNC_IOC_MERGE
   */
  static merge(...fences: readonly AnyFence[]): AnyFence {
    const op = 'Fence.merge';
    const { points, time, source } = mergePoints(op, fencesOf(op, fences));
    const [first, ...more] = points;
    if (first === undefined) return time === 0 ? Fence.done : closedFence(0, 0, { error: 0, time });
    return more.length === 0 ? first : makeSet(points, 'all', source);
  }

  /**
   * Index of the first one to signal, failed or not; of several, the first in the array.
   * @throws EINVAL nothing given, or not fences · EXDEV · ETIMEDOUT · the signal's reason
   * @source dma_fence_wait_any_timeout
   */
  static async waitAny(fences: readonly AnyFence[], options?: WaitOptions): Promise<number> {
    const op = 'Fence.waitAny';
    checkWait(op, options);
    const all = fencesOf(op, fences);
    if (all.length === 0) {
      throw fail('EINVAL', op, { fences: 0 }, { why: 'there must be something to wait for' });
    }
    const first = (): number => all.findIndex((fence) => fence.signaled);
    const signaled = first();
    if (signaled >= 0) return signaled;
    const source = sourceOf(op, all);
    if (source !== null) await source.agent.run(op, untilAny(op, source, all), options);
    return first();
  }

  /**
   * The fence that another agent named by `toJSON`. Unknown by now: it has signalled long ago.
   * @throws EINVAL not a name
   */
  static from(domain: FenceDomain, name: FenceName): AnyFence {
    const op = 'Fence.from';
    const room = roomOf(op, domain);
    const { points, mode } = readName(op, name);
    const fences = points.map(({ point, timeline, seqno }) =>
      timeline === 0 ? Fence.done : room.find(point, timeline, seqno),
    );
    const [only] = fences;
    if (only !== undefined && fences.length === 1) return only;
    return setOf(op, fences, mode);
  }
}

/** Until one of these has signalled. */
function* untilAny(op: string, source: FenceSource, fences: readonly AnyFence[]): Operation<void> {
  while (!fences.some((fence) => fence.signaled)) {
    const blockers = fences.map((fence) => fence.blockers());
    // It has signalled since it was asked.
    if (blockers.some((points) => points.length === 0)) continue;
    const points = blockers.flat();
    const wait = source.waitOn(points, () => anySignaled(source, points));
    yield* until(wait, op, { fences: fences.length });
  }
}
