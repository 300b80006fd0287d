// SPDX-License-Identifier: MIT
/**
 * fence/fence-set — several points as one fence: a plain value, until another agent is to know of it.
 *
 * It asks its points, and remembers the answer once it is final. Sets are flat: all of all and any of any are one list. Once it is
 * named, or put into a chain, a record stands for it (containers): what that says is the truth from then on.
 */

import { type ErrorCode, type ErrorDetails, errorNumber, fail, shown } from '../errors.js';
import { AnyFence, type FenceName } from './any-fence.js';
import type { Containers } from './containers.js';
import type { Fence } from './fence.js';
import { Kind } from './layout.js';
import { packName } from './name.js';
import type { Outcome, Point } from './records.js';
import type { FenceSource } from './source.js';

type Mode = FenceName['mode'];

let makeSet: (
  points: readonly Fence[],
  mode: Mode,
  source: FenceSource | null,
  record?: Fence,
) => FenceSet;

/** Inside this room: a set, and the record that stands for it already. */
export { makeSet };

/** The agent that these fences belong to, or null when none needs one. @throws EXDEV different domains */
export function sourceOf(op: string, fences: Iterable<AnyFence>): FenceSource | null {
  let common: FenceSource | null = null;
  for (const { source, details } of fences) {
    if (source === null || source === common) continue;
    if (common !== null) throw fail('EXDEV', op, details);
    common = source;
  }
  return common;
}

/** What somebody gave for several fences. @throws EINVAL it cannot be iterated, or holds something else */
export function fencesOf(op: string, fences: Iterable<AnyFence>): readonly AnyFence[] {
  if (typeof (fences as Partial<Iterable<AnyFence>> | null)?.[Symbol.iterator] !== 'function') {
    const why = 'fences must be an array, or something else to iterate over';
    throw fail('EINVAL', op, { fences: shown(fences) }, { why });
  }
  const all = [...fences];
  const place = all.findIndex((fence) => !(fence instanceof AnyFence));
  if (place < 0) return all;
  const why = 'each must be a Fence or a FenceSet: of what toJSON() gave, Fence.from(domain, name)';
  throw fail('EINVAL', op, { place, fence: shown(all[place]) }, { why });
}

/**
 * The points of `fences` as one set.
 * @throws EINVAL no fences, a part of the other mode, any() of nothing · EXDEV fences of different domains
 */
export function setOf(op: string, fences: Iterable<AnyFence>, mode: Mode): FenceSet {
  const parts = fencesOf(op, fences);
  for (const part of parts) {
    if (part.isOneOf(mode)) continue;
    const other = mode === 'any' ? 'a chain, or a set made by all(),' : 'a set made by any()';
    throw fail('EINVAL', op, part.details, { why: `${other} cannot be a part here` });
  }
  if (parts.length === 0 && mode === 'any') {
    throw fail('EINVAL', op, { fences: 0 }, { why: 'any of nothing would never signal' });
  }
  const points = parts.map((part) => part.leaves);
  // All of nothing is over, and so is any of several with it.
  const over = mode === 'any' && points.some((each) => each.length === 0);
  return makeSet(over ? [] : points.flat(), mode, sourceOf(op, parts));
}

/**
 * Several fences as one. Not for a reservation: add its points. (dma_fence_array)
 * It asks its points. Other agents know it by its name (`toJSON`); iterating gives its points, also those that have signalled, except
 * in an agent that opened it when it was over.
 */
export class FenceSet extends AnyFence implements Iterable<Fence> {
  readonly #points: readonly Fence[];
  readonly #mode: Mode;
  readonly #source: FenceSource | null;
  /** Stands for it in shared memory. */
  #record: Fence | null;
  /** Points that may be pending: those after it, from the end, have been seen signalled. Of `any`: 0 once one has. */
  #open: number;

  static {
    makeSet = (points, mode, source, record) => new FenceSet(points, mode, source, record ?? null);
  }

  private constructor(
    points: readonly Fence[],
    mode: Mode,
    source: FenceSource | null,
    record: Fence | null,
  ) {
    super();
    this.#points = points;
    this.#mode = mode;
    this.#source = source;
    this.#record = record;
    this.#open = points.length;
  }

