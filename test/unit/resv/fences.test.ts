// SPDX-License-Identifier: MIT
import { describe, expect, test } from 'vitest';
import { Fence, type Timeline } from '../../../src/fence/index.js';
import { HeldLock, type Reservations, type ResvLock, type Usage } from '../../../src/resv/index.js';
import { asleep, codeOf, resvRooms, watch } from './rooms.js';

const ROW = 7;
const USAGES: readonly Usage[] = ['kernel', 'write', 'read', 'bookkeep'];

function one() {
  const { rooms, kill } = resvRooms();
  const [room, other] = rooms;
  const resv = room.of(ROW);
  const lock = resv.lockSync();
  const lines = ['a', 'b', 'c', 'd', 'e'].map((name) => room.fences.timeline(name));
  return { room, other, resv, lock, lines: lines as [Timeline, Timeline, Timeline], kill };
}

const put = (lock: ResvLock, fence: Fence, usage: Usage): void =>
  usage === 'kernel' ? lock.addKernel(fence) : lock.add(fence, usage);

const numbers = (fences: readonly Fence[]) =>
  fences.map(({ timeline, seqno }) => [timeline, seqno]);

describe('adding', () => {
  test('needs a lock that is held', async () => {
    const { lock, lines, resv } = one();
    lock.unlock();
    const [line] = lines;
    for (const call of [
      () => lock.reserve(1),
      () => lock.add(line.next(), 'read'),
      () => lock.addKernel(line.next()),
      () => lock.replace(line, line.next(), 'read'),
      () => lock.fences('read'),
      () => lock.copyFrom(resv),
      () => lock.markConsistent(),
      () => lock.wait('read'),
    ]) {
      expect(await codeOf(call)).toBe('ENOLCK');
    }
  });

  test('needs room, and room is lost at unlock', async () => {
    const { lock, lines, resv } = one();
    expect(await codeOf(() => lock.add(lines[0].next(), 'read'))).toBe('ENOSPC');
    lock.reserve(2);
    lock.reserve(2);
    lock.add(lines[0].next(), 'read');
    lock.add(lines[1].next(), 'read');
    expect(await codeOf(() => lock.add(lines[2].next(), 'read'))).toBe('ENOSPC');
    lock.reserve(1);
    lock.unlock();
    const again = resv.lockSync();
    expect(await codeOf(() => again.add(lines[2].next(), 'read'))).toBe('ENOSPC');
  });

  test('refuses what is no point, no usage, or of somebody else', async () => {
    const { lock, lines, other } = one();
    const fence = lines[0].next();
    lock.reserve(4);
    for (const wrong of [Fence.all([fence, lines[1].next()]), null, {}]) {
      expect(await codeOf(() => lock.add(wrong as never, 'read'))).toBe('EINVAL');
    }
    expect(await codeOf(() => lock.add(fence, 'kernel' as never))).toBe('EINVAL');
    expect(await codeOf(() => lock.add(fence, 'exclusive' as never))).toBe('EINVAL');
    expect(await codeOf(() => lock.add(other.fences.timeline('x').next(), 'read'))).toBe('EXDEV');
    expect(await codeOf(() => lock.reserve(0))).toBe('EINVAL');
    expect(await codeOf(() => lock.replace({ id: 1 } as never, fence, 'read'))).toBe('EINVAL');
    expect(lock.fences('bookkeep')).toEqual([]);
  });

  test('a class includes the stronger ones', () => {
    const { lock, lines, resv } = one();
    lock.reserve(4);
    const fences = USAGES.map((usage, n) => {
      const fence = (lines[n] as Timeline).next();
      put(lock, fence, usage);
      return fence;
    });
    for (const [n, usage] of USAGES.entries()) {
      expect(lock.fences(usage)).toEqual(fences.slice(0, n + 1));
      expect(resv.fences(usage)).toEqual(fences.slice(0, n + 1));
    }
  });

  test('other agents see the same fences', () => {
    const { lock, lines, other } = one();
    lock.reserve(1);
    const fence = lines[0].next();
    lock.add(fence, 'write');
    const [there] = other.of(ROW).fences('write');
    expect([there?.timeline, there?.seqno, there?.signaled]).toEqual([lines[0].id, 1, false]);
    expect(other.of(ROW).test('read')).toBe(false);
    lines[0].signal(fence);
    expect([there?.signaled, other.of(ROW).test('read')]).toEqual([true, true]);
  });

  test('never needs room for a fence that takes the place of a weaker or equal one of its timeline', () => {
    const { lock, lines, resv } = one();
    lock.reserve(1);
    const [first, second, third] = [lines[0].next(), lines[0].next(), lines[0].next()];
    lock.add(first, 'read');
    lock.add(second, 'read');
    lock.add(third, 'write');
    expect(lock.fences('bookkeep')).toEqual([third]);
    expect(resv.fences('write')).toEqual([third]);
  });

  test('an earlier fence, and a weaker usage, take a place of their own', () => {
    const { lock, lines } = one();
    lock.reserve(3);
    const [early, late] = [lines[0].next(), lines[0].next()];
    lock.add(late, 'write');
    lock.add(early, 'write');
    lock.add(late, 'bookkeep');
    expect(numbers(lock.fences('bookkeep'))).toEqual([
      [lines[0].id, 2],
      [lines[0].id, 1],
      [lines[0].id, 2],
    ]);
    expect(numbers(lock.fences('write')).length).toBe(2);
  });

  test('a signalled fence gives its place to any newcomer, and reserving drops it', () => {
    const { lock, lines } = one();
    lock.reserve(3);
    const [a, b, c] = lines.map((line) => line.next()) as [Fence, Fence, Fence];
    for (const fence of [a, b, c]) lock.add(fence, 'read');
    lines[1].signal(b);
    expect(lock.fences('read')).toEqual([a, b, c]);
    const next = lines[1].next();
    lock.addKernel(next);
    expect(lock.fences('read')).toEqual([a, next, c]);
    lines[0].signal(a);
    lock.reserve(1);
    expect(lock.fences('read')).toEqual([next, c]);
  });

  test('a fence that has signalled already can be added', () => {
    const { lock, lines, resv } = one();
    const fence = lines[0].next();
    lines[0].signal(fence);
    lock.reserve(2);
    lock.add(fence, 'read');
    lock.add(Fence.done, 'read');
    expect([resv.test('bookkeep'), resv.fences('read')]).toEqual([true, []]);
  });

  test('many fences go to chunks, and the list shrinks again', () => {
    const { lock, room, resv, other } = one();
    const many = Array.from({ length: 100 }, (_, n) => room.fences.create(1000 + n, 1));
    lock.reserve(100);
    for (const fence of many) lock.add(fence, 'read');
    expect(resv.fences('read')).toEqual(many);
    expect(other.of(ROW).fences('read').length).toBe(100);
    for (const [n, fence] of many.entries()) if (n % 3 !== 0) room.fences.signal(fence);
    const left = many.filter((fence) => !fence.signaled);
    lock.reserve(1);
    expect(lock.fences('read')).toEqual(left);
    expect(other.of(ROW).fences('read').length).toBe(left.length);
  });

  test('when all chunks are taken it is ENOMEM, with the list unchanged', async () => {
    const { rooms } = resvRooms();
    const [room] = rooms;
    const [first, second] = [room.of(0).lockSync(), room.of(1).lockSync()];
    first.reserve(4 + 16 * 63);
    second.reserve(20);
    expect(await codeOf(() => second.reserve(21))).toBe('ENOMEM');
    second.add(room.fences.create(77, 1), 'read');
    expect(second.fences('read').length).toBe(1);
    first.unlock();
    room.reset(0);
    second.reserve(200);
  });

  test('copyFrom takes over what is not signalled, with its usage', () => {
    const { lock, lines, room, resv } = one();
    const from = room.of(8).lockSync();
    from.reserve(3);
    lock.reserve(1);
    const [mine, a, b] = lines.map((line) => line.next()) as [Fence, Fence, Fence];
    lock.add(mine, 'write');
    from.add(a, 'write');
    from.add(b, 'bookkeep');
    lines[1].signal(a);
    lock.copyFrom(room.of(8));
    expect(lock.fences('bookkeep')).toEqual([b]);
    expect(resv.test('read')).toBe(true);
    lock.copyFrom(resv);
    expect(lock.fences('bookkeep')).toEqual([b]);
  });

  test('copyFrom another agent, or something else, is refused', async () => {
    const { lock, other } = one();
    expect(await codeOf(() => lock.copyFrom(other.of(3)))).toBe('EXDEV');
    expect(await codeOf(() => lock.copyFrom({} as never))).toBe('EINVAL');
  });

  test('replace turns every fence of a timeline into one', () => {
    const { lock, lines } = one();
    lock.reserve(3);
    const [w, r, b] = [lines[0].next(), lines[1].next(), lines[0].next()];
    lock.add(w, 'write');
    lock.add(r, 'read');
    lock.add(b, 'bookkeep');
    const x = lines[2].next();
    lock.replace(lines[0], x, 'kernel');
    expect(lock.fences('kernel')).toEqual([x, x]);
    expect(lock.fences('bookkeep')).toEqual([x, r, x]);
    lock.replace(room(lock).fences.timeline('none'), w, 'read');
    expect(lock.fences('bookkeep')).toEqual([x, r, x]);
  });
});

