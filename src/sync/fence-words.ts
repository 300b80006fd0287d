// SPDX-License-Identifier: MIT
/**
 * sync/fence-words — the name of a fence in a row's words: what `toJSON()` says, as numbers.
 *
 * Word 0 is the number of points, word 1 the mode; each point is three safe integers of two words. Whoever names a fence has to
 * see to it that a failed one can be named: its record may be gone at any time, so a new one says it again.
 */

import { type ErrorCode, errorNumber } from '../errors.js';
import {
  type AnyFence,
  type Fence,
  type FenceName,
  FenceSet,
  type Fences,
  packName,
  readName,
} from '../fence/index.js';
import { load, store, type Words } from '../mem/index.js';

/** Points that a row can name. */
const MOST_POINTS = 32;
const HEAD_WORDS = 2;
const POINT_WORDS = 6;
const HALF = 2 ** 32;
const MODES = ['all', 'any'] as const;

/** Words of such a name. */
export const FENCE_WORDS = HEAD_WORDS + MOST_POINTS * POINT_WORDS;

/** A name that can be written, and what has to happen when it has been. */
export interface Nameable {
  readonly name: FenceName;
  /** The name stands: what had failed fails again. */
  readonly stands: () => void;
}

/**
 * Each point by itself, so that they go on without their container's maker, and all are known in the end; of very many, or where they do
 * not say how the whole ended, the record that stands for them.
 * @throws ENFILE
 */
export function nameable(fences: Fences, fence: AnyFence): Nameable {
  const { leaves } = fence;
  const whole = leaves.length > MOST_POINTS || !isSaidBy(leaves, fence);
  const points = whole ? [fence.recordIn(fences.containers)] : leaves;
  const mode = fence instanceof FenceSet && !whole ? fence.mode : 'all';
  const failed: { readonly again: Fence; readonly error: ErrorCode }[] = [];
  const stands = (): void => {
    for (const { again, error } of failed) fences.signal(again, errorNumber(error));
  };
  try {
    const named = points.map((leaf) => {
      const error = leaf.signaled ? leaf.error : null;
      if (error === null) return packName(leaf);
      const again = fences.create(leaf.timeline, leaf.seqno);
      failed.push({ again, error });
      return packName(again);
    });
    return { name: { dmabuf: 'fence', points: named, mode }, stands };
  } catch (error) {
    stands();
    throw error;
  }
}

/** A container may have failed by itself, with its maker: its points know nothing of that. */
function isSaidBy(leaves: readonly Fence[], fence: AnyFence): boolean {
  const error = fence.signaled ? fence.error : null;
  if (error === null) return true;
  const over = leaves.filter((leaf) => leaf.signaled);
  const any = fence instanceof FenceSet && fence.mode === 'any';
  return (any || over.length === leaves.length) && over.some((leaf) => leaf.error === error);
}

/** The caller has seen to it that it fits. */
export function writeFence(words: Words, at: number, { points, mode }: FenceName): void {
  store(words, at, points.length);
  store(words, at + 1, MODES.indexOf(mode));
  let next = at + HEAD_WORDS;
  for (const number of points.flat()) {
    store(words, next++, Math.floor(number / HALF));
    store(words, next++, number | 0);
  }
}

export function readFence(words: Words, at: number): FenceName {
  const count = Math.min(load(words, at) >>> 0, MOST_POINTS);
  const number = (index: number): number => {
    const high = at + HEAD_WORDS + 2 * index;
    return (load(words, high) >>> 0) * HALF + (load(words, high + 1) >>> 0);
  };
  const points = Array.from(
    { length: count },
    (_, place) => [number(3 * place), number(3 * place + 1), number(3 * place + 2)] as const,
  );
  return { dmabuf: 'fence', points, mode: MODES[load(words, at + 1)] ?? 'all' };
}

/** Rows of the fence table that the name is of. */
export function fenceRows(words: Words, at: number): { readonly row: number }[] {
  return readName('syncFiles', readFence(words, at)).points.map(({ point }) => point);
}
