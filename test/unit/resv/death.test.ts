// SPDX-License-Identifier: MIT
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, test } from 'vitest';
import type { Reservations } from '../../../src/resv/index.js';
import { asleep, codeOf, resvRooms, turn } from './rooms.js';

setFlagsFromString('--expose-gc');
const gc = runInNewContext('gc') as () => void;

const ROW = 4;

describe('the holder dies', () => {
  test('the next one learns it, again and again, until somebody says that all is well', async () => {
    const { rooms, kill } = resvRooms(3);
    const [dead, a, b] = rooms as unknown as [Reservations, Reservations, Reservations];
    dead.of(ROW).lockSync();
    kill(dead);
    a.agent.lookForDead();
    expect(a.of(ROW).locked).toBe(false);
    expect(a.agent.slots.word(dead.agent.slot, 'lostLocks')).toBe(1);
    expect(await codeOf(a.of(ROW).lock())).toBe('EOWNERDEAD');
    expect(await codeOf(() => b.of(ROW).lockSync())).toBe('EOWNERDEAD');
    expect(await codeOf(() => a.of(ROW).tryLock())).toBe('EOWNERDEAD');
    expect([a.agent.held, b.agent.held, a.of(ROW).locked]).toEqual([0, 0, false]);
    const careless = await a.of(ROW).lock({ recover: true });
    expect(careless.ownerDied).toBe(true);
    careless.unlock();
    expect(await codeOf(b.of(ROW).lock())).toBe('EOWNERDEAD');
    const careful = b.of(ROW).lockSync({ recover: true });
    careful.markConsistent();
    expect(careful.ownerDied).toBe(false);
    careful.unlock();
    const lock = await a.of(ROW).lock();
    expect(lock.ownerDied).toBe(false);
  });

  test('those who wait are told, the first to recover keeps it from the others', async () => {
    const { rooms, kill } = resvRooms(4);
    const [dead, a, b, c] = rooms as unknown as [
      Reservations,
      Reservations,
      Reservations,
      Reservations,
    ];
    dead.of(ROW).lockSync();
    const told = [codeOf(a.of(ROW).lock()), codeOf(b.of(ROW).lock({ timeout: 60_000 }))];
    await asleep();
    const recovered = c.of(ROW).lock({ recover: true });
    const late = codeOf(c.of(ROW).lock());
    await asleep();
    kill(dead);
    a.agent.lookForDead();
    expect(await Promise.all(told)).toEqual(['EOWNERDEAD', 'EOWNERDEAD']);
    const lock = await recovered;
    expect(lock.ownerDied).toBe(true);
    lock.unlock();
    expect(await late).toBe('EOWNERDEAD');
  });

  test('waiters at rest in the holder that recovers are told too', async () => {
    const { rooms, kill } = resvRooms();
    const [dead, a] = rooms;
    dead.of(ROW).lockSync();
    kill(dead);
    a.agent.lookForDead();
    const lock = await a.of(ROW).lock({ recover: true });
    const resting = [a.of(ROW).lock(), a.of(ROW).lock()].map((wait) => codeOf(wait));
    lock.unlock();
    expect(await Promise.all(resting)).toEqual(['EOWNERDEAD', 'EOWNERDEAD']);
    const again = await a.of(ROW).lock({ recover: true });
    const next = [a.of(ROW).lock(), a.of(ROW).lock()];
    again.markConsistent();
    again.unlock();
    for (const wait of next) (await wait).unlock();
    expect(a.agent.held).toBe(0);
  });

  test('a blocking waiter recovers by itself', async () => {
    const { rooms, kill } = resvRooms();
    const [dead, a] = rooms;
    dead.of(ROW).lockSync();
    kill(dead);
    expect(await codeOf(() => a.of(ROW).lockSync())).toBe('EOWNERDEAD');
    expect(a.of(ROW).lockSync({ recover: true }).ownerDied).toBe(true);
  });

  test('its contexts do not stand in the way of those who come after', async () => {
    const { rooms, kill } = resvRooms();
    const [dead, a] = rooms;
    const old = dead.acquireContext();
    await dead.of(ROW).lock({ context: old });
    const young = a.acquireContext();
    await a.of(1).lock({ context: young });
    kill(dead);
    a.agent.lookForDead();
    const lock = await a.of(ROW).lock({ context: young, recover: true });
    expect([lock.ownerDied, young.held]).toEqual([true, 2]);
  });
});