const room = (lock: ResvLock): Reservations => lock.resv.room;

describe('waiting', () => {
  test('for a class ends when the last of its fences has signalled', async () => {
    const { lock, lines, resv } = one();
    lock.reserve(3);
    const [w, r, b] = lines.map((line) => line.next()) as [Fence, Fence, Fence];
    lock.add(w, 'write');
    lock.add(r, 'read');
    lock.add(b, 'bookkeep');
    const [write, read, held] = [resv.wait('write'), resv.wait('read'), lock.wait('read')].map(
      watch,
    );
    await resv.wait('kernel');
    lines[0].signal(w);
    await write?.promise;
    await asleep();
    expect([read?.settled, held?.settled]).toEqual([false, false]);
    lines[1].signal(r);
    await Promise.all([read?.promise, held?.promise]);
    expect([resv.test('read'), resv.test('bookkeep')]).toEqual([true, false]);
  });

  test('in another agent too, and time-out and abort end it', async () => {
    const { lock, lines, other } = one();
    lock.reserve(1);
    const fence = lines[0].next();
    lock.add(fence, 'write');
    const there = other.of(ROW);
    expect(await codeOf(there.wait('write', { timeout: 1 }))).toBe('ETIMEDOUT');
    expect(await codeOf(() => there.waitSync('write', { timeout: 1 }))).toBe('ETIMEDOUT');
    expect(await codeOf(there.wait('write', { timeout: 0 }))).toBe('ETIMEDOUT');
    const controller = new AbortController();
    const aborted = codeOf(there.wait('write', { signal: controller.signal }));
    const waiting = there.wait('write');
    await asleep();
    controller.abort('no');
    expect(await aborted).toBe('no');
    lines[0].signal(fence);
    await waiting;
    there.waitSync('write', { timeout: 0 });
    await there.wait('bookkeep', { timeout: 0 });
  });

  test('does not miss a fence that has moved meanwhile', async () => {
    const { lock, lines, other } = one();
    lock.reserve(3);
    const [a, b, c] = lines.map((line) => line.next()) as [Fence, Fence, Fence];
    for (const fence of [a, b, c]) lock.add(fence, 'read');
    const waiting = watch(other.of(ROW).wait('read'));
    await asleep();
    lines[0].signal(a);
    lock.reserve(1); // b and c move down
    await asleep();
    lines[1].signal(b);
    await asleep();
    expect(waiting.settled).toBe(false);
    lines[2].signal(c);
    await waiting.promise;
  });

  test('goes on when the list grows, and waits for what was added: nothing moves', async () => {
    const { lock, lines, other, resv } = one();
    lock.reserve(1);
    const [a, b] = lines.map((line) => line.next()) as [Fence, Fence];
    lock.add(a, 'read');
    const { version } = resv.list;
    const waiting = watch(other.of(ROW).wait('read'));
    await asleep();
    lock.reserve(100);
    lock.add(b, 'read');
    expect(resv.list.version).toBe(version);
    lines[0].signal(a);
    await asleep();
    expect(waiting.settled).toBe(false);
    lines[1].signal(b);
    await waiting.promise;
  });

  test('waitSync for what this very thread has to signal is EDEADLK', async () => {
    const { lock, lines, resv } = one();
    lock.reserve(1);
    lock.add(lines[0].next(), 'write');
    lock.unlock();
    expect(await codeOf(() => resv.waitSync('write'))).toBe('EDEADLK');
    expect(await codeOf(() => resv.waitSync('write', { timeout: 0 }))).toBe('ETIMEDOUT');
  });

  test('a fence whose owner died counts as signalled', async () => {
    const { lock, lines, other, kill, room: owner } = one();
    lock.reserve(1);
    lock.add(lines[0].next(), 'read');
    lock.unlock();
    const waiting = other.of(ROW).wait('read');
    await asleep();
    kill(owner);
    other.agent.lookForDead();
    await waiting;
  });

  test('a word that is no usage is EINVAL', async () => {
    const { resv } = one();
    expect(await codeOf(resv.wait('excl' as never))).toBe('EINVAL');
    expect(await codeOf(() => resv.waitSync('excl' as never))).toBe('EINVAL');
    for (const call of ['test', 'fences', 'singleton'] as const) {
      expect(await codeOf(() => void resv[call]('excl' as never))).toBe('EINVAL');
    }
  });
});

