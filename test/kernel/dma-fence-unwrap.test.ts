// SPDX-License-Identifier: MIT
/**
 * What Linux asks of dma_fence_unwrap in drivers/dma-buf/st-dma-fence-unwrap.c, asked here in this project's words, under the
 * kernel's names. An array is `Fence.all`; unwrapping is iterating over the points.
 */
import { beforeEach, describe, expect, test } from 'vitest';
import { type AnyFence, Fence, FenceChain, FenceSet, type Fences } from '../../src/fence/index.js';
import { domainOf, fenceRooms } from '../unit/fence/rooms.js';

let room: Fences;
beforeEach(() => {
  [room] = fenceRooms(1).rooms as [Fences];
});

const single = (): Fence => room.create(room.contexts(), 1);
const link = (previous: AnyFence | null, fence: AnyFence, seqno: number): FenceChain =>
  FenceChain.append(domainOf(room), previous, fence, seqno);

/** Signals them, and looks whether anything is left behind. */
function leaveNothing(...fences: readonly Fence[]): void {
  for (const fence of fences) room.signal(fence);
  room.containers.settle(Infinity);
  expect(room.containers.pending).toBe(0);
}

const pointsOf = (fence: AnyFence): readonly Fence[] =>
  fence instanceof FenceSet ? [...fence] : [...fence.leaves];

describe('dma_fence_unwrap', () => {
  test('sanitycheck: a chain around an array of one, dropped without a trace', () => {
    const fence = single();
    link(null, Fence.all([fence]), 1);
    leaveNothing(fence);
  });

  test('unwrap_array: an array of two yields these two, and nothing else', () => {
    const [f1, f2] = [single(), single()];
    expect(pointsOf(Fence.all([f1, f2]))).toEqual([f1, f2]);
  });

  test('unwrap_chain: a chain of two yields both, the newer first', () => {
    const [f1, f2] = [single(), single()];
    expect(pointsOf(link(link(null, f1, 1), f2, 2))).toEqual([f2, f1]);
    leaveNothing(f1, f2);
  });

  test('unwrap_chain_array: a chain whose payload is an array yields both', () => {
    const [f1, f2] = [single(), single()];
    expect(pointsOf(link(null, Fence.all([f1, f2]), 1))).toEqual([f1, f2]);
    leaveNothing(f1, f2);
  });

  test('merge: yields exactly both', () => {
    const [f1, f2] = [single(), single()];
    expect(pointsOf(Fence.merge(f1, f2))).toEqual([f1, f2]);
  });

  test('merge_duplicate: the same fence twice is that fence', () => {
    const fence = single();
    expect(Fence.merge(fence, fence)).toBe(fence);
  });

  test('merge_seqno: the later one of a timeline, and timelines in their order', () => {
    const [contextA, contextB] = [room.contexts(), room.contexts()];
    const [f1, f2] = [room.create(contextB, 1), room.create(contextB, 2)];
    const f3 = room.create(contextA, 1);
    expect(pointsOf(Fence.merge(f1, f2, f3))).toEqual([f3, f2]);
  });

  test('merge_order: an array and a chain of the same two, each once, in the order of timelines', () => {
    const [f1, f2] = [single(), single()];
    const chain = link(link(null, f1, 1), f2, 2);
    expect(pointsOf(Fence.merge(Fence.all([f1, f2]), chain))).toEqual([f1, f2]);
    leaveNothing(f1, f2);
  });

  test('merge_complex: a merge, an array, and what has signalled: both once', () => {
    const [f1, f2] = [single(), single()];
    const merged = Fence.merge(Fence.merge(f1, f2), Fence.all([f2, f1]), Fence.done);
    expect(pointsOf(merged)).toEqual([f1, f2]);
  });

  test('merge_complex_seqno: of two arrays the later point of each timeline', () => {
    const [a, b] = [room.contexts(), room.contexts()];
    const [f1, f2] = [room.create(a, 2), room.create(b, 1)];
    const [f3, f4] = [room.create(a, 1), room.create(b, 2)];
    expect(pointsOf(Fence.merge(Fence.all([f1, f2]), Fence.all([f3, f4])))).toEqual([f1, f4]);
  });
});
