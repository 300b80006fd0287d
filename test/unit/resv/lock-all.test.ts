// SPDX-License-Identifier: MIT
import { describe, expect, test } from 'vitest';
import { lockAll, lockAllSync, type Reservations } from '../../../src/resv/index.js';
import { asleep, codeOf, resvRooms, turn } from './rooms.js';

const of = (room: Reservations, ...rows: number[]) => rows.map((row) => room.of(row));

describe('lockAll', () => {
  test('takes all, in the order asked, and drops all at unlock', async () => {
    const { rooms } = resvRooms();
    const all = of(rooms[0], 3, 1, 2);
    for (const take of [lockAll, lockAllSync]) {
      const set = await take(rooms[0], all);
      expect(set.locks.map((lock) => [lock.held, lock.resv.row])).toEqual([
        [true, 3],
        [true, 1],
        [true, 2],
      ]);
      expect(rooms[0].agent.held).toBe(3);
      set.unlock();
      set[Symbol.dispose]();
      expect(all.map((resv) => resv.locked)).toEqual([false, false, false]);
      expect(rooms[0].agent.held).toBe(0);
    }
  });

  test('duplicates share one lock, buffers and reservations alike', async () => {
    const { rooms } = resvRooms();
    const [one, two] = of(rooms[0], 1, 2) as [never, never];
    const buf = { resv: one };
    using set = await lockAll(rooms[0], [one, two, buf, one]);
    expect(set.locks[0]).toBe(set.locks[2]);
    expect(set.locks[0]).toBe(set.locks[3]);
    expect([...set]).toEqual([set.locks[0], set.locks[1]]);
    expect(set.of(buf)).toBe(set.locks[0]);
    expect(set.of(two)).toBe(set.locks[1]);
    expect(await codeOf(() => set.of(rooms[0].of(9)))).toBe('EINVAL');
  });

  test('of nothing is nothing', async () => {
    const { rooms } = resvRooms();
    const set = await lockAll(rooms[0], []);
    expect([set.locks.length, [...set].length]).toEqual([0, 0]);
  });

  test('reserves the fences asked for in each', async () => {
    const { rooms } = resvRooms();
    const [room] = rooms;
    using set = await lockAll(room, of(room, 1, 2), { fences: 1 });
    const line = room.fences.timeline('line');
    for (const lock of set) lock.add(line.next(), 'write');
    expect(await codeOf(() => set.locks[0]?.add(room.fences.timeline('x').next(), 'read'))).toBe(
      'ENOSPC',
    );
  });

  test('what is no reservation is EINVAL, and nothing stays locked', async () => {
    const { rooms } = resvRooms();
    const [room] = rooms;
    const wrong = [room.of(1), { resv: 7 }] as never;
    expect(await codeOf(lockAll(room, wrong))).toBe('EINVAL');
    expect(await codeOf(() => lockAllSync(room, wrong))).toBe('EINVAL');
    expect(await codeOf(lockAll(room, 'all' as never))).toBe('EINVAL');
    expect(await codeOf(lockAll(room, of(room, 1), { fences: -1 }))).toBe('EINVAL');
    expect([room.of(1).locked, room.agent.held]).toEqual([false, 0]);
  });

  test('waits for those that are held, and a time-out drops what it has', async () => {
    const { rooms } = resvRooms();
    const [a, b] = rooms;
    const held = b.of(2).lockSync();
    expect(await codeOf(lockAll(a, of(a, 1, 2, 3), { timeout: 1 }))).toBe('ETIMEDOUT');
    expect(await codeOf(() => lockAllSync(a, of(a, 1, 2, 3), { timeout: 1 }))).toBe('ETIMEDOUT');
    expect([1, 3].map((row) => b.of(row).locked)).toEqual([false, false]);
    const controller = new AbortController();
    const aborted = codeOf(lockAll(a, of(a, 1, 2, 3), { signal: controller.signal }));
    const all = lockAll(a, of(a, 3, 1, 2), { timeout: 60_000 });
    await asleep();
    controller.abort('no');
    expect(await aborted).toBe('no');
    held.unlock();
    (await all).unlock();
    expect(a.agent.held).toBe(0);
  });

  test('a signal that is aborted already rejects without a lock taken', async () => {
    const { rooms } = resvRooms();
    const [a] = rooms;
    expect(await codeOf(lockAll(a, of(a, 1, 2), { signal: AbortSignal.abort('x') }))).toBe('x');
    expect(a.agent.held).toBe(0);
  });

  test('a dead holder: EOWNERDEAD names the row and nothing is locked; recover takes it', async () => {
    const { rooms, kill } = resvRooms();
    const [a, b] = rooms;
    b.of(2).lockSync();
    kill(b);
    a.agent.lookForDead();
    const failed: unknown = await lockAll(a, of(a, 1, 2, 3)).catch((error: unknown) => error);
    expect(failed).toMatchObject({ code: 'EOWNERDEAD', at: { row: 2 } });
    expect(await codeOf(() => lockAllSync(a, of(a, 1, 2, 3)))).toBe('EOWNERDEAD');
    expect(a.agent.held).toBe(0);
    using set = await lockAll(a, of(a, 1, 2, 3), { recover: true });
    expect(set.locks.map((lock) => lock.ownerDied)).toEqual([false, true, false]);
  });

  test('lockAllSync is EDEADLK when this thread holds a lock outside of the call and it must wait', async () => {
    const { rooms } = resvRooms();
    const [a, b] = rooms;
    const own = a.of(9).lockSync();
    lockAllSync(a, of(a, 1, 2)).unlock();
    const other = b.of(2).lockSync();
    expect(await codeOf(() => lockAllSync(a, of(a, 1, 2)))).toBe('EDEADLK');
    expect([a.of(1).locked, a.agent.held]).toEqual([false, 1]);
    own.unlock();
    other.unlock();
  });

  test('inside signalling() it is EDEADLK', async () => {
    const { rooms } = resvRooms();
    using section = rooms[0].fences.timeline('line').signalling();
    expect(await codeOf(lockAll(rooms[0], of(rooms[0], 1)))).toBe('EDEADLK');
    expect(await codeOf(() => lockAllSync(rooms[0], of(rooms[0], 1)))).toBe('EDEADLK');
    void section;
  });

  describe('with a context of the caller', () => {
    test('its locks join it, and stay its own when the set is unlocked', async () => {
      const { rooms } = resvRooms();
      const [a] = rooms;
      using context = a.acquireContext();
      const mine = await a.of(9).lock({ context });
      const set = await lockAll(a, of(a, 1, 2), { context });
      expect(context.held).toBe(3);
      set.unlock();
      expect([context.held, mine.held]).toEqual([1, true]);
      mine.unlock();
    });

    test('a lock that it holds from elsewhere is EALREADY, and nothing more is locked', async () => {
      const { rooms } = resvRooms();
      const [a] = rooms;
      const context = a.acquireContext();
      await a.of(2).lock({ context });
      expect(await codeOf(lockAll(a, of(a, 1, 2), { context }))).toBe('EALREADY');
      expect([context.held, a.of(1).locked]).toEqual([1, false]);
    });

    test('when it must give way while it holds others, it is EDEADLK for the caller', async () => {
      const { rooms } = resvRooms();
      const [a, b] = rooms;
      const [old, young] = [b.acquireContext(), a.acquireContext()];
      const other = await b.of(2).lock({ context: old });
      const mine = await a.of(9).lock({ context: young });
      expect(await codeOf(lockAll(a, of(a, 1, 2), { context: young }))).toBe('EDEADLK');
      expect([young.held, a.of(1).locked]).toEqual([1, false]);
      mine.unlock();
      const slow = a.of(2).lockSlow(young);
      other.unlock();
      (await slow).unlock();
    });
  });

  for (const inject of [0, 1, 3]) {
    test(`many tasks of several agents, any order, injection ${inject}: nobody is left behind`, async () => {
      const { rooms } = resvRooms(4);
      const inside = new Set<number>();
      let rounds = 0;
      const task = async (room: Reservations, seed: number): Promise<void> => {
        let x = seed * 2_654_435_761 + 1;
        const random = (n: number): number => {
          x = (Math.imul(x, 1_103_515_245) + 12_345) >>> 0;
          return (x >>> 8) % n;
        };
        for (let round = 0; round < 15; round++) {
          const rows = Array.from({ length: 1 + random(4) }, () => random(6));
          using set = await lockAll(room, of(room, ...rows));
          for (const lock of set) {
            expect(inside.has(lock.resv.row)).toBe(false);
            inside.add(lock.resv.row);
          }
          if (random(2) === 0) await turn();
          for (const lock of set) inside.delete(lock.resv.row);
          rounds++;
        }
      };
      for (const room of rooms) room.injectDeadlock = inject;
      await Promise.all(rooms.flatMap((room, n) => [task(room, n), task(room, n + 10)]));
      expect(rounds).toBe(120);
      expect(rooms.map((room) => room.agent.held)).toEqual([0, 0, 0, 0]);
    });
  }
});