describe('all fences as one', () => {
  test('none is done, one is itself, several are a set that signals with the last', () => {
    const { lock, lines, resv } = one();
    expect(resv.singleton('bookkeep')).toBe(Fence.done);
    lock.reserve(2);
    const [a, b] = [lines[0].next(), lines[1].next()];
    lock.add(a, 'write');
    expect(resv.singleton('write')).toBe(a);
    lock.add(b, 'read');
    const both = resv.singleton('read');
    lines[0].signal(a);
    expect(both.signaled).toBe(false);
    lines[1].signal(b);
    expect(both.signaled).toBe(true);
  });
});

test('setDeadline reaches the unsignalled fences of the class', async () => {
  const { lock, lines, resv, room: owner } = one();
  lock.reserve(2);
  const [a, b] = [lines[0].next(), lines[1].next()];
  lock.add(a, 'write');
  lock.add(b, 'bookkeep');
  const at = owner.agent.time() + 1000;
  resv.setDeadline('read', at);
  expect(Math.abs((owner.fences.deadlineOf(a.row, a.generation) ?? 0) - at)).toBeLessThan(3);
  expect(owner.fences.deadlineOf(b.row, b.generation)).toBe(null);
  expect(await codeOf(() => resv.setDeadline('read', Number.NaN))).toBe('EINVAL');
});

