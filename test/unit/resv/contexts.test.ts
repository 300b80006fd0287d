// SPDX-License-Identifier: MIT
import { describe, expect, test } from 'vitest';
import type { AcquireContext, Algorithm, Reservations } from '../../../src/resv/index.js';
import { asleep, codeOf, resvRooms, watch } from './rooms.js';

const [A, B, C] = [1, 2, 3];
const ALGORITHMS: readonly Algorithm[] = ['wait-die', 'wound-wait'];

describe('contexts', () => {
  test('a later one is younger, in whichever agent', () => {
    const { rooms } = resvRooms();
    const stamps = [0, 1, 0, 1].map((n) => (rooms[n] as Reservations).acquireContext().stamp);
    expect(stamps.toSorted((a, b) => a - b)).toEqual(stamps);
    expect(new Set(stamps).size).toBe(4);
  });

  test('count what they hold', async () => {
    const { rooms } = resvRooms();
    const context = rooms[0].acquireContext();
    const one = await rooms[0].of(A).lock({ context });
    const two = rooms[0].of(B).lockSync({ context });
    expect(context.held).toBe(2);
    one.unlock();
    two.unlock();
    expect(context.held).toBe(0);
  });

  test('a lock that this context holds is EALREADY, for another context it is held', async () => {
    const { rooms } = resvRooms();
    const [context, other] = [rooms[0].acquireContext(), rooms[0].acquireContext()];
    await rooms[0].of(A).lock({ context });
    expect(await codeOf(rooms[0].of(A).lock({ context }))).toBe('EALREADY');
    expect(await codeOf(() => rooms[0].of(A).lockSync({ context }))).toBe('EALREADY');
    expect(await codeOf(rooms[0].of(A).lock({ context: other, timeout: 0 }))).toBe('ETIMEDOUT');
  });

  test('an algorithm that is none is refused', async () => {
    const { rooms } = resvRooms();
    expect(await codeOf(() => rooms[0].acquireContext({ algorithm: 'fifo' as Algorithm }))).toBe(
      'EINVAL',
    );
  });

  test('an agent has 1023 at a time, and those that are over do not count', async () => {
    const { rooms } = resvRooms();
    const contexts = Array.from({ length: 1023 }, () => rooms[0].acquireContext());
    expect(await codeOf(() => rooms[0].acquireContext())).toBe('ENFILE');
    expect(rooms[1].acquireContext().held).toBe(0);
    contexts[17]?.[Symbol.dispose]();
    contexts[17]?.[Symbol.dispose]();
    rooms[0].acquireContext();
    expect(await codeOf(() => rooms[0].acquireContext())).toBe('ENFILE');
  });

  test('one that was disposed before its lock gives its place back with the lock', async () => {
    const { rooms } = resvRooms();
    const context = rooms[0].acquireContext();
    const lock = await rooms[0].of(A).lock({ context });
    context[Symbol.dispose]();
    for (let n = 0; n < 1022; n++) rooms[0].acquireContext();
    expect(await codeOf(() => rooms[0].acquireContext())).toBe('ENFILE');
    lock.unlock();
    expect(rooms[0].acquireContext().stamp).toBeGreaterThan(context.stamp);
  });
});

/** `old` has A and `young` has B, each in its agent. */
async function crossed(algorithm: Algorithm, there: 0 | 1) {
  const { rooms } = resvRooms();
  const [a, b] = [rooms[0], rooms[there]];
  const [old, young] = [a.acquireContext({ algorithm }), b.acquireContext({ algorithm })];
  const locks = [await a.of(A).lock({ context: old }), await b.of(B).lock({ context: young })];
  return { a, b, old, young, lockA: locks[0], lockB: locks[1] };
}

