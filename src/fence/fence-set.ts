// SPDX-License-Identifier: MIT
/**
 * fence/fence-set — several points as one fence: a plain value, nothing of it is shared.
 *
 * It asks its points, and remembers the answer once it is final. Sets are flat: all of all and any of any are one list.
 */

import { type Operation, until } from '../agent/index.js';
import { type ErrorCode, type ErrorDetails, fail, shown } from '../errors.js';
import { AnyFence, type FenceName } from './any-fence.js';
import type { Fence } from './fence.js';
import { packName } from './name.js';
import type { FenceSource } from './source.js';

type Mode = FenceName['mode'];

let makeSet: (points: readonly Fence[], mode: Mode, source: FenceSource | null) => FenceSet;

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
    if (part instanceof FenceSet && part.leaves.length > 1 && part.mode !== mode) {
      const why = `a set made by ${part.mode}() cannot be a part here`;
      throw fail('EINVAL', op, part.details, { why });
    }
  }
  const points = parts.flatMap((part) => part.leaves);
  if (points.length === 0 && mode === 'any') {
    throw fail('EINVAL', op, { fences: 0 }, { why: 'any of nothing would never signal' });
  }
  return makeSet(points, mode, sourceOf(op, parts));
}

/** Several fences as one. Not for a reservation: add its points. (dma_fence_array) */
export class FenceSet extends AnyFence implements Iterable<Fence> {
  readonly #points: readonly Fence[];
  readonly #mode: Mode;
  readonly #source: FenceSource | null;
  /** Points that may be pending: those after it, from the end, have been seen signalled. Of `any`: 0 once one has. */
  #open: number;

  static {
    makeSet = (points, mode, source) => new FenceSet(points, mode, source);
  }

  private constructor(points: readonly Fence[], mode: Mode, source: FenceSource | null) {
    super();
    this.#points = points;
    this.#mode = mode;
    this.#source = source;
    this.#open = points.length;
  }

  get signaled(): boolean {
    if (this.#mode === 'any') {
      if (this.#open > 0 && this.#points.some((point) => point.signaled)) this.#open = 0;
    } else {
      while (this.#open > 0 && this.#points[this.#open - 1]?.signaled === true) this.#open--;
    }
    return this.#open === 0;
  }

  get error(): ErrorCode | null {
    if (!this.signaled) return null;
    if (this.#mode === 'any') return this.#first()?.error ?? null;
    return this.#earliest((point) => point.error !== null)?.error ?? null;
  }

  get timestamp(): number | null {
    if (!this.signaled) return null;
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

  /** @internal */
  get mode(): Mode {
    return this.#mode;
  }

  /** @internal */
  get source(): FenceSource | null {
    return this.#source;
  }

  /** @internal */
  get leaves(): readonly Fence[] {
    return this.#points;
  }

  /** @internal */
  get details(): ErrorDetails {
    return { points: this.#points.length, mode: this.#mode };
  }

  /** @internal One point after the other, or all at once. */
  *waiting(source: FenceSource, op: string): Operation<void> {
    if (this.#mode === 'any') {
      yield* until(
        source.waitOn(this.#points, () => this.signaled),
        op,
        this.details,
      );
      return;
    }
    for (const point of this.#points) {
      if (!point.signaled) yield* until(source.waitFor(point), op, this.details);
    }
  }

  /** @internal */
  protected isOwed(by: (leaf: Fence) => boolean): boolean {
    return this.#mode === 'any' ? this.#points.every(by) : this.#points.some(by);
  }

  toJSON(): FenceName {
    return { dmabuf: 'fence', points: this.#points.map(packName), mode: this.#mode };
  }

  /** Its points, signalled ones too. @source dma_fence_unwrap_for_each */
  [Symbol.iterator](): Iterator<Fence> {
    return this.#points[Symbol.iterator]();
  }
}
