// SPDX-License-Identifier: MIT
/**
 * What the kernel's lock debugging reports of ww_mutex, and what it accepts (lib/locking-selftest.c), under the kernel's names. What
 * it reports is a typed error here where it is wrong in itself; where it is wrong only because one thread does it, and tasks of
 * one thread are no threads, a blocking call is EDEADLK when it would have to wait, and otherwise reported in debug mode (D-7).
 */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { AcquireContext, Misuse, Reservations } from '../../src/resv/index.js';
import { asleep, codeOf, resvRooms } from '../unit/resv/rooms.js';

let room: Reservations;
let other: Reservations;
let reports: Misuse[];
beforeEach(() => {
  [room, other] = resvRooms().rooms;
  reports = [];
  room.debug = true;
  room.onMisuse((misuse) => void reports.push(misuse));
});

/** Our context holds row 1 and got EDEADLK from row 2, which an older context of the other agent holds. */
async function deadlocked() {
  const older = other.acquireContext();
  const theirs = await other.of(2).lock({ context: older });
  const context = room.acquireContext();
  const own = await room.of(1).lock({ context });
  expect(await codeOf(room.of(2).lock({ context }))).toBe('EDEADLK');
  return { context, own, theirs };
}

describe('ww_mutex, contexts', () => {
  test('normal: made, locked, unlocked, disposed', async () => {
    const context = room.acquireContext();
    const lock = await room.of(1).lock({ context });
    context.done();
    lock.unlock();
    context[Symbol.dispose]();
    expect(reports).toEqual([]);
  });

  test('fail_acquire: what is no context is EINVAL', async () => {
    expect(await codeOf(room.of(1).lock({ context: {} as AcquireContext }))).toBe('EINVAL');
    expect(await codeOf(() => room.of(1).lockSync({ context: 'context' as never }))).toBe('EINVAL');
    expect(room.of(1).locked).toBe(false);
  });

  test('stale_context: a disposed context is EINVAL', async () => {
    const context = room.acquireContext();
    context[Symbol.dispose]();
    expect(await codeOf(room.of(1).lock({ context }))).toBe('EINVAL');
    expect(await codeOf(() => room.of(1).lockSync({ context }))).toBe('EINVAL');
    expect(await codeOf(() => context.done())).toBe('EINVAL');
    expect(room.of(1).locked).toBe(false);
  });

  test('diff_class: a context of another agent or domain is EXDEV', async () => {
    expect(await codeOf(room.of(1).lock({ context: other.acquireContext() }))).toBe('EXDEV');
  });

  test('done_twice: the second done() is EINVAL', async () => {
    const context = room.acquireContext();
    context.done();
    expect(await codeOf(() => context.done())).toBe('EINVAL');
  });

  test('lock_after_done: no more locks after done(), EINVAL', async () => {
    const context = room.acquireContext();
    context.done();
    expect(await codeOf(room.of(1).lock({ context }))).toBe('EINVAL');
  });

  test('context unlock_twice: disposing twice is harmless (R1)', () => {
    const context = room.acquireContext();
    context[Symbol.dispose]();
    context[Symbol.dispose]();
    expect(reports).toEqual([]);
  });

  test('fini_early: reported; the lock stays held until it is unlocked', async () => {
    const context = room.acquireContext();
    const lock = await room.of(1).lock({ context });
    context[Symbol.dispose]();
    expect(reports.map(({ what }) => what)).toEqual(['a context was disposed before its locks']);
    expect(room.of(1).locked).toBe(true);
    lock.unlock();
    expect(room.of(1).locked).toBe(false);
  });

  test('two_contexts: alive in one thread, a blocking call of the second is reported, and EDEADLK if it had to wait', async () => {
    const [first, second] = [room.acquireContext(), room.acquireContext()];
    room.of(1).lockSync({ context: first });
    room.of(3).lockSync({ context: second });
    expect(reports.length).toBe(1);
    const held = other.of(2).lockSync();
    expect(await codeOf(() => room.of(2).lockSync({ context: second }))).toBe('EDEADLK');
    held.unlock();
  });

  test('one context that waits for two locks at a time is EINVAL', async () => {
    const held = other.of(2).lockSync();
    const context = room.acquireContext();
    const first = room.of(2).lock({ context });
    await asleep();
    expect(await codeOf(room.of(3).lock({ context }))).toBe('EINVAL');
    held.unlock();
    (await first).unlock();
    (await room.of(3).lock({ context })).unlock();
  });
});

describe('ww_mutex, objects', () => {
  test('object_unlock_twice: harmless (R1), whoever holds it then', async () => {
    const context = room.acquireContext();
    const lock = await room.of(1).lock({ context });
    lock.unlock();
    const theirs = other.of(1).lockSync();
    lock.unlock();
    expect([theirs.held, room.of(1).locked]).toEqual([true, true]);
  });

  test('lock_unbalanced: there is one way to unlock, however it was locked', async () => {
    const context = room.acquireContext();
    const locks = [
      await room.of(1).lock({ context }),
      room.of(2).lockSync({ context }),
      room.of(3).tryLock(),
    ];
    for (const lock of locks) lock?.unlock();
    expect([context.held, room.agent.held]).toEqual([0, 0]);
    expect([1, 2, 3].map((row) => room.of(row).locked)).toEqual([false, false, false]);
  });
});

