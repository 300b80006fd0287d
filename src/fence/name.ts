// SPDX-License-Identifier: MIT
/**
 * fence/name — the name of a point as plain JSON.
 *
 * [timeline, record, seqno]: `record` is row and generation in one safe integer. Timeline and seqno travel along so that a name whose
 * record was recycled still says which point it was.
 */

import { fail, shown } from '../errors.js';
import type { FenceName } from './any-fence.js';
import type { Point } from './records.js';

const GENERATIONS = 2 ** 20;

/** One point of a name. */
export interface NamedPoint {
  readonly point: Point;
  readonly timeline: number;
  readonly seqno: number;
}

export function packName(
  fence: Point & { readonly timeline: number; readonly seqno: number },
): readonly [timeline: number, generation: number, seqno: number] {
  return [fence.timeline, fence.row * GENERATIONS + fence.generation, fence.seqno];
}

/** @throws EINVAL not a name */
export function readName(
  op: string,
  name: FenceName,
): { readonly points: readonly NamedPoint[]; readonly mode: 'all' | 'any' } {
  const given: unknown = name;
  const { dmabuf, points, mode } = (given ?? {}) as Record<string, unknown>;
  const known = dmabuf === 'fence' && (mode === 'all' || mode === 'any') && Array.isArray(points);
  if (!known || !points.every(isPoint)) {
    const why = 'name must be what fence.toJSON() returned';
    throw fail('EINVAL', op, { name: shown(given) }, { why });
  }
  return { points: points.map(unpack), mode };
}

function isPoint(value: unknown): value is readonly [number, number, number] {
  return (
    Array.isArray(value) &&
    value.length === 3 &&
    value.every((part) => Number.isSafeInteger(part) && part >= 0)
  );
}

function unpack([timeline, record, seqno]: readonly [number, number, number]): NamedPoint {
  const row = Math.floor(record / GENERATIONS);
  return { point: { row, generation: record % GENERATIONS }, timeline, seqno };
}
