// SPDX-License-Identifier: MIT
import { beforeEach, describe, expect, test } from 'vitest';
import { Fence, FenceSet, type Fences, type Timeline } from '../../../src/fence/index.js';
import { codeOf, domainOf, fenceRooms, turn } from './rooms.js';

let a: Fences;
let b: Fences;
let left: Timeline;
let right: Timeline;
beforeEach(() => {
  [a, b] = fenceRooms(2).rooms as [Fences, Fences];
  [left, right] = [a.timeline('left'), a.timeline('right')];
});

/** The clock is read once per turn. */
const later = async (): Promise<void> => {
  const now = performance.now();
  while (performance.now() - now < 0.01) await turn();
};

describe('all', () => {
  test('has signalled when all have, at the time of the last', async () => {
    const [x, y] = [left.next(), right.next()];
    const all = Fence.all([x, y]);
    expect(all).toBeInstanceOf(FenceSet);
    expect([...all]).toEqual([x, y]);
    const wait = all.wait();
    right.signal(y);
    expect([all.signaled, all.error, all.timestamp]).toEqual([false, null, null]);
    await later();
    left.signal(x);
    await wait;
    expect([all.signaled, all.error]).toEqual([true, null]);
    expect(all.timestamp).toBe(x.timestamp);
    expect(x.timestamp).toBeGreaterThan(y.timestamp ?? Infinity);
  });

  test('the first error in time wins, when all are over', async () => {
    const [x, y] = [left.next(), right.next()];
    const all = Fence.all([x, y]);
    right.fail(y, 'ENOMEM');
    expect(all.error).toBe(null);
    await later();
    left.fail(x, 'EIO');
    expect(all.error).toBe('ENOMEM');
    expect(await codeOf(all.wait())).toBe('ENOMEM');
    expect(() => all.waitSync()).toThrow(/ENOMEM: Fence.waitSync: .*points 2, mode all/);
  });

  test('waits for its points wherever they are signalled', async () => {
    const theirs = b.timeline('theirs');
    const [x, z] = [left.next(), theirs.next()];
    const all = Fence.all([x, Fence.from(domainOf(a), z.toJSON())]);
    const wait = all.wait();
    for (let turns = 0; turns < 20; turns++) await turn();
    left.signal(x);
    for (let turns = 0; turns < 20; turns++) await turn();
    expect(a.agent.tasks.pending).toBe(1);
    theirs.signal(z);
    await wait;
  });

  test('of nothing, and of what has signalled, has signalled', async () => {
    for (const all of [Fence.all([]), Fence.all([Fence.done]), Fence.all([Fence.all([])])]) {
      expect([all.signaled, all.error, all.timestamp]).toEqual([true, null, 0]);
      await all.wait({ timeout: 0 });
    }
  });

  test('of sets is one flat set', () => {
    const [x, y] = [left.next(), right.next()];
    expect([...Fence.all([Fence.all([x]), y, Fence.all([y, x])])]).toEqual([x, y, y, x]);
  });
});

describe('any', () => {
  test('has signalled with the first in time, and with its error', async () => {
    const [x, y] = [left.next(), right.next()];
    const any = Fence.any([x, y]);
    const wait = codeOf(any.wait());
    for (let turns = 0; turns < 20; turns++) await turn();
    right.fail(y, 'EIO');
    expect(await wait).toBe('EIO');
    await later();
    left.signal(x);
    expect([any.signaled, any.error, any.timestamp]).toEqual([true, 'EIO', y.timestamp]);
  });

  test('with all of nothing among them has signalled', async () => {
    const any = Fence.any([left.next(), Fence.all([])]);
    expect([any.signaled, any.error, any.timestamp]).toEqual([true, null, 0]);
    await any.wait({ timeout: 0 });
  });

  test('of nothing would never signal: EINVAL', async () => {
    expect(await codeOf(() => Fence.any([]))).toBe('EINVAL');
  });

  test('does not mix with all', async () => {
    const [x, y] = [left.next(), right.next()];
    const any = Fence.any([x, y]);
    expect(await codeOf(() => Fence.all([any]))).toBe('EINVAL');
    expect(await codeOf(() => Fence.any([Fence.all([x, y])]))).toBe('EINVAL');
    expect(await codeOf(() => Fence.merge(any))).toBe('EINVAL');
    expect([...Fence.any([any, x])]).toEqual([x, y, x]);
    expect([...Fence.all([Fence.any([x])])]).toEqual([x]);
  });
});

