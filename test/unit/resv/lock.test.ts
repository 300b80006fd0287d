// SPDX-License-Identifier: MIT
import { describe, expect, test } from 'vitest';
import { type Reservations, ResvLock } from '../../../src/resv/index.js';
import { asleep, codeOf, resvRooms, turn, watch } from './rooms.js';

const ROW = 5;

describe('one lock', () => {
  test('is taken at once when it is free, and free again after unlock', async () => {
    const { rooms } = resvRooms();
    const resv = rooms[0].of(ROW);
    const lock = await resv.lock();
    expect(lock).toBeInstanceOf(ResvLock);
    expect([lock.held, lock.resv === resv, resv.locked, rooms[1].of(ROW).locked]).toEqual([
      true,
      true,
      true,
      true,
    ]);
    lock.unlock();
    expect([lock.held, resv.locked, rooms[1].of(ROW).locked]).toEqual([false, false, false]);
  });

  test('unlocking twice is harmless: it does not unlock for the next holder', async () => {
    const { rooms } = resvRooms();
    const resv = rooms[0].of(ROW);
    const first = resv.lockSync();
    first.unlock();
    const second = resv.lockSync();
    first.unlock();
    expect([second.held, resv.locked]).toEqual([true, true]);
    second[Symbol.dispose]();
    expect(resv.locked).toBe(false);
  });

  test('tryLock takes a free one, and answers null for a held one, also its own', () => {
    const { rooms } = resvRooms();
    const lock = rooms[0].of(ROW).tryLock();
    expect(lock?.held).toBe(true);
    expect(rooms[0].of(ROW).tryLock()).toBe(null);
    expect(rooms[1].of(ROW).tryLock()).toBe(null);
    lock?.unlock();
    expect(rooms[1].of(ROW).tryLock()?.held).toBe(true);
  });

  test('the locks of an agent are counted while they are held', async () => {
    const { rooms } = resvRooms();
    const { agent } = rooms[0];
    const [one, two] = [rooms[0].of(1).lockSync(), await rooms[0].of(2).lock()];
    expect(agent.held).toBe(2);
    one.unlock();
    two.unlock();
    expect(agent.held).toBe(0);
  });

  test('a lock is posted to nobody', () => {
    const { rooms } = resvRooms();
    const lock = rooms[0].of(ROW).lockSync();
    for (const handle of [lock, rooms[0].of(ROW), rooms[0].acquireContext()]) {
      expect(() => structuredClone(handle)).toThrow(/cannot be posted/);
    }
  });
});

describe('waiting for a lock', () => {
  for (const [name, there] of [
    ['in the same agent', 0],
    ['in another agent', 1],
  ] as const) {
    test(`${name} ends when it is unlocked`, async () => {
      const { rooms } = resvRooms();
      const held = rooms[0].of(ROW).lockSync();
      const waiting = watch(rooms[there].of(ROW).lock());
      await asleep();
      expect(waiting.settled).toBe(false);
      held.unlock();
      const lock = await waiting.promise;
      expect([lock.held, rooms[0].of(ROW).locked]).toEqual([true, true]);
      lock.unlock();
      expect(rooms[0].of(ROW).locked).toBe(false);
    });

    test(`${name}: those who came first are served first`, async () => {
      const { rooms } = resvRooms();
      const held = rooms[0].of(ROW).lockSync();
      const order: number[] = [];
      const waits = [];
      for (let n = 0; n < 5; n++) {
        waits.push(
          rooms[there]
            .of(ROW)
            .lock(n % 2 === 0 ? undefined : { timeout: 60_000 })
            .then((lock) => {
              order.push(n);
              lock.unlock();
            }),
        );
        await asleep();
      }
      held.unlock();
      await Promise.all(waits);
      expect(order).toEqual([0, 1, 2, 3, 4]);
    });

    test(`${name}: a time-out ends it, and the lock goes on to the next one`, async () => {
      const { rooms } = resvRooms();
      const held = rooms[0].of(ROW).lockSync();
      const late = codeOf(rooms[there].of(ROW).lock({ timeout: 1 }));
      const next = rooms[there].of(ROW).lock({ timeout: 60_000 });
      expect(await late).toBe('ETIMEDOUT');
      held.unlock();
      expect((await next).held).toBe(true);
    });

    test(`${name}: an abort ends it with the signal's reason`, async () => {
      const { rooms } = resvRooms();
      const held = rooms[0].of(ROW).lockSync();
      const controller = new AbortController();
      const waiting = codeOf(rooms[there].of(ROW).lock({ signal: controller.signal }));
      await asleep();
      controller.abort('enough');
      expect(await waiting).toBe('enough');
      held.unlock();
      expect(rooms[there].of(ROW).tryLock()?.held).toBe(true);
    });
  }

  test('timeout 0 takes a free lock, and fails at once for a held one', async () => {
    const { rooms } = resvRooms();
    const lock = await rooms[0].of(ROW).lock({ timeout: 0 });
    expect(await codeOf(rooms[1].of(ROW).lock({ timeout: 0 }))).toBe('ETIMEDOUT');
    lock.unlock();
    expect(rooms[1].of(ROW).lockSync({ timeout: 0 }).held).toBe(true);
  });

  test('a signal that is aborted already rejects without taking the lock', async () => {
    const { rooms } = resvRooms();
    const signal = AbortSignal.abort('before');
    expect(await codeOf(rooms[0].of(ROW).lock({ signal }))).toBe('before');
    expect(rooms[0].of(ROW).locked).toBe(false);
  });

  test('a time-out that is no number is refused', async () => {
    const { rooms } = resvRooms();
    expect(await codeOf(rooms[0].of(ROW).lock({ timeout: -1 }))).toBe('EINVAL');
    expect(await codeOf(() => rooms[0].of(ROW).lockSync({ timeout: Number.NaN }))).toBe('EINVAL');
    expect(rooms[0].of(ROW).locked).toBe(false);
  });

  test('agents and tasks mixed: each gets it once, nobody twice at a time', async () => {
    const { rooms } = resvRooms(4);
    let inside = 0;
    let times = 0;
    const task = async (room: (typeof rooms)[number], limited: boolean): Promise<void> => {
      for (let round = 0; round < 20; round++) {
        const lock = await room.of(ROW).lock(limited ? { timeout: 60_000 } : undefined);
        expect(++inside).toBe(1);
        if (round % 3 === 0) await turn();
        inside--;
        times++;
        lock.unlock();
        if (round % 4 === 0) await turn();
      }
    };
    await Promise.all(rooms.flatMap((room, n) => [task(room, n % 2 === 0), task(room, false)]));
    expect(times).toBe(160);
    expect(rooms[0].of(ROW).locked).toBe(false);
  });

  test('a waiter that gives up hands on what it was woken for', async () => {
    const { rooms } = resvRooms(3);
    const [a, b, c] = rooms as unknown as [(typeof rooms)[0], (typeof rooms)[0], (typeof rooms)[0]];
    const held = a.of(ROW).lockSync();
    const controller = new AbortController();
    const first = codeOf(b.of(ROW).lock({ signal: controller.signal }));
    await asleep();
    const second = c.of(ROW).lock();
    await asleep();
    held.unlock(); // rings the first of them, which has not run yet
    controller.abort('no');
    const got = await Promise.race([first, second]);
    if (got === 'no') expect((await second).held).toBe(true);
    else expect(await first).toBe('no error');
  });
});