for (const [where, there] of [
  ['tasks of one agent', 0],
  ['two agents', 1],
] as const) {
  describe(`wait-die, ${where}`, () => {
    test('the younger dies at once for a lock that the older has', async () => {
      const { b, young } = await crossed('wait-die', there);
      expect(await codeOf(b.of(A).lock({ context: young }))).toBe('EDEADLK');
    });

    test('the older waits for the younger, and gets the lock', async () => {
      const { a, old, lockB } = await crossed('wait-die', there);
      const waiting = watch(a.of(B).lock({ context: old }));
      await asleep();
      expect(waiting.settled).toBe(false);
      lockB?.unlock();
      expect((await waiting.promise).held).toBe(true);
    });

    test('a younger waiter that holds something dies when an older one comes to wait', async () => {
      const { rooms } = resvRooms(3);
      const [a, b, c] = [rooms[0], rooms[there], rooms[there * 2]] as Reservations[] as [
        Reservations,
        Reservations,
        Reservations,
      ];
      const [old, middle, young] = [a, b, c].map((room) => room.acquireContext()) as [
        AcquireContext,
        AcquireContext,
        AcquireContext,
      ];
      const held = await c.of(A).lock({ context: young });
      await b.of(B).lock({ context: middle });
      const second = codeOf(b.of(A).lock({ context: middle }));
      await asleep();
      const first = a.of(A).lock({ context: old });
      expect(await second).toBe('EDEADLK');
      held.unlock();
      expect((await first).held).toBe(true);
    });

    test('a younger waiter dies when an older context becomes the holder', async () => {
      const { rooms } = resvRooms(3);
      const [a, b] = [rooms[0], rooms[there]];
      const [old, young] = [a.acquireContext(), b.acquireContext()];
      await b.of(B).lock({ context: young });
      const plain = a.of(A).lockSync();
      const waiting = codeOf(b.of(A).lock({ context: young }));
      await asleep();
      const first = a.of(A).lock({ context: old });
      plain.unlock();
      expect(await waiting).toBe('EDEADLK');
      expect((await first).held).toBe(true);
    });
  });

  describe(`wound-wait, ${where}`, () => {
    test('the younger waits for the older', async () => {
      const { b, young, lockA } = await crossed('wound-wait', there);
      const waiting = watch(b.of(A).lock({ context: young }));
      await asleep();
      expect(waiting.settled).toBe(false);
      lockA?.unlock();
      expect((await waiting.promise).held).toBe(true);
    });

    test('the older wounds the younger, which learns it when it has to wait', async () => {
      const { a, b, old, young, lockB } = await crossed('wound-wait', there);
      const waiting = watch(a.of(B).lock({ context: old }));
      await asleep();
      const free = await b.of(C).lock({ context: young });
      expect([waiting.settled, free.held]).toEqual([false, true]);
      expect(await codeOf(b.of(A).lock({ context: young }))).toBe('EDEADLK');
      free.unlock();
      lockB?.unlock();
      expect((await waiting.promise).held).toBe(true);
    });

    test('the older wounds a younger one that waits already', async () => {
      const { a, b, old, young, lockB } = await crossed('wound-wait', there);
      const dying = codeOf(b.of(A).lock({ context: young }));
      await asleep();
      const waiting = a.of(B).lock({ context: old });
      expect(await dying).toBe('EDEADLK');
      lockB?.unlock();
      expect((await waiting).held).toBe(true);
    });

    test('a wound is over with the locks it was for, also when the next lock is free', async () => {
      const { a, b, old, young, lockB } = await crossed('wound-wait', there);
      const waiting = a.of(B).lock({ context: old });
      await asleep();
      lockB?.unlock();
      expect((await waiting).held).toBe(true);
      await b.of(C).lock({ context: young });
      const next = watch(b.of(A).lock({ context: young }));
      await asleep();
      expect(next.settled).toBe(false);
    });
  });
}

