// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import { Channel } from '../../../src/heap/index.js';
import { cast, codeOf, endOf, type Member, stateOf, turns } from './members.js';

const frames = (member: Member, count = 2) =>
  member.pools.open({ name: 'frames', count, size: 5000 });

describe('pool', () => {
  it('hands out as many buffers as it has, and takes them back', () => {
    const { a } = cast();
    const pool = frames(a, 3);
    expect([pool.name, pool.count, pool.size, pool.free]).toEqual(['frames', 3, 5000, 3]);
    const got = [1, 2, 3].map(() => pool.tryAcquire());
    expect(new Set(got.map((buf) => buf?.id)).size).toBe(3);
    expect(got.map((buf) => [buf?.size, buf?.name])).toEqual([1, 2, 3].map(() => [5000, 'frames']));
    expect([pool.free, pool.tryAcquire()]).toEqual([0, null]);
    got[1]?.close();
    expect(pool.free).toBe(1);
    expect(pool.tryAcquire()?.id).toBe(got[1]?.id);
    expect(a.heap.used).toBe(3 * 8192);
  });

  it('is the same for every agent that says the name', () => {
    const { a, b } = cast();
    const [one, two] = [frames(a), frames(b)];
    const buf = one.tryAcquire();
    expect(two.free).toBe(1);
    const other = two.acquireSync();
    expect([one.free, one.tryAcquire()]).toEqual([0, null]);
    other.close();
    buf?.close();
    expect([one.free, two.free]).toEqual([2, 2]);
    expect(a.heap.used).toBe(2 * 8192);
  });

  it('counts a buffer as in use while any agent has it, or a message', async () => {
    const { a, b } = cast();
    const pool = frames(a, 1);
    const buf = await pool.acquire();
    const theirs = b.buffers.adopt(buf.row, buf.generation);
    const copy = buf.dup();
    buf.close();
    await a.channels.open('x').send(copy);
    copy.close();
    theirs?.close();
    expect(pool.free).toBe(0);
    expect(pool.holders().map(({ member }) => member)).toEqual(['(queued)']);
    b.channels.open('x').tryReceive()?.done();
    expect(pool.free).toBe(1);
  });

  it('serves who waits first, in every agent', async () => {
    const { a, b, c } = cast();
    const pool = frames(a, 1);
    const first = pool.tryAcquire();
    const order: string[] = [];
    const waits = [];
    for (const [name, member] of [
      ['b', b],
      ['c', c],
      ['b2', b],
      ['a', a],
    ] as const) {
      waits.push(
        frames(member, 1)
          .acquire()
          .then((buf) => {
            order.push(name);
            return buf;
          }),
      );
      await turns();
    }
    first?.close();
    for (const wait of waits) {
      const buf = await wait;
      await turns();
      buf.close();
    }
    expect(order).toEqual(['b', 'c', 'b2', 'a']);
  });

  it('wakes whoever waits when an agent that does not know the pool drops the last reference', async () => {
    const { a, b } = cast();
    const pool = frames(a, 1);
    const buf = pool.acquireSync();
    const theirs = b.buffers.adopt(buf.row, buf.generation);
    buf.close();
    const waiting = pool.acquire();
    expect(await stateOf(waiting)).toBe('pending');
    theirs?.close();
    expect((await waiting).id).toBe(buf.id);
  });

  it('does not hand out a buffer before its fences have signalled', async () => {
    const { a } = cast();
    const pool = frames(a, 1);
    const timeline = a.fences.timeline('gpu');
    const [one, two] = [timeline.next(), timeline.next()];
    for (const fence of [one, two]) {
      using buf = await pool.acquire();
      using lock = await buf.resv.lock();
      lock.reserve(1);
      lock.add(fence, 'bookkeep');
      lock.unlock();
      buf.close();
      expect([pool.free, pool.tryAcquire()]).toEqual([0, null]);
      const waiting = pool.acquire();
      expect(await stateOf(waiting)).toBe('pending');
      timeline.signal(fence);
      (await waiting).close();
    }
    expect(pool.free).toBe(1);
  });

  it('prefers a buffer that comes back to one whose fences are pending', async () => {
    const { a } = cast();
    const pool = frames(a, 2);
    const timeline = a.fences.timeline('gpu');
    const [busy, other] = [pool.acquireSync(), pool.acquireSync()];
    const lock = busy.resv.tryLock();
    lock?.reserve(1);
    lock?.add(timeline.next(), 'read');
    lock?.unlock();
    busy.close();
    const waiting = pool.acquire();
    expect(await stateOf(waiting)).toBe('pending');
    other.close();
    expect((await waiting).id).toBe(other.id);
  });

  it('waits for every fence of a buffer that rests, one after the other', async () => {
    const { a } = cast();
    const pool = frames(a, 1);
    const buf = await pool.acquire();
    const lock = buf.resv.tryLock();
    lock?.reserve(2);
    const timelines = [a.fences.timeline('one'), a.fences.timeline('two')];
    const fences = timelines.map((timeline) => timeline.next());
    for (const fence of fences) lock?.add(fence, 'bookkeep');
    lock?.unlock();
    buf.close();
    const waiting = pool.acquire();
    for (const [n, timeline] of timelines.entries()) {
      expect(await stateOf(waiting)).toBe('pending');
      timeline.signal(fences[n]?.seqno ?? 0);
    }
    expect((await waiting).id).toBe(buf.id);
  });

  it('wakes who waits when the fences of any buffer that rests have signalled, however many rest', async () => {
    const { a, b } = cast();
    const [pool, theirs] = [frames(a, 20), frames(b, 20)];
    const context = a.fences.contexts(20);
    const resting = Array.from({ length: 20 }, (_, n) => {
      const buf = pool.acquireSync();
      const fence = a.fences.create(context + n, 1);
      const lock = buf.resv.tryLock();
      lock?.reserve(1);
      lock?.add(fence, 'bookkeep');
      lock?.unlock();
      return { buf, fence };
    });
    for (const { buf } of resting) buf.close();
    expect([pool.free, pool.tryAcquire()]).toEqual([0, null]);
    const waiting = [pool.acquire(), theirs.acquire()];
    await turns();
    for (const { fence } of resting.slice(18)) a.fences.signal(fence);
    const ids = (await Promise.all(waiting)).map(({ id }) => id);
    expect(new Set(ids)).toEqual(new Set(resting.slice(18).map(({ buf }) => buf.id)));
  });

  it('lets one who is running overtake a waiter only once', async () => {
    const { a, b } = cast();
    const [pool, theirs] = [frames(a, 1), frames(b, 1)];
    let buf = pool.tryAcquire();
    const waiting = theirs.acquire();
    await turns();
    const overtook: boolean[] = [];
    for (let round = 0; round < 3; round++) {
      buf?.close();
      buf = pool.tryAcquire();
      overtook.push(buf !== null);
      await turns();
    }
    expect(overtook).toEqual([true, false, false]);
    expect((await waiting).closed).toBe(false);
  });

  it('forgets what failed in the former life of a buffer', async () => {
    const { a, b } = cast();
    const pool = frames(a, 1);
    const x = a.channels.open('x');
    {
      using buf = await pool.acquire();
      await Channel.submit([x], buf, 'write');
    }
    b.channels.open('x').tryReceive()?.fail('EIO');
    using again = await pool.acquire();
    expect(again.resv.writeError()).toBeNull();
    expect(await endOf(again.cpuAccess('read'))).toBe('resolved');
  });

  it('says who has what, and since when', async () => {
    const { a, b } = cast();
    const pool = frames(a, 2);
    const before = a.agent.platform.now();
    const buf = await pool.acquire();
    const theirs = frames(b).tryAcquire();
    const holders = pool.holders();
    expect(holders.map(({ buffer, member }) => [buffer, member])).toEqual([
      [buf.id, 'agent-0'],
      [theirs?.id, 'agent-1'],
    ]);
    for (const { forMs } of holders) {
      expect(forMs).toBeGreaterThanOrEqual(0);
      expect(forMs).toBeLessThanOrEqual(a.agent.platform.now() - before);
    }
    await expect(pool.acquire({ timeout: 1 })).rejects.toMatchObject({
      code: 'ETIMEDOUT',
      at: { pool: 'frames', count: 2, holders: 'agent-0: 1, agent-1: 1' },
    });
    expect(codeOf(() => pool.acquireSync({ timeout: 1 }))).toBe('ETIMEDOUT');
    const stop = new AbortController();
    const aborted = endOf(pool.acquire({ signal: stop.signal }));
    await turns();
    stop.abort('enough');
    expect(await aborted).toBe('enough');
    expect(await endOf(pool.acquire({ signal: stop.signal }))).toBe('enough');
  });

  it('takes back what the dead had', async () => {
    const { a, b, kill } = cast();
    const pool = frames(a, 2);
    const theirs = frames(b);
    theirs.tryAcquire();
    theirs.tryAcquire();
    const waiting = pool.acquire();
    expect(await stateOf(waiting)).toBe('pending');
    kill(b);
    await waiting;
    expect(pool.free).toBe(1);
  });

  it('lives on when its maker dies or leaves', () => {
    const { a, b, c, kill } = cast();
    frames(a);
    const pool = frames(b);
    kill(a);
    expect(pool.free).toBe(2);
    const other = frames(c);
    b.leave();
    expect(other.free).toBe(2);
    other.close();
    expect(c.heap.used).toBe(0);
  });

  it('goes with its last opener; buffers in use live on and go with their last reference', async () => {
    const { a, b } = cast();
    const [one, again, two] = [frames(a), frames(a), frames(b)];
    const buf = one.acquireSync();
    const kept = two.acquireSync();
    const waiting = endOf(again.acquire());
    await turns();
    one.close();
    one.close();
    expect(codeOf(() => one.tryAcquire())).toBe('ESTALE');
    again.close();
    expect(await waiting).toBe('ESTALE');
    expect(b.heap.used).toBe(2 * 8192);
    kept.close();
    two.close();
    expect(b.heap.used).toBe(8192);
    expect(buf.name).toBe('frames');
    const fresh = b.pools.open({ name: 'frames', count: 1, size: 100 });
    expect([fresh.size, fresh.free]).toEqual([100, 1]);
    buf.close();
    expect([fresh.free, b.heap.used]).toEqual([1, 4096]);
  });

  it('goes with its last opener also when that one dies', () => {
    const { a, b, kill } = cast();
    frames(a).tryAcquire();
    expect(b.heap.used).toBe(2 * 8192);
    kill(a);
    expect(b.heap.used).toBe(0);
    expect(b.pools.open({ name: 'frames', count: 1, size: 1 }).free).toBe(1);
  });

  it('refuses another size or count than the existing pool has, and wrong options', () => {
    const { a, b } = cast();
    frames(a);
    for (const other of [{ count: 3 }, { size: 4999 }]) {
      const options = { name: 'frames', count: 2, size: 5000, ...other };
      expect(codeOf(() => b.pools.open(options))).toBe('EINVAL');
    }
    for (const wrong of [
      { count: 0 },
      { count: 1.5 },
      { size: 0 },
      { size: '1' },
      { name: '' },
      { name: 'x'.repeat(32) },
    ]) {
      const options = { name: 'y', count: 1, size: 1, ...wrong } as never;
      expect(codeOf(() => a.pools.open(options))).toBe('EINVAL');
    }
    expect(codeOf(() => a.pools.open(undefined as never))).toBe('EINVAL');
  });

  it('refuses a heap that there is not, and another one than the existing pool has', () => {
    const { a, b } = cast();
    const options = { name: 'frames', count: 2, size: 5000 };
    const open = (member: Member, heap: unknown) =>
      codeOf(() => member.pools.open({ ...options, heap } as never));
    expect([open(a, 'nope'), open(a, 7)]).toEqual(['ENOENT', 'ENOENT']);
    expect(a.heap.used).toBe(0);
    expect(open(a, 'system')).toBe('');
    expect([open(b, 'nope'), open(a, 7), open(b, 'system'), open(b, undefined)]).toEqual([
      'EINVAL',
      'EINVAL',
      '',
      '',
    ]);
  });

  it('cannot be used, or opened, once its agent has left', async () => {
    const { a, b } = cast();
    const pool = frames(a);
    frames(b);
    a.leave();
    for (const call of [
      () => pool.free,
      () => pool.tryAcquire(),
      () => pool.acquireSync(),
      () => pool.holders(),
      () => frames(a),
    ]) {
      expect(codeOf(call)).toBe('ESTALE');
    }
    expect(await endOf(pool.acquire())).toBe('ESTALE');
    pool.close();
  });

  it('leaves nothing behind when there is not enough memory', () => {
    const { a } = cast();
    const used = a.heap.used;
    const greedy = { name: 'big', count: 3, size: 100 * 4096 };
    expect(codeOf(() => a.pools.open(greedy))).toBe('ENOMEM');
    expect(a.heap.used).toBe(used);
    expect(a.pools.open({ name: 'big', count: 2, size: 4096 }).free).toBe(2);
  });

  it('leaves nothing behind when its maker dies in the middle', () => {
    const { a, b, kill } = cast({ channels: 1 });
    const { table } = a.pools;
    const row = table.registry.locked('test', () => table.claim('frames', { count: 2, size: 1 }));
    const [buf, lost] = [a.heap.alloc(1), a.heap.alloc(1)];
    for (const made of [buf, lost]) a.buffers.rows.setWord(made.row, 'pool', row + 1);
    const kept = b.buffers.adopt(buf.row, buf.generation);
    kill(a);
    expect(b.heap.used).toBe(4096);
    expect(frames(b).free).toBe(2);
    kept?.close();
    expect(b.heap.used).toBe(2 * 8192);
  });
});