test('a waiter that dies is no longer waited for', async () => {
  const { rooms, kill } = resvRooms(3);
  const [a, dead, c] = rooms as unknown as [Reservations, Reservations, Reservations];
  const held = a.of(ROW).lockSync();
  void dead.of(ROW).lock();
  await asleep();
  const last = c.of(ROW).lock();
  await asleep();
  expect(a.waiters(ROW)).toEqual([dead.agent.slot, c.agent.slot]);
  kill(dead);
  a.agent.lookForDead();
  held.unlock();
  (await last).unlock();
  expect(a.waiters(ROW)).toEqual([]);
});

describe('an agent that leaves', () => {
  test('its locks are free, with a dead owner; its waiters are refused, and so is everything later', async () => {
    const { rooms } = resvRooms();
    const [a, b] = rooms;
    const lock = a.of(ROW).lockSync();
    const other = b.of(1).lockSync();
    const waits = [codeOf(a.of(1).lock()), codeOf(a.of(ROW).lock())];
    await asleep();
    const resting = codeOf(a.of(ROW).lock());
    const reason = new Error('left');
    a.agent.leave(reason);
    expect(await Promise.all(waits)).toEqual([reason, reason]);
    expect(await resting).toBe('ESTALE');
    lock.unlock();
    expect(await codeOf(b.of(ROW).lock())).toBe('EOWNERDEAD');
    expect(await codeOf(a.of(ROW).lock())).toBe('ESTALE');
    expect(await codeOf(() => a.of(1).tryLock())).toBe('ESTALE');
    other.unlock();
  });
});

describe('a lock object of an agent that has left', () => {
  test('is no proof any more: it writes nothing into the list of those who hold it now', async () => {
    const { rooms } = resvRooms();
    const [a, b] = rooms;
    const lock = a.of(ROW).lockSync();
    const lent = lock.lend();
    const fence = a.fences.timeline('left').next();
    a.agent.leave(new Error('left'));
    const real = b.of(ROW).lockSync({ recover: true });
    expect([lock.held, lent.held, lock.ownerDied]).toEqual([false, false, false]);
    const uses = [
      () => lock.reserve(1),
      () => lock.add(fence, 'write'),
      () => lent.addKernel(fence),
      () => lock.fences('bookkeep'),
      () => lock.markConsistent(),
    ];
    for (const use of uses) expect(await codeOf(use)).toBe('ENOLCK');
    expect([real.fences('bookkeep'), real.ownerDied]).toEqual([[], true]);
    lock.unlock();
    expect([real.held, b.of(ROW).locked]).toEqual([true, true]);
  });
});

describe('a lock object that was collected while it held', () => {
  test('is released with a dead owner, and reported with the place where it was taken', async () => {
    const { rooms } = resvRooms();
    const [a, b] = rooms;
    const lost: unknown[] = [];
    a.lost.debug = true;
    a.lost.listener = (lock) => void lost.push(lock);
    // Nothing may keep the lock, nor a frame that has seen it.
    await (async () => void (await a.of(ROW).lock()))();
    const kept = await a.of(1).lock();
    while (lost.length === 0) {
      await turn();
      gc();
    }
    expect(lost).toMatchObject([{ row: ROW, stack: expect.stringContaining('death.test') }]);
    expect([a.agent.held, kept.held]).toEqual([1, true]);
    expect(await codeOf(b.of(ROW).lock())).toBe('EOWNERDEAD');
  });

  test('one that was unlocked is not released a second time', async () => {
    const { rooms } = resvRooms();
    const [a] = rooms;
    const lost: unknown[] = [];
    a.lost.listener = (lock) => void lost.push(lock);
    await (async () => {
      const lock = await a.of(ROW).lock();
      await turn();
      await turn();
      lock.unlock();
    })();
    const next = a.of(ROW).lockSync();
    for (let n = 0; n < 10; n++) {
      gc();
      await turn();
    }
    expect([lost, next.held, a.of(ROW).locked]).toEqual([[], true, true]);
  });
});