describe('overtaking', () => {
  test('a task that comes later does not overtake one of its own agent', async () => {
    const { rooms } = resvRooms();
    const [a, b] = rooms;
    const held = b.of(ROW).lockSync();
    const order: number[] = [];
    const first = a
      .of(ROW)
      .lock()
      .then((lock) => {
        order.push(1);
        lock.unlock();
      });
    await asleep();
    held.unlock();
    const second = a
      .of(ROW)
      .lock()
      .then((lock) => {
        order.push(2);
        lock.unlock();
      });
    await Promise.all([first, second]);
    expect(order).toEqual([1, 2]);
  });

  test('who was overtaken twice is not overtaken again, by nobody', async () => {
    const { rooms } = resvRooms(3);
    const [a, b, c] = rooms as unknown as [Reservations, Reservations, Reservations];
    let lock = b.of(ROW).lockSync();
    const waiting = watch(a.of(ROW).lock());
    await asleep();
    for (let times = 0; times < 2; times++) {
      lock.unlock();
      lock = b.of(ROW).lockSync();
      await asleep();
      expect(waiting.settled).toBe(false);
    }
    lock.unlock();
    expect([b.of(ROW).tryLock(), c.of(ROW).tryLock()]).toEqual([null, null]);
    expect(await codeOf(() => b.of(ROW).lockSync({ timeout: 0 }))).toBe('ETIMEDOUT');
    expect(await codeOf(c.of(ROW).lock({ timeout: 0 }))).toBe('ETIMEDOUT');
    expect((await waiting.promise).held).toBe(true);
  });

  test('an agent that was rung, and has taken the lock by other means, still rings the next one', async () => {
    const { rooms } = resvRooms(3);
    const [a, b, c] = rooms as unknown as [Reservations, Reservations, Reservations];
    const held = c.of(ROW).lockSync();
    const first = a.of(ROW).lock();
    await asleep();
    const last = b.of(ROW).lock();
    await asleep();
    held.unlock(); // rings a, which is not there yet
    const quick = a.of(ROW).tryLock();
    await asleep(); // now it hears that
    quick?.unlock();
    (await first).unlock();
    (await last).unlock();
    expect([quick?.held, a.of(ROW).locked]).toEqual([false, false]);
  });
});

