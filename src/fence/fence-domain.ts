// SPDX-License-Identifier: MIT
/**
 * fence/fence-domain — what fences need of the Domain that they are looked up in.
 */

import { fail, shown } from '../errors.js';
import type { AnyFence } from './any-fence.js';
import type { Point } from './records.js';
import type { FenceSource } from './source.js';

/** Fences of an agent, and those that others name. */
interface Room extends FenceSource {
  find(point: Point, timeline: number, seqno: number): AnyFence;
}

/** What `Fence.from` needs of a Domain. */
export interface FenceDomain {
  readonly name: string;
  readonly agent: string;
  /** @internal */
  readonly fences: Room;
}

/** @throws EINVAL no Domain */
export function roomOf(op: string, domain: FenceDomain): Room {
  const fences = (domain as Partial<FenceDomain> | null | undefined)?.fences;
  if (fences !== undefined) return fences;
  throw fail('EINVAL', op, { domain: shown(domain) }, { why: 'domain must be a Domain' });
}
