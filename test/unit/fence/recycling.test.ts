// SPDX-License-Identifier: MIT
import { describe, expect, test } from 'vitest';
import { errorNumber } from '../../../src/errors.js';
import { Fence, type Fences, type Point } from '../../../src/fence/index.js';
import { domainOf, fenceRooms } from './rooms.js';

const EIO = errorNumber('EIO');

/** Makes fences that signal at once, until the row of `point` is used again. */
function recycle(room: Fences, point: Point): Fence {
  const context = room.contexts();
  for (let seqno = 1; seqno < 5000; seqno++) {
    const fence = room.create(context, seqno);
    if (fence.row === point.row) return fence;
    room.signal(fence);
  }
  throw new Error(`row ${point.row} is not used again`);
}

const isUsedAgain = (room: Fences, point: Point): boolean => {
  try {
    recycle(room, point);
    return true;
  } catch {
    return false;
  }
};

describe('rows are used again', () => {
  test('under a new generation, and the old name means "signalled"', () => {
    const { rooms } = fenceRooms(2);
    const [a, b] = rooms as [Fences, Fences];
    const first = a.create(a.contexts(), 1);
    const { row, generation } = first;
    expect(b.isSignaled(row, generation)).toBe(false);
    a.signal(first);
    const second = recycle(a, first);
    expect(second.generation).not.toBe(generation);
    expect(b.isSignaled(row, generation)).toBe(true);
    expect(b.isSignaled(row, second.generation)).toBe(false);
    expect([b.contextOf(row), b.seqnoOf(row)]).toEqual([second.timeline, second.seqno]);
    expect(b.handle(row, generation)).toBe(Fence.done);
    b.setOwner(row, generation, b.agent.tag);
    expect(b.ownerOf(row)).toBe(a.agent.tag);
    expect(second.signaled).toBe(false);
  });

  test('a fence object keeps its outcome when its row goes to another fence', () => {
    const { rooms } = fenceRooms(1);
    const [a] = rooms as [Fences];
    const fence = a.create(a.contexts(), 1);
    a.signal(fence, EIO);
    const again = recycle(a, fence);
    a.signal(again);
    expect(fence.signaled).toBe(true);
    expect(fence.error).toBe('EIO');
    expect(fence.timestamp).toBeGreaterThan(0);
  });

  test('not while the fence is pending', () => {
    const { rooms } = fenceRooms(1);
    const [a] = rooms as [Fences];
    const fence = a.create(a.contexts(), 1);
    expect(isUsedAgain(a, fence)).toBe(false);
    expect(fence.signaled).toBe(false);
  });

  test('not while another agent has a handle, so that it learns the error', () => {
    const { rooms } = fenceRooms(2);
    const [a, b] = rooms as [Fences, Fences];
    const fence = a.create(a.contexts(), 1);
    const handle = b.handle(fence.row, fence.generation);
    a.signal(fence, EIO);
    expect(isUsedAgain(a, fence)).toBe(false);
    expect(handle.error).toBe('EIO');
    expect(isUsedAgain(a, fence)).toBe(true);
    expect(handle.error).toBe('EIO');
    expect(handle.timestamp).toBe(fence.timestamp);
  });

  test('a failed fence not before nobody names it', () => {
    const { rooms } = fenceRooms(2);
    const [a, b] = rooms as [Fences, Fences];
    const [failed, fine] = [a.create(a.contexts(), 1), a.create(a.contexts(), 1)];
    let named = [failed, fine];
    a.registerNames(() => named);
    a.signal(failed, EIO);
    a.signal(fine);
    expect(isUsedAgain(a, fine)).toBe(true);
    expect(isUsedAgain(a, failed)).toBe(false);
    expect(b.errorOf(failed.row, failed.generation)).toBe(EIO);
    named = [];
    expect(isUsedAgain(a, failed)).toBe(true);
    expect(b.errorOf(failed.row, failed.generation)).toBe(0);
  });

  test('once signalled, signalled for ever, even when the generations have gone round', () => {
    const { rooms } = fenceRooms(2);
    const [a, b] = rooms as [Fences, Fences];
    const fence = a.create(1, 1);
    const handle = b.handle(fence.row, fence.generation);
    a.signal(fence);
    expect([fence.signaled, handle.signaled]).toEqual([true, true]);
    a.records.init(fence.row, fence.generation, 1, 2, a.agent.tag);
    expect(a.isSignaled(fence.row, fence.generation)).toBe(false);
    expect([fence.signaled, handle.signaled]).toEqual([true, true]);
  });

  test('row 0 and generation 0 name no fence', () => {
    const { rooms } = fenceRooms(1);
    const [a] = rooms as [Fences];
    const context = a.contexts();
    for (let seqno = 1; seqno <= 2048; seqno++) {
      const fence = a.create(context, seqno);
      expect(fence.row).toBeGreaterThan(0);
      expect(fence.generation).toBeGreaterThan(0);
    }
  });

  test('two agents never hand out the same row', () => {
    const { rooms } = fenceRooms(2);
    const [a, b] = rooms as [Fences, Fences];
    const rows = new Set<number>();
    for (let seqno = 1; seqno <= 3000; seqno++) {
      rows.add(a.create(1, seqno).row);
      rows.add(b.create(2, seqno).row);
    }
    expect(rows.size).toBe(6000);
  });

  test('a full table is ENFILE with its name and limit, and one signal makes room', () => {
    const { rooms } = fenceRooms(1);
    const [a] = rooms as [Fences];
    const context = a.contexts();
    let last = a.create(context, 1);
    const fill = (): void => {
      for (let seqno = 2; ; seqno++) last = a.create(context, seqno);
    };
    expect(fill).toThrow(/ENFILE: Timeline.next: .*limits\.agents.*table fences, limit 65536/s);
    a.signal(last);
    expect(a.create(context, 1).row).toBe(last.row);
  });

  test('blocks that an agent needed once go back, and others can have them', () => {
    const { rooms } = fenceRooms(2);
    const [a, b] = rooms as [Fences, Fences];
    const context = a.contexts();
    const burst = Array.from({ length: 40_000 }, (_, k) => a.create(context, k + 1));
    for (const fence of burst) a.signal(fence);
    for (let seqno = 1; seqno <= 200_000; seqno++) a.signal(a.create(context, seqno));
    const others = Array.from({ length: 40_000 }, (_, k) => b.create(context, k + 1));
    expect(new Set(others.map((fence) => fence.row)).size).toBe(40_000);
  });
});

test('a name that was recycled still says which point it was', () => {
  const { rooms } = fenceRooms(2);
  const [a, b] = rooms as [Fences, Fences];
  const fence = a.create(a.contexts(), 7);
  const name = fence.toJSON();
  a.signal(fence);
  recycle(a, fence);
  const late = Fence.from(domainOf(b), name) as Fence;
  expect(late.signaled).toBe(true);
  expect(late.error).toBe(null);
  expect(late.timestamp).toBe(0);
  expect([late.timeline, late.seqno]).toEqual([fence.timeline, 7]);
});

test('who made a fence forgets it with its row, and whoever kept it knows its end', () => {
  const room = fenceRooms(1).rooms[0] as Fences;
  const fence = room.create(room.contexts(), 7);
  const { row, generation } = fence;
  room.signal(fence, EIO);
  // The row is free for some time before it is used again.
  while (room.records.isCurrent(row, generation)) room.signal(room.create(1, 1));
  expect(room.handle(row, generation)).toBe(Fence.done);
  expect(fence.error).toBe('EIO');
});