describe('a WRITE fence that failed (D-9)', () => {
  function failed() {
    const all = one();
    const { lock, lines, resv } = all;
    lock.reserve(4);
    const fence = lines[0].next();
    lock.add(fence, 'write');
    lines[0].fail(fence, 'ECANCELED');
    return { ...all, fence, resv };
  }

  test('does not keep anybody waiting, and is there for who looks', async () => {
    const { resv, other, lock } = failed();
    await resv.wait('bookkeep');
    expect(resv.test('write')).toBe(true);
    expect([resv.writeError(), other.of(ROW).writeError(), other.writeError(ROW)]).toEqual([
      'ECANCELED',
      'ECANCELED',
      'ECANCELED',
    ]);
    expect(lock.fences('write').map(({ error }) => error)).toEqual(['ECANCELED']);
    expect(lock.inTheWay('write').map(({ error }) => error)).toEqual(['ECANCELED']);
  });

  test('stays over reads, kernel fences, reserving and unlocking', () => {
    const { resv, lock, lines } = failed();
    lock.add(lines[1].next(), 'read');
    lock.addKernel(lines[0].next());
    lock.reserve(1);
    lock.unlock();
    expect(resv.writeError()).toBe('ECANCELED');
  });

  test('goes with the next write, however many had failed', () => {
    const { resv, lock, lines } = failed();
    const second = lines[1].next();
    lock.unlock();
    const next = resv.lockSync();
    next.reserve(2);
    next.add(second, 'write');
    expect(resv.writeError()).toBe(null);
    lines[1].fail(second, 'EOWNERDEAD');
    expect(resv.writeError()).toBe('EOWNERDEAD');
  });

  test('of the same hold is not over for a write beside it', () => {
    const { resv, lock, lines } = failed();
    lock.add(lines[1].next(), 'write');
    expect(resv.writeError()).toBe('ECANCELED');
  });

  test('goes when somebody says that all is well', () => {
    const { resv, lock } = failed();
    lock.markConsistent();
    expect([resv.writeError(), lock.fences('write')]).toEqual([null, []]);
  });

  test('is still known when it is added after it failed, and its record is used again', () => {
    const { room: owner, resv, lock, lines } = one();
    const fence = lines[0].next();
    lines[0].fail(fence, 'EIO');
    lock.reserve(1);
    lock.add(fence, 'write');
    lock.unlock();
    for (let n = 0; n < 5000; n++) owner.fences.signal(owner.fences.create(5, n));
    expect(resv.writeError()).toBe('EIO');
    const [shown] = resv.lockSync().fences('write');
    expect([shown?.timeline, shown?.seqno, shown?.error]).toEqual([lines[0].id, 1, 'EIO']);
  });

  test('survives the recycling of fence records while it is named', () => {
    const { room: owner, resv } = failed();
    for (let n = 0; n < 5000; n++) owner.fences.signal(owner.fences.create(5, n));
    expect(resv.writeError()).toBe('ECANCELED');
  });

  test('a failed fence of another usage is just over', () => {
    const { resv, lock, lines } = one();
    lock.reserve(2);
    const [r, k] = [lines[0].next(), lines[1].next()];
    lock.add(r, 'read');
    lock.addKernel(k);
    lines[0].fail(r, 'EIO');
    lines[1].fail(k, 'EIO');
    expect([resv.writeError(), lock.inTheWay('bookkeep')]).toEqual([null, []]);
  });

  test('goes along in copyFrom', () => {
    const { room: owner, resv } = failed();
    const lock = owner.of(8).lockSync();
    lock.copyFrom(resv);
    expect(owner.of(8).writeError()).toBe('ECANCELED');
  });
});

