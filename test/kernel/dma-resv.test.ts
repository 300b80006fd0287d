// SPDX-License-Identifier: MIT
/**
 * What Linux asks of dma_resv in drivers/dma-buf/st-dma-resv.c, asked here in this project's words, under the kernel's names and,
 * but for the first, for each usage.
 */
import { beforeEach, describe, expect, test } from 'vitest';
import type { Fence } from '../../src/fence/index.js';
import type { Reservation, Reservations, ResvLock, Usage } from '../../src/resv/index.js';
import { resvRooms } from '../unit/resv/rooms.js';

let room: Reservations;
let other: Reservations;
let resv: Reservation;
beforeEach(() => {
  [room, other] = resvRooms().rooms;
  resv = room.of(3);
});

function put(lock: ResvLock, fence: Fence, usage: Usage): void {
  if (usage === 'kernel') lock.addKernel(fence);
  else lock.add(fence, usage);
}

/** A reservation with one pending fence. */
function withFence(usage: Usage) {
  const timeline = room.fences.timeline('mock');
  const fence = timeline.next();
  const lock = resv.lockSync();
  lock.reserve(1);
  put(lock, fence, usage);
  return { timeline, fence, lock };
}

describe('dma_resv', () => {
  test('sanitycheck: locked without a context, and unlocked', async () => {
    const lock = await resv.lock();
    expect([lock.held, resv.locked]).toEqual([true, true]);
    lock.unlock();
    expect([lock.held, resv.locked]).toEqual([false, false]);
  });
});

const USAGES: readonly Usage[] = ['kernel', 'write', 'read', 'bookkeep'];

describe.each(USAGES)('dma_resv, %s', (usage) => {
  test('signaling: not signalled, then it is, though the fence still has its slot', () => {
    const { timeline, fence, lock } = withFence(usage);
    expect(resv.test(usage)).toBe(false);
    timeline.signal(fence);
    expect(resv.test(usage)).toBe(true);
    expect(lock.fences(usage)).toEqual([fence]);
  });

  test('for_each: with the lock, that fence once, with that usage', () => {
    const { fence, lock } = withFence(usage);
    expect(lock.fences(usage)).toEqual([fence]);
    expect(resv.list.entries().map((entry) => entry.usage)).toEqual([usage]);
    for (const stronger of USAGES.slice(0, USAGES.indexOf(usage))) {
      expect(lock.fences(stronger)).toEqual([]);
    }
  });

  test('for_each_unlocked: when the list changes under the reader, it begins anew, and sees the fence once', () => {
    const passing = room.fences.timeline('passing');
    const early = passing.next();
    const lock = resv.lockSync();
    lock.reserve(2);
    lock.add(early, 'bookkeep');
    const fence = room.fences.timeline('mock').next();
    put(lock, fence, usage);
    let looks = 0;
    const points = resv.list.stable(() => {
      const seen = resv.list.pendingPoints(3);
      if (looks++ === 0) {
        passing.signal(early);
        lock.reserve(1); // drops the early one, and the fence moves into its place
      }
      return seen;
    });
    expect(looks).toBe(2);
    expect(points.map(({ row, generation }) => [row, generation])).toEqual([
      [fence.row, fence.generation],
    ]);
  });

  test('get_fences: one fence, for whoever asks', () => {
    const { fence } = withFence(usage);
    expect(resv.fences(usage)).toEqual([fence]);
    const [there] = other.of(3).fences(usage);
    expect([there?.timeline, there?.seqno]).toEqual([fence.timeline, fence.seqno]);
    expect(resv.singleton(usage)).toBe(fence);
  });
});
