// SPDX-License-Identifier: MIT
/**
 * fence/unwrap — the points that are left of several fences.
 */

import { fail } from '../errors.js';
import type { AnyFence } from './any-fence.js';
import type { Fence } from './fence.js';
import { FenceSet, sourceOf } from './fence-set.js';

/** What is left of several fences. */
export interface Merged {
  /** The unsignalled points, sorted by timeline, the latest of each. */
  readonly points: readonly Fence[];
  /** When the last of the others signalled. */
  readonly time: number;
}

/** @throws EINVAL one is a pending set made by any() · EXDEV fences of different domains */
export function mergePoints(op: string, fences: readonly AnyFence[]): Merged {
  sourceOf(op, fences);
  const latest = new Map<number, Fence>();
  let time = 0;
  for (const fence of fences) {
    time = Math.max(time, fence.timestamp ?? 0);
    if (fence.signaled) continue;
    if (fence instanceof FenceSet && fence.mode === 'any' && fence.leaves.length > 1) {
      const why = 'a set made by any() cannot be a part here';
      throw fail('EINVAL', op, fence.details, { why });
    }
    for (const point of fence.leaves) {
      if (point.signaled) {
        time = Math.max(time, point.timestamp ?? 0);
        continue;
      }
      const known = latest.get(point.timeline);
      if (known === undefined || point.isLaterThan(known)) latest.set(point.timeline, point);
    }
  }
  return { points: [...latest.values()].toSorted((a, b) => a.timeline - b.timeline), time };
}