describe.each(ALGORITHMS)('%s', (algorithm) => {
  test('who holds nothing never dies, and wounds nobody', async () => {
    const { rooms } = resvRooms();
    const [a, b] = rooms;
    const [old, young] = [a.acquireContext({ algorithm }), b.acquireContext({ algorithm })];
    const lock = await b.of(A).lock({ context: young });
    const waiting = a.of(A).lock({ context: old });
    await asleep();
    const free = await b.of(B).lock({ context: young });
    free.unlock();
    lock.unlock();
    const got = await waiting;
    const younger = b.of(A).lock({ context: young });
    await asleep();
    got.unlock();
    expect((await younger).held).toBe(true);
  });

  test('waiters with a context are served by age, those without by arrival', async () => {
    const { rooms } = resvRooms(4);
    const [a, b, c, d] = rooms as unknown as [
      Reservations,
      Reservations,
      Reservations,
      Reservations,
    ];
    const held = a.of(A).lockSync();
    const [old, young] = [c.acquireContext({ algorithm }), b.acquireContext({ algorithm })];
    const order: string[] = [];
    const take = (name: string, room: Reservations, context?: AcquireContext) =>
      room
        .of(A)
        .lock({ context })
        .then((lock) => {
          order.push(name);
          lock.unlock();
        });
    const waits = [take('young', b, young)];
    await asleep();
    waits.push(take('plain', d));
    await asleep();
    waits.push(take('old', c, old));
    await asleep();
    held.unlock();
    await Promise.all(waits);
    expect(order).toEqual(['old', 'young', 'plain']);
  });

  test('waiters of one agent are served by age too', async () => {
    const { rooms } = resvRooms();
    const [a] = rooms;
    const held = a.of(A).lockSync();
    const contexts = [0, 1, 2].map(() => a.acquireContext({ algorithm }));
    const order: number[] = [];
    const waits = [2, 0, 1].map((n) =>
      a
        .of(A)
        .lock({ context: contexts[n] })
        .then((lock) => {
          order.push(n);
          lock.unlock();
        }),
    );
    await asleep();
    held.unlock();
    await Promise.all(waits);
    expect(order).toEqual([0, 1, 2]);
  });

  test('after EDEADLK: drop all, take the contended lock first, then the others', async () => {
    const { a, b, old, young, lockA, lockB } = await crossed(algorithm, 1);
    const waiting = a.of(B).lock({ context: old });
    await asleep();
    expect(await codeOf(b.of(A).lock({ context: young }))).toBe('EDEADLK');
    lockB?.unlock();
    const slow = b.of(A).lockSlow(young);
    (await waiting).unlock();
    lockA?.unlock();
    expect((await slow).held).toBe(true);
    expect((await b.of(B).lock({ context: young })).held).toBe(true);
  });
});

test('mixed algorithms: neither waits for the other for ever', async () => {
  for (const [first, second] of [
    ['wait-die', 'wound-wait'],
    ['wound-wait', 'wait-die'],
  ] as const) {
    const { rooms } = resvRooms();
    const [a, b] = rooms;
    const [old, young] = [
      a.acquireContext({ algorithm: first }),
      b.acquireContext({ algorithm: second }),
    ];
    await a.of(A).lock({ context: old });
    const lockB = await b.of(B).lock({ context: young });
    const [one, two] = [a.of(B).lock({ context: old }), codeOf(b.of(A).lock({ context: young }))];
    expect(await two).toBe('EDEADLK');
    lockB.unlock();
    expect((await one).held).toBe(true);
  }
});

describe('injected EDEADLK', () => {
  test('hits a context that holds something, at growing intervals', async () => {
    const { rooms } = resvRooms();
    const [room] = rooms;
    room.injectDeadlock = 2;
    const context = room.acquireContext();
    const hits: number[] = [];
    let first = await room.of(0).lock({ context });
    for (let n = 1; n < 60; n++) {
      const row = 1 + (n % 40);
      try {
        (await room.of(row).lock({ context })).unlock();
      } catch (error) {
        expect((error as { code: string }).code).toBe('EDEADLK');
        hits.push(n);
        first.unlock();
        (await room.of(row).lockSlow(context)).unlock();
        first = await room.of(0).lock({ context });
      }
    }
    expect(hits.length).toBeGreaterThan(2);
    const gaps = hits.slice(1).map((hit, n) => hit - (hits[n] ?? 0));
    for (const [n, gap] of gaps.entries()) expect(gap).toBeGreaterThan(gaps[n - 1] ?? 0);
  });
});