describe('blocking', () => {
  test('lockSync of a lock that a task of this very thread holds is EDEADLK', async () => {
    const { rooms } = resvRooms();
    const lock = await rooms[0].of(ROW).lock();
    expect(await codeOf(() => rooms[0].of(ROW).lockSync())).toBe('EDEADLK');
    lock.unlock();
    rooms[0].of(ROW).lockSync().unlock();
  });

  test('lockSync that would park while this thread holds another lock is EDEADLK', async () => {
    const { rooms } = resvRooms();
    const [other, wanted] = [rooms[0].of(1).lockSync(), rooms[1].of(ROW).lockSync()];
    expect(await codeOf(() => rooms[0].of(ROW).lockSync())).toBe('EDEADLK');
    wanted.unlock();
    expect(rooms[0].of(ROW).lockSync().held).toBe(true);
    other.unlock();
  });

  test('lockSync times out, with nothing left behind', async () => {
    const { rooms } = resvRooms();
    const lock = rooms[1].of(ROW).lockSync();
    expect(await codeOf(() => rooms[0].of(ROW).lockSync({ timeout: 1 }))).toBe('ETIMEDOUT');
    expect(rooms[1].waiters(ROW)).toEqual([]);
    lock.unlock();
    expect(rooms[0].of(ROW).lockSync().held).toBe(true);
  });

  test('lockSync comes before tasks of its own thread that wait for the lock', async () => {
    const { rooms } = resvRooms();
    const [a, b] = rooms;
    const held = b.of(ROW).lockSync();
    const task = watch(a.of(ROW).lock());
    await asleep();
    held.unlock();
    const lock = a.of(ROW).lockSync();
    expect([lock.held, task.settled]).toEqual([true, false]);
    lock.unlock();
    (await task.promise).unlock();
  });

  test('a platform that may not block says so, but takes a free lock', async () => {
    const { rooms } = resvRooms();
    const { agent } = rooms[0];
    Object.defineProperty(agent.platform, 'mayBlock', { value: false });
    rooms[0].of(ROW).lockSync().unlock();
    const lock = rooms[1].of(ROW).lockSync();
    expect(await codeOf(() => rooms[0].of(ROW).lockSync())).toBe('ENOTSUP');
    lock.unlock();
  });
});

describe('inside signalling()', () => {
  test('every form that could wait is EDEADLK, tryLock is not', async () => {
    const { rooms } = resvRooms();
    const [room] = rooms;
    const section = room.fences.timeline('line').signalling();
    expect(await codeOf(room.of(ROW).lock())).toBe('EDEADLK');
    expect(await codeOf(() => room.of(ROW).lockSync())).toBe('EDEADLK');
    expect(await codeOf(room.of(ROW).lock({ timeout: 1 }))).toBe('EDEADLK');
    const lock = room.of(ROW).tryLock();
    expect(lock?.held).toBe(true);
    lock?.unlock();
    section[Symbol.dispose]();
    expect((await room.of(ROW).lock()).held).toBe(true);
  });
});

describe('a retired reservation', () => {
  test('answers ESTALE, also to those who wait, and the row goes on with a new object', async () => {
    const { rooms } = resvRooms();
    const [a, b] = rooms;
    const old = a.of(ROW);
    const held = b.of(ROW).lockSync();
    const waits = [codeOf(old.lock()), codeOf(old.lock({ timeout: 60_000 }))];
    await asleep();
    a.retire(ROW);
    expect(await Promise.all(waits)).toEqual(['ESTALE', 'ESTALE']);
    expect(await codeOf(old.lock())).toBe('ESTALE');
    expect(await codeOf(() => old.lockSync())).toBe('ESTALE');
    expect(await codeOf(() => old.tryLock())).toBe('ESTALE');
    held.unlock();
    expect(a.of(ROW)).not.toBe(old);
    expect(a.of(ROW).lockSync().held).toBe(true);
  });
});

describe('who holds it, for people', () => {
  test('holder, waiters and how long', async () => {
    const { rooms } = resvRooms(3);
    const [a, b] = rooms;
    expect(a.holder(ROW)).toBe(-1);
    const lock = b.of(ROW).lockSync();
    const waiting = a.of(ROW).lock();
    await asleep();
    expect(a.holder(ROW)).toBe(b.agent.slot);
    expect(b.waiters(ROW)).toEqual([a.agent.slot]);
    expect(a.waiters(ROW)).toEqual([a.agent.slot]);
    const [before, since] = [b.heldFor(ROW), Date.now()];
    while (Date.now() - since < 5) await turn();
    expect(b.heldFor(ROW)).toBeGreaterThan(before);
    lock.unlock();
    (await waiting).unlock();
    expect(a.heldFor(ROW)).toBe(0);
  });
});

describe('a lock() without options, behind another task of its own agent', () => {
  test('is a wait like others once the event loop has turned: it keeps the process alive, and can stall', async () => {
    const { rooms } = resvRooms();
    const [a] = rooms;
    const held = a.of(ROW).lockSync();
    const waiting = a.of(ROW).lock();
    expect(a.agent.tasks.pending).toBe(0);
    await turn();
    expect(a.agent.tasks.pending).toBe(1);
    const later = a.agent.platform.now() + 1;
    expect(a.agent.tasks.stalled(later)).toMatchObject([{ op: 'Reservation.lock' }]);
    held.unlock();
    (await waiting).unlock();
    expect(a.agent.tasks.pending).toBe(0);
  });
});
