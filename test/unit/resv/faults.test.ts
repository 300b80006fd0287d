// SPDX-License-Identifier: MIT
/** What went wrong in Linux's reservations, or goes wrong in many that are made after them, and has no better place. */
import { describe, expect, test, vi } from 'vitest';
import { lockAll } from '../../../src/resv/index.js';
import { asleep, codeOf, resvRooms, turn, watch } from './rooms.js';

describe('a fence', () => {
  test('that is added twice is in one place, and needs room once', () => {
    const [room] = resvRooms().rooms;
    const lock = room.of(1).lockSync();
    const fence = room.fences.timeline('line').next();
    lock.reserve(1);
    lock.add(fence, 'read');
    lock.add(fence, 'read');
    lock.add(fence, 'write');
    lock.add(fence, 'write');
    expect(
      room
        .of(1)
        .list.entries()
        .map(({ usage }) => usage),
    ).toEqual(['write']);
  });
});

describe('a time limit', () => {
  test('is one for all the fences that are waited for, one after the other', async () => {
    const [room] = resvRooms().rooms;
    const lock = room.of(1).lockSync();
    const lines = ['a', 'b', 'c'].map((name) => room.fences.timeline(name));
    const fences = lines.map((line) => line.next());
    lock.reserve(3);
    for (const fence of fences) lock.add(fence, 'write');
    const timers = vi.spyOn(room.agent.platform, 'timer');
    const wait = room.of(1).wait('write', { timeout: 60_000 });
    for (const [n, line] of lines.entries()) {
      const fence = fences[n];
      if (fence === undefined) throw new RangeError('three fences');
      line.signal(fence);
      await turn();
    }
    await wait;
    expect(timers.mock.calls.map(([ms]) => ms).filter((ms) => ms > 1000)).toEqual([60_000]);
  });
});

describe('lockAll', () => {
  test('that gave way is as old as before: whoever came later gives way to it', async () => {
    const [a, b] = resvRooms().rooms;
    const older = b.acquireContext();
    const held = await b.of(2).lock();
    const all = watch(lockAll(a, [a.of(1), a.of(2)]));
    const younger = b.acquireContext();
    const second = b.of(2).lock({ context: older });
    while (a.of(1).locked) await turn();
    const taken = await b.of(1).lock({ context: younger });
    held.unlock();
    (await second).unlock();
    while (a.of(2).holderSlot !== a.agent.slot) await turn();
    expect(await codeOf(b.of(2).lock({ context: younger }))).toBe('EDEADLK');
    expect(all.settled).toBe(false);
    taken.unlock();
    (await all.promise).unlock();
  });
});

describe('a waiter that is wounded', () => {
  test('and finds its lock free takes it: it dies only when it would have to wait', async () => {
    const [a, b] = resvRooms().rooms;
    const older = b.acquireContext({ algorithm: 'wound-wait' });
    const younger = a.acquireContext({ algorithm: 'wound-wait' });
    const first = await a.of(1).lock({ context: younger });
    const theirs = await b.of(5).lock({ context: older }); // who holds nothing wounds nobody
    const plain = b.of(2).lockSync();
    const second = a.of(2).lock({ context: younger });
    await asleep();
    const wounds = b.of(1).lock({ context: older });
    plain.unlock();
    expect([younger.wounded, younger.waiting]).toEqual([true, true]);
    expect((await second).held).toBe(true);
    first.unlock();
    (await wounds).unlock();
    theirs.unlock();
  });
});