describe('a new life of the row', () => {
  test('begins without fences and without a dead owner', () => {
    const { lock, lines, resv, other } = one();
    lock.reserve(30);
    for (let n = 0; n < 30; n++) lock.add(lines[0].next(), n % 2 === 0 ? 'bookkeep' : 'read');
    lock.unlock();
    other.reset(ROW);
    expect([resv.test('bookkeep'), resv.fences('bookkeep')]).toEqual([true, []]);
    const again = resv.lockSync();
    again.reserve(4 + 16 * 64);
  });
});

describe('a lent lock', () => {
  test('proves the same as long as the callback runs and the lock is held', async () => {
    const { lock, lines, resv, room: owner } = one();
    const lent = lock.lend();
    lent.reserve(1);
    lent.add(lines[0].next(), 'read');
    expect(() => HeldLock.require('x', lent, resv)).not.toThrow();
    expect(await codeOf(() => HeldLock.require('x', lent, owner.of(1)))).toBe('ENOLCK');
    expect([lent.held, 'unlock' in lent]).toEqual([true, false]);
    lent.end();
    expect([lent.held, lock.held]).toEqual([false, true]);
    expect(await codeOf(() => HeldLock.require('x', lent, resv))).toBe('ENOLCK');
    const second = lock.lend();
    lock.unlock();
    expect([second.held, await codeOf(() => second.reserve(1))]).toEqual([false, 'ENOLCK']);
  });
});

describe('shared reservations', () => {
  test('each is a row of its own, and rows come back when nobody needs them', async () => {
    const { rooms } = resvRooms();
    const [a, b] = rooms;
    const all = Array.from({ length: 4096 }, (_, n) => (n % 2 === 0 ? a : b).create());
    expect(new Set(all.map(({ row }) => row)).size).toBe(4096);
    expect(all.every(({ row }) => row >= 64)).toBe(true);
    expect(await codeOf(() => a.create())).toBe('ENFILE');
    const named = new Set([all[1]?.row ?? 0]);
    a.registerNamer((row) => named.has(row));
    all[3]?.lockSync();
    b.agent.leave(new Error('left'));
    const freed = 2048 - 1;
    const again = Array.from({ length: freed }, () => a.create());
    expect(again.some(({ row }) => named.has(row))).toBe(false);
    expect(await codeOf(() => a.create())).toBe('ENFILE');
    named.clear();
    expect(a.create().row).toBe(all[1]?.row);
  });

  test('locks and fences of one are seen by all who have the row', () => {
    const { rooms } = resvRooms();
    const made = rooms[0].create();
    const there = rooms[1].of(made.row);
    const lock = made.lockSync();
    expect([there.locked, there.tryLock()]).toEqual([true, null]);
    lock.reserve(1);
    lock.add(rooms[0].fences.timeline('x').next(), 'read');
    expect(there.fences('read').length).toBe(1);
  });
});
