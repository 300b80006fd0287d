// SPDX-License-Identifier: MIT
/**
 * syncobj/options — what calls of a client can be told, and what they are given, checked.
 */

import { checkInteger, checkObject, fail, shown } from '../errors.js';
import type { WaitOptions } from '../fence/index.js';

/** Options of SyncobjClient.wait(). */
export interface SyncobjWaitOptions extends WaitOptions {
  /** Until all are over; default: until one is. @source DRM_SYNCOBJ_WAIT_FLAGS_WAIT_ALL */
  readonly all?: boolean | undefined;
  /** Waits for fences that nobody has put in yet; default: these are EINVAL. @source DRM_SYNCOBJ_WAIT_FLAGS_WAIT_FOR_SUBMIT */
  readonly forSubmit?: boolean | undefined;
}

/** Options of SyncobjClient.timelineWait(). */
export interface SyncobjTimelineWaitOptions extends SyncobjWaitOptions {
  /** It is enough that the fence was put in; implies `forSubmit`. @source DRM_SYNCOBJ_WAIT_FLAGS_WAIT_AVAILABLE */
  readonly available?: boolean | undefined;
}

/** What a wait was told. */
export interface WaitFlags {
  readonly all: boolean;
  readonly forSubmit: boolean;
  readonly available: boolean;
}

/** Numbers of fences have 52 bits. */
const MOST_POINT = 2 ** 52 - 1;
/** Of every wait; looked at by the runner. */
const LIMITS = ['signal', 'timeout'];

/**
 * The flags that are set; what is not known is refused, since a misspelt one would change what the call means.
 * @throws EINVAL
 */
export function checkFlags<F extends string>(
  op: string,
  options: object | undefined,
  known: readonly F[],
  others: readonly string[] = [],
): ReadonlySet<F> {
  const set = new Set<F>();
  if (options === undefined) return set;
  checkObject(op, 'options', options);
  for (const [name, value] of Object.entries(options) as [string, unknown][]) {
    if (others.includes(name)) continue;
    const flag = known.find((one) => one === name);
    if (flag === undefined) {
      const why = `options can be ${[...known, ...others].join(', ')}`;
      throw fail('EINVAL', op, { option: shown(name) }, { why });
    }
    if (value !== undefined && typeof value !== 'boolean') {
      throw fail('EINVAL', op, { [flag]: shown(value) }, { why: `${flag} must be true or false` });
    }
    if (value === true) set.add(flag);
  }
  return set;
}

/** @throws EINVAL */
export function checkWaitFlags(
  op: string,
  options: object | undefined,
  known: readonly (keyof WaitFlags)[],
): WaitFlags {
  const set = checkFlags(op, options, known, LIMITS);
  return { all: set.has('all'), forSubmit: set.has('forSubmit'), available: set.has('available') };
}

/** A number on a timeline. @throws EINVAL */
export function checkPoint(op: string, point: unknown, min: 0 | 1 = 0): number {
  return checkInteger(op, 'point', point, min, MOST_POINT);
}

/** As many points as handles. @throws EINVAL */
export function checkPoints(
  op: string,
  points: readonly number[],
  count: number,
  min: 0 | 1 = 0,
): readonly number[] {
  if (!Array.isArray(points) || points.length !== count) {
    const why = 'points must be an array with a number for each handle';
    throw fail('EINVAL', op, { points: shown(points), handles: count }, { why });
  }
  return points.map((point) => checkPoint(op, point, min));
}

/** @throws EINVAL not an array, or empty where something has to be named */
export function checkHandles(op: string, handles: readonly number[], min: 0 | 1): void {
  if (Array.isArray(handles) && handles.length >= min) return;
  const why = `handles must be an array${min === 0 ? '' : ' with at least one handle'}`;
  throw fail('EINVAL', op, { handles: shown(handles) }, { why });
}
