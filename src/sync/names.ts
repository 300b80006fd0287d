// SPDX-License-Identifier: MIT
/**
 * sync/names — what a sync file and its fences are called.
 */

import { fail, shown } from '../errors.js';
import { type AnyFence, Fence, FenceChain, type Fences } from '../fence/index.js';
import { byteLength } from '../mem/index.js';
import { NAME_BYTES } from './layout.js';

/** Whose work it is, in two words. */
export interface Origin {
  readonly driver: string;
  readonly timeline: string;
}

const STUB: Origin = { driver: 'stub', timeline: 'stub' };

/** As many whole characters as fit. Names of sync files are cut, those of buffers never are. */
export function cutName(name: string): string {
  // A character of a text is three bytes at most.
  if (3 * name.length <= NAME_BYTES || byteLength(name) <= NAME_BYTES) return name;
  let cut = '';
  let left = NAME_BYTES;
  for (const character of name) {
    left -= byteLength(character);
    if (left < 0) break;
    cut += character;
  }
  return cut;
}

/** A name that a user gave, or none. @throws EINVAL */
export function checkName(op: string, name: unknown): string {
  if (name === undefined) return '';
  if (typeof name === 'string') return cutName(name);
  throw fail('EINVAL', op, { name: shown(name) }, { why: 'name must be a text' });
}

/** A timeline that was closed has no name any more. */
export function originOf(fences: Fences, point: Fence): Origin {
  const { timeline } = point;
  if (timeline === 0) return STUB;
  const name = fences.timelineName(timeline);
  return { driver: 'dmabuf', timeline: name === `#${timeline}` ? '' : name };
}

/** `driver-timeline<context>-<number>`. `id` stands for the context of an array, which may have none. */
export function nameAfter(fences: Fences, fence: AnyFence, id: number): string {
  if (fence instanceof Fence) {
    const { driver, timeline } = originOf(fences, fence);
    return cutName(`${driver}-${timeline}${fence.timeline}-${fence.seqno}`);
  }
  if (fence instanceof FenceChain) return cutName(`chain-unbound${fence.timeline}-${fence.seqno}`);
  return cutName(`array-unbound${id}-1`);
}
