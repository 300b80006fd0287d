// SPDX-License-Identifier: MIT
import { beforeEach, describe, expect, test } from 'vitest';
import { AnyFence, Fence, FenceChain, type Timeline } from '../../../src/fence/index.js';
import { SyncFile } from '../../../src/sync/index.js';
import { codeOf } from '../fence/rooms.js';
import { nth, type Rig, rig, rigs } from './rig.js';

let a: Rig;
let left: Timeline;
let right: Timeline;
beforeEach(() => {
  a = rig();
  [left, right] = [a.fences.timeline('left'), a.fences.timeline('right')];
});

describe('a sync file', () => {
  test('is a reference to a fence, with a name and a number of its own', () => {
    const fence = left.next();
    const [one, two] = [SyncFile.create(a, fence, 'frame'), SyncFile.create(a, fence)];
    expect([one.fence, one.name, one.closed]).toEqual([fence, 'frame', false]);
    expect(two.id).toBeGreaterThan(one.id);
    expect(one.dup()).toMatchObject({ id: one.id, name: 'frame' });
  });

  test('a name is cut to 31 bytes, between characters', () => {
    const named = (name: string): string => SyncFile.create(a, Fence.done, name).name;
    expect(named('x'.repeat(31))).toBe('x'.repeat(31));
    expect(named('x'.repeat(32))).toBe('x'.repeat(31));
    expect(named(`${'x'.repeat(30)}é`)).toBe('x'.repeat(30));
    expect(named('é'.repeat(16))).toBe('é'.repeat(15));
  });

  test('without a name it is named after its fence', () => {
    const point = left.next();
    expect(SyncFile.create(a, point).name).toBe(`dmabuf-left${left.id}-1`);
    expect(SyncFile.create(a, point, '').name).toBe(`dmabuf-left${left.id}-1`);
    expect(SyncFile.create(a, Fence.done).name).toBe('stub-stub0-0');
    const set = SyncFile.create(a, Fence.all([point, right.next()]));
    expect(set.name).toBe(`array-unbound${set.id}-1`);
    const chain = FenceChain.append(a, null, point, 7);
    expect(SyncFile.create(a, chain).name).toBe(`chain-unbound${chain.timeline}-7`);
    left.close();
    expect(SyncFile.create(a, point).name).toBe(`dmabuf-${left.id}-1`);
  });

  test('such a name is cut, too', () => {
    const long = a.fences.timeline('n'.repeat(31));
    expect(SyncFile.create(a, long.next()).name).toBe(`dmabuf-${'n'.repeat(24)}`);
  });

  test('what is no fence, domain or name is refused', async () => {
    const no = null as never;
    expect(await codeOf(() => SyncFile.create(a, no))).toBe('EINVAL');
    expect(await codeOf(() => SyncFile.create(a, Fence.done, 7 as never))).toBe('EINVAL');
    expect(await codeOf(() => SyncFile.create(no, Fence.done))).toBe('EINVAL');
    expect(await codeOf(() => SyncFile.create({} as never, Fence.done))).toBe('EINVAL');
    const [b, c] = rigs(2).all as [Rig, Rig];
    expect(await codeOf(() => SyncFile.create(c, b.fences.timeline('b').next()))).toBe('EXDEV');
    expect(await codeOf(() => SyncFile.create(c, Fence.done))).toBe('no error');
  });

  test('cannot be posted, and says what to do', () => {
    const file = SyncFile.create(a, Fence.done);
    expect(() => structuredClone(file)).toThrow(/post file\.share\(\).*SyncFile\.open/);
  });

  test('closing twice is harmless, and use after it is ESTALE', async () => {
    const file = SyncFile.create(a, left.next());
    const other = file.dup();
    file.close();
    file.close();
    const uses: (() => unknown)[] = [
      () => file.name,
      () => file.fence,
      () => file.status,
      () => file.info(),
      () => file.poll(),
      () => file.waitSync(),
      () => file.setDeadline(0),
      () => file.merge(other),
      () => file.share(),
      () => file.dup(),
    ];
    for (const use of uses) expect(await codeOf(use)).toBe('ESTALE');
    expect(await codeOf(file.wait())).toBe('ESTALE');
    // To merge with it is to merge with what is no sync file.
    expect(await codeOf(() => other.merge(file))).toBe('ENOENT');
    expect(other.status).toBe(0);
  });

  test('what is left open is reported once the domain closes, and of no use then', async () => {
    const [open, shut] = [SyncFile.create(a, left.next()), SyncFile.create(a, left.next())];
    shut.close();
    a.leave();
    expect(a.leaks).toEqual([{ kind: 'SyncFile', id: open.id }]);
    expect(await codeOf(() => open.poll())).toBe('ESTALE');
    expect(await codeOf(() => SyncFile.create(a, Fence.done))).toBe('ESTALE');
    open.close();
  });
});