describe('ww_mutex, lockSlow', () => {
  test('unneeded_slow: without an earlier EDEADLK it is EINVAL', async () => {
    const context = room.acquireContext();
    expect(await codeOf(room.of(1).lockSlow(context))).toBe('EINVAL');
    expect(await codeOf(room.of(1).lockSlow(null as never))).toBe('EINVAL');
    expect(room.of(1).locked).toBe(false);
  });

  test('edeadlk_normal: back off, take the contended one by lock(), go on', async () => {
    const { context, own, theirs } = await deadlocked();
    own.unlock();
    theirs.unlock();
    const second = await room.of(2).lock({ context });
    const first = await room.of(1).lock({ context });
    expect([first.held, second.held, context.held]).toEqual([true, true, 2]);
  });

  test('edeadlk_normal_slow: the same by lockSlow(), which waits', async () => {
    const { context, own, theirs } = await deadlocked();
    own.unlock();
    const slow = room.of(2).lockSlow(context);
    await asleep();
    theirs.unlock();
    expect((await slow).held).toBe(true);
    expect((await room.of(1).lock({ context })).held).toBe(true);
  });

  const BY = [
    ['', (row: number, context: AcquireContext) => room.of(row).lock({ context })],
    ['_slow', (row: number, context: AcquireContext) => room.of(row).lockSlow(context)],
  ] as const;

  for (const [suffix, take] of BY) {
    test(`edeadlk_no_unlock${suffix}: with others still held it is EINVAL`, async () => {
      const { context, own, theirs } = await deadlocked();
      theirs.unlock();
      expect(await codeOf(take(2, context))).toBe('EINVAL');
      expect(own.held).toBe(true);
    });

    test(`edeadlk_acquire_more${suffix}: another lock before it is EINVAL`, async () => {
      const { context, theirs } = await deadlocked();
      expect(await codeOf(take(3, context))).toBe('EINVAL');
      expect(room.of(3).locked).toBe(false);
      theirs.unlock();
    });

    test(`edeadlk_acquire_more_edeadlk${suffix}: also one that others hold`, async () => {
      const { context, theirs } = await deadlocked();
      const held = other.of(4).lockSync();
      expect(await codeOf(take(4, context))).toBe('EINVAL');
      held.unlock();
      theirs.unlock();
    });

    test(`edeadlk_acquire_wrong${suffix}: another one first, with nothing held, is EINVAL`, async () => {
      const { context, own, theirs } = await deadlocked();
      own.unlock();
      expect(await codeOf(take(3, context))).toBe('EINVAL');
      theirs.unlock();
      expect((await room.of(2).lockSlow(context)).held).toBe(true);
    });
  }

  test('giving up after EDEADLK is legal', async () => {
    const { context, own } = await deadlocked();
    own.unlock();
    context[Symbol.dispose]();
    expect(reports).toEqual([]);
  });
});

describe.each(['context', 'try', 'block'])('ww_mutex, while holding a %s lock', (kind) => {
  let context: AcquireContext;
  beforeEach(() => {
    context = room.acquireContext();
    if (kind === 'context') room.of(1).lockSync({ context });
    else if (kind === 'try') room.of(1).tryLock();
    else room.of(1).lockSync();
    expect(reports).toEqual([]);
  });

  test(`${kind}_block: a blocking lock without a context is reported, and EDEADLK if it had to wait`, async () => {
    room.of(2).lockSync();
    expect(reports.map(({ what }) => what)).toEqual([expect.stringContaining('lockSync')]);
    other.of(3).lockSync();
    expect(await codeOf(() => room.of(3).lockSync())).toBe('EDEADLK');
  });

  test(`${kind}_try: trying is fine`, async () => {
    expect(room.of(2).tryLock()?.held).toBe(true);
    other.of(3).lockSync();
    expect(room.of(3).tryLock()).toBe(null);
    expect(reports).toEqual([]);
  });

  test(`${kind}_context: a lock with the context is fine only if the context holds the other one`, async () => {
    room.of(2).lockSync({ context });
    expect(reports.length).toBe(kind === 'context' ? 0 : 1);
    const theirs = other.of(3).lockSync();
    const code = await codeOf(() => room.of(3).lockSync({ context, timeout: 1 }));
    expect(code).toBe(kind === 'context' ? 'ETIMEDOUT' : 'EDEADLK');
    theirs.unlock();
  });

  test('awaiting is legal for another task, as it is not this one that holds the lock', async () => {
    const theirs = other.of(3).lockSync();
    const waiting = room.of(3).lock();
    await asleep();
    theirs.unlock();
    expect((await waiting).held).toBe(true);
    expect(reports).toEqual([]);
  });
});

/** Inside signalling(): what must not wait, as under a spin lock. */
describe('ww_mutex, inside of a section that must not wait', () => {
  let section: Disposable;
  beforeEach(() => {
    section = room.fences.timeline('line').signalling();
  });
  afterEach(() => section[Symbol.dispose]());

  test('spin_block: blocking is EDEADLK', async () => {
    expect(await codeOf(() => room.of(1).lockSync())).toBe('EDEADLK');
  });

  test('spin_try: trying is fine', () => {
    expect(room.of(1).tryLock()?.held).toBe(true);
  });

  test('spin_context: with a context it is EDEADLK too, in every form', async () => {
    const context = room.acquireContext();
    expect(await codeOf(() => room.of(1).lockSync({ context }))).toBe('EDEADLK');
    expect(await codeOf(room.of(1).lock({ context }))).toBe('EDEADLK');
  });
});