  get signaled(): boolean {
    const record = this.#record;
    if (record === null) return this.#over();
    if (!record.signaled) {
      // Its points may be gone as soon as it has signalled: what they say counts as long as it has not.
      if (!this.#over()) return false;
      this.#source?.containers.finish(record, this.#outcome());
    }
    this.#source?.containers.over(record);
    return true;
  }

  get error(): ErrorCode | null {
    if (!this.signaled) return null;
    return this.#record?.signaled === true ? this.#record.error : this.#ownError();
  }

  get timestamp(): number | null {
    if (!this.signaled) return null;
    return this.#record?.signaled === true ? this.#record.timestamp : this.#ownTime();
  }

  // ------------------------------------------------------------------------------------------- by its points

  #over(): boolean {
    if (this.#mode === 'any') {
      if (this.#open > 0 && this.#points.some((point) => point.signaled)) this.#open = 0;
    } else {
      while (this.#open > 0 && this.#points[this.#open - 1]?.signaled === true) this.#open--;
    }
    return this.#open === 0;
  }

  #outcome(): Outcome {
    const error = this.#ownError();
    return { error: error === null ? 0 : errorNumber(error), time: this.#ownTime() };
  }

  #ownError(): ErrorCode | null {
    if (this.#mode === 'any') return this.#first()?.error ?? null;
    return this.#earliest((point) => point.error !== null)?.error ?? null;
  }

  #ownTime(): number {
    if (this.#mode === 'any') return this.#first()?.timestamp ?? 0;
    return this.#points.reduce((latest, point) => Math.max(latest, point.timestamp ?? 0), 0);
  }

  #first(): Fence | undefined {
    return this.#earliest((point) => point.signaled);
  }

  /** The first in time that is so; of several, the first in order. */
  #earliest(is: (point: Fence) => boolean): Fence | undefined {
    let found: Fence | undefined;
    for (const point of this.#points) {
      if (!is(point)) continue;
      if (found === undefined || (point.timestamp ?? 0) < (found.timestamp ?? 0)) found = point;
    }
    return found;
  }

  // ------------------------------------------------------------------------------------------- as a fence

  /** @internal */
  get mode(): Mode {
    return this.#mode;
  }

  /** @internal */
  get source(): FenceSource | null {
    return this.#source;
  }

  /** @internal Of what it is made of, if that is known; else its own record, which says how it ended. */
  get leaves(): readonly Fence[] {
    const record = this.#record;
    return this.#points.length === 0 && record?.signaled === true ? [record] : this.#points;
  }

  /** @internal */
  get details(): ErrorDetails {
    return { points: this.#points.length, mode: this.#mode };
  }

  /**
   * All at once, or one point after the other: the last one first, since most sets signal from their beginning.
   * @internal
   */
  blockers(): readonly Point[] {
    // One of these may signal from here on: who waits looks at them again.
    if (this.signaled) return [];
    const points =
      this.#mode === 'any' ? this.#points : this.#points.slice(this.#open - 1, this.#open);
    return this.#record === null ? points : [this.#record, ...points];
  }

  /** @internal */
  isOneOf(mode: Mode): boolean {
    return this.#mode === mode || this.#points.length < 2;
  }

  /** @internal */
  settle(): boolean {
    return this.signaled;
  }

  /** @internal */
  recordIn(containers: Containers): Fence {
    const kind = this.#mode === 'any' ? Kind.ANY : Kind.ALL;
    this.#record ??= containers.share(this, kind, this.#over() ? this.#outcome() : null);
    return this.#record;
  }

  /** @internal */
  protected isOwed(by: (leaf: Fence) => boolean): boolean {
    return this.#mode === 'any' ? this.#points.every(by) : this.#points.some(by);
  }

  toJSON(): FenceName {
    const source = this.#points.length > 1 ? this.#source : null;
    const record = source === null ? this.#record : this.recordIn(source.containers);
    const points = record === null ? this.#points : [record];
    return { dmabuf: 'fence', points: points.map(packName), mode: this.#mode };
  }

  /** Its points, signalled ones too. @source dma_fence_unwrap_for_each */
  [Symbol.iterator](): Iterator<Fence> {
    return this.#points[Symbol.iterator]();
  }
}