test('what was closed in time is not reported, though it was watched', () => {
  const file = SyncFile.create(a, left.next());
  a.buffers.leaks.settle();
  file.close();
  a.leave();
  expect(a.leaks).toEqual([]);
});

describe('readiness', () => {
  test('poll never waits; it is ready when its fence has signalled', () => {
    const file = SyncFile.create(a, left.next());
    expect(file.poll()).toBe(false);
    left.signal(1);
    expect(file.poll()).toBe(true);
  });

  test('failed is ready: waiting resolves, and the status says which', async () => {
    const [one, two] = [left.next(), left.next()].map((fence) => SyncFile.create(a, fence));
    const wait = one?.wait();
    left.fail(1, 'EIO');
    left.fail(2, 'ENOMEM');
    await wait;
    await two?.wait();
    two?.waitSync({ timeout: 0 });
    expect([one?.status, two?.status]).toEqual(['EIO', 'ENOMEM']);
  });

  test('a wait can be too late, aborted, or wrong, and names itself', async () => {
    const file = SyncFile.create(a, left.next());
    const reason = new Error('enough');
    const late = { code: 'ETIMEDOUT', op: 'SyncFile.wait' };
    await expect(file.wait({ timeout: 0 })).rejects.toMatchObject(late);
    await expect(file.wait({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    const wrong = { code: 'EINVAL', op: 'SyncFile.wait' };
    await expect(file.wait({ timeout: -1 })).rejects.toMatchObject(wrong);
    expect(() => file.waitSync({ timeout: 0 })).toThrow(/^ETIMEDOUT: SyncFile\.waitSync/);
    expect(() => file.waitSync()).toThrow(/^EDEADLK: SyncFile\.waitSync/);
  });

  test('who waits goes on waiting when the file is closed', async () => {
    const file = SyncFile.create(a, left.next());
    const wait = file.wait();
    file.close();
    left.signal(1);
    await expect(wait).resolves.toBeUndefined();
  });

  test('a deadline reaches every fence that it is made of', async () => {
    const [x, y] = [left.next(), right.next()];
    const at = a.self.time() + 1000;
    SyncFile.create(a, Fence.all([x, y])).setDeadline(at);
    for (const { row, generation } of [x, y]) {
      expect(a.fences.deadlineOf(row, generation)).toBeCloseTo(at, -1);
    }
    expect(await codeOf(() => SyncFile.create(a, x).setDeadline(Number.NaN))).toBe('EINVAL');
  });
});

describe('merge', () => {
  test('signals when both have; of one timeline the later point is left', () => {
    const [one, two] = [left.next(), left.next()].map((fence) => SyncFile.create(a, fence));
    const other = SyncFile.create(a, right.next());
    const same = one?.merge(two as SyncFile, 'same');
    expect(same?.fence).toBe(two?.fence);
    const both = same?.merge(other);
    expect(both?.info().count).toBe(2);
    left.signal(2);
    expect(both?.poll()).toBe(false);
    right.signal(1);
    expect([both?.poll(), both?.status]).toEqual([true, 1]);
  });

  test('the parts may be closed: the merge has its own reference', () => {
    const [one, two] = [SyncFile.create(a, left.next()), SyncFile.create(a, right.next())];
    const both = one.merge(two, 'a name that is longer than thirty-one bytes');
    one.close();
    two.close();
    expect(both.name).toBe('a name that is longer than thir');
    left.signal(1);
    expect(both.status).toBe(0);
    right.fail(1, 'EIO');
    expect(both.status).toBe('EIO');
  });

  test('of what has signalled nothing is left: it has signalled without an error', () => {
    const [one, two] = [SyncFile.create(a, left.next()), SyncFile.create(a, right.next())];
    left.fail(1, 'EIO');
    right.signal(1);
    const both = one.merge(two);
    expect([both.fence, both.status]).toEqual([Fence.done, 1]);
  });

  test('with what is no sync file is ENOENT, with another agent’s EXDEV', async () => {
    const file = SyncFile.create(a, left.next());
    for (const wrong of [null, undefined, 3, {}, Fence.done]) {
      expect(await codeOf(() => file.merge(wrong as never))).toBe('ENOENT');
    }
    const all = rigs(2);
    const [mine, theirs] = [0, 1].map((n) => {
      const each = nth(all, n);
      return SyncFile.create(each, each.fences.timeline('t').next());
    });
    expect(await codeOf(() => mine?.merge(theirs as SyncFile))).toBe('EXDEV');
    expect(await codeOf(() => file.merge(file, 5 as never))).toBe('EINVAL');
  });
});

describe('info', () => {
  test('without its fences: name, status of the one fence, and how many it is made of', () => {
    const [x, y] = [left.next(), right.next()];
    const file = SyncFile.create(a, Fence.all([x, y]), 'both');
    expect(file.info()).toEqual({ name: 'both', status: 0, count: 2, fences: [] });
    left.fail(x, 'EIO');
    expect(file.info({ fences: 0 }).status).toBe(0);
    right.signal(y);
    expect(file.info().status).toBe('EIO');
  });

  test('with its fences the first that is not signalled well wins, whatever comes later', () => {
    const points = [left.next(), right.next()];
    const file = SyncFile.create(a, Fence.all(points), 'both');
    right.fail(1, 'EIO');
    expect(file.info({ fences: 2 }).status).toBe(0);
    left.signal(1);
    expect(file.info({ fences: 2 })).toEqual({
      name: 'both',
      status: 'EIO',
      count: 2,
      fences: [
        { timeline: 'left', driver: 'dmabuf', status: 1, timestamp: points[0]?.timestamp },
        { timeline: 'right', driver: 'dmabuf', status: 'EIO', timestamp: points[1]?.timestamp },
      ],
    });
  });

  test('a failed one before an active one wins, though the set is still active', () => {
    const file = SyncFile.create(a, Fence.all([left.next(), right.next()]));
    left.fail(1, 'EIO');
    expect([file.info().status, file.info({ fences: 9 }).status]).toEqual([0, 'EIO']);
  });

  test('an active fence has no time yet, and the stub is one fence', () => {
    const { fences } = SyncFile.create(a, left.next()).info({ fences: 1 });
    expect(fences).toEqual([{ timeline: 'left', driver: 'dmabuf', status: 0, timestamp: null }]);
    expect(SyncFile.create(a, Fence.done).info({ fences: 1 })).toMatchObject({
      status: 1,
      count: 1,
      fences: [{ timeline: 'stub', driver: 'stub', status: 1 }],
    });
  });

  test('too little room is EINVAL, and so is what is no number', async () => {
    const file = SyncFile.create(a, Fence.all([left.next(), right.next()]));
    for (const fences of [1, -1, 0.5, '2' as never]) {
      expect(await codeOf(() => file.info({ fences }))).toBe('EINVAL');
    }
    expect(await codeOf(() => file.info(null as never))).toBe('EINVAL');
  });
});

test('a sync file gives its fence to whatever takes fences', () => {
  expect(SyncFile.create(a, left.next()).fence).toBeInstanceOf(AnyFence);
});
