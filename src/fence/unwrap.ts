// SPDX-License-Identifier: MIT
/**
 * fence/unwrap — the points that are left of several fences.
 */

import { fail } from '../errors.js';
import type { AnyFence } from './any-fence.js';
import type { Fence } from './fence.js';
import { FenceChain } from './fence-chain.js';
import { FenceSet, sourceOf } from './fence-set.js';
import type { FenceSource } from './source.js';

/** What is left of several fences. */
export interface Merged {
  /** The unsignalled points, and links that failed with their maker, sorted by timeline, the latest of each. */
  readonly points: readonly Fence[];
  /** When the last of the others signalled. */
  readonly time: number;
  /** The agent that they belong to; null: none needs one. */
  readonly source: FenceSource | null;
}

/**
 * It may have failed with its maker: points of a set go on then, and what was before the link that he made may be pending, nobody
 * knows.
 */
const mayGoOn = (fence: AnyFence): boolean =>
  (fence instanceof FenceChain || (fence instanceof FenceSet && fence.mode === 'all')) &&
  fence.error !== null;

/** @throws EINVAL one is a pending set made by any() · EXDEV fences of different domains */
export function mergePoints(op: string, fences: readonly AnyFence[]): Merged {
  const source = sourceOf(op, fences);
  const pending: Fence[] = [];
  let time = 0;
  for (const fence of fences) {
    if (fence.signaled) time = Math.max(time, fence.timestamp ?? 0);
    if (fence.signaled && !mayGoOn(fence)) continue;
    if (fence instanceof FenceSet && fence.mode === 'any' && fence.leaves.length > 1) {
      const why = 'a set made by any() cannot be a part here';
      throw fail('EINVAL', op, fence.details, { why });
    }
    for (const point of fence.leaves) {
      if (point.signaled && !mayGoOn(point.source?.containers.of(point) ?? point))
        time = Math.max(time, point.timestamp ?? 0);
      else pending.push(point);
    }
  }
  // The latest first; what was merged before is sorted, so there is little to do.
  const sorted = pending.toSorted((a, b) => a.timeline - b.timeline || b.seqno - a.seqno);
  const points = sorted.filter((point, place) => point.timeline !== sorted[place - 1]?.timeline);
  return { points, time, source };
}