describe('merge', () => {
  test('yields exactly the two, as a set', () => {
    const [x, y] = [left.next(), right.next()];
    const merged = Fence.merge(x, y);
    expect(merged).toBeInstanceOf(FenceSet);
    expect([...(merged as FenceSet)]).toEqual([x, y]);
  });

  test('yields a duplicate once, and one fence as itself', () => {
    const x = left.next();
    expect(Fence.merge(x, x)).toBe(x);
    expect(Fence.merge(x)).toBe(x);
  });

  test('keeps the latest of each timeline, in the order of timelines', () => {
    const [f3] = [left.next()];
    const [f1, f2] = [right.next(), right.next()];
    expect([...(Fence.merge(f1, f2, f3) as FenceSet)]).toEqual([f3, f2]);
    expect([...(Fence.merge(f2, f3, f1) as FenceSet)]).toEqual([f3, f2]);
  });

  test('sorts points whatever the order of the sets', () => {
    const [f1, f2] = [left.next(), right.next()];
    expect([...(Fence.merge(Fence.all([f1, f2]), Fence.all([f2, f1])) as FenceSet)]).toEqual([
      f1,
      f2,
    ]);
  });

  test('of merges, sets and what has signalled: each pending point once', () => {
    const [f1, f2] = [left.next(), right.next()];
    const merged = Fence.merge(Fence.merge(f1, f2), Fence.all([f2, f1]), Fence.done);
    expect([...(merged as FenceSet)]).toEqual([f1, f2]);
  });

  test('of sets with several points of a timeline: the latest of each', () => {
    const [f3, f1] = [left.next(), left.next()];
    const [f2, f4] = [right.next(), right.next()];
    const merged = Fence.merge(Fence.all([f1, f2]), Fence.all([f3, f4]));
    expect([...(merged as FenceSet)]).toEqual([f1, f4]);
  });

  test('of nothing is Fence.done; of what has signalled, a fence that did so with the last of them', async () => {
    const [x, early] = [left.next(), right.next()];
    right.signal(early);
    await later();
    left.fail(x, 'EIO');
    expect(Fence.merge()).toBe(Fence.done);
    expect(Fence.merge(Fence.done)).toBe(Fence.done);
    for (const merged of [
      Fence.merge(x, early),
      Fence.merge(Fence.all([early, x]), Fence.any([x])),
    ]) {
      expect([merged.signaled, merged.error, merged.timestamp]).toEqual([true, null, x.timestamp]);
    }
    expect(x.timestamp).toBeGreaterThan(early.timestamp ?? Infinity);
    const [y, z] = [right.next(), a.timeline('third').next()];
    expect(Fence.merge(x, y)).toBe(y);
    expect(Fence.merge(Fence.all([x, y]))).toBe(y);
    expect(Fence.merge(Fence.any([x, y]), z)).toBe(z);
  });
});

test.each([null, undefined, 1, [1], [null], [{ signaled: true }]] as never[])(
  'no set is made of %j: EINVAL says what it must be',
  (fences) => {
    expect(() => Fence.all(fences)).toThrow(/^EINVAL: Fence\.all: .* must be /);
    expect(() => Fence.any(fences)).toThrow(/^EINVAL: Fence\.any: .* must be /);
    expect(() => Fence.merge(left.next(), fences)).toThrow(/^EINVAL: Fence\.merge: .* must be /);
  },
);

test('fences of different domains do not mix: EXDEV', async () => {
  const elsewhere = fenceRooms(1).rooms[0] as Fences;
  const [x, z] = [left.next(), elsewhere.timeline('far').next()];
  expect(await codeOf(() => Fence.all([x, z]))).toBe('EXDEV');
  expect(await codeOf(() => Fence.merge(x, z))).toBe('EXDEV');
  expect(await codeOf(Fence.waitAny([x, z]))).toBe('EXDEV');
});

describe('isLaterThan', () => {
  test('compares numbers of one timeline, beyond 32 bits too', () => {
    const [x, y] = [left.next(), left.next()];
    expect([y.isLaterThan(x), x.isLaterThan(y), x.isLaterThan(x)]).toEqual([true, false, false]);
    const context = a.contexts();
    const [low, high] = [a.create(context, 2 ** 32 - 1), a.create(context, 2 ** 32 + 5)];
    expect(high.isLaterThan(low)).toBe(true);
    expect(b.handle(high.row, high.generation).seqno).toBe(2 ** 32 + 5);
  });

  test('of what is no Fence is EINVAL', () => {
    for (const other of [null, 1, Fence.all([left.next(), right.next()])] as never[]) {
      expect(() => left.next().isLaterThan(other)).toThrow(/^EINVAL: Fence\.isLaterThan: other/);
    }
  });

  test('of different timelines is EINVAL', async () => {
    expect(await codeOf(() => left.next().isLaterThan(right.next()))).toBe('EINVAL');
  });
});
