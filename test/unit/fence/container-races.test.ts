// SPDX-License-Identifier: MIT
/**
 * What another agent does between two looks at a container: a step of it runs at that very place here. And names whose record
 * stands for something else by now.
 */
import { beforeEach, describe, expect, test } from 'vitest';
import { type AnyFence, Fence, type FenceSet, type Fences } from '../../../src/fence/index.js';
import { domainOf, fenceRooms } from './rooms.js';

let a: Fences;
let b: Fences;
let c: Fences;
beforeEach(() => {
  [a, b, c] = fenceRooms(3).rooms as [Fences, Fences, Fences];
});

const single = (room: Fences): Fence => room.create(room.contexts(), 1);
const seenIn = (room: Fences, fence: AnyFence): AnyFence =>
  Fence.from(domainOf(room), fence.toJSON());
const recordOf = (fence: AnyFence): { row: number; generation: number } => {
  const name = fence.toJSON().points[0]?.[1] ?? 0;
  return { row: Math.floor(name / 2 ** 20), generation: name % 2 ** 20 };
};
/** `act` runs once, right before this fence is asked what is in its way. */
function beforeBlockers(fence: AnyFence, act: () => void): void {
  const { blockers } = fence;
  fence.blockers = () => {
    fence.blockers = blockers;
    act();
    return fence.blockers();
  };
}

describe('a point signals after a look found the wait necessary, and before it began', () => {
  test.each(['all', 'any'] as const)('a named set of %s is over', async (mode) => {
    const points = [single(b), single(b)];
    const set = Fence[mode](points.map((point) => seenIn(a, point)));
    set.toJSON();
    const signal = mode === 'all' ? points : points.slice(1);
    beforeBlockers(set, () => {
      for (const point of signal) b.signal(point);
    });
    await set.wait({ timeout: 1000 });
    expect(set.signaled).toBe(true);
  });

  test('any, without a record, is over', async () => {
    const points = [single(b), single(b)];
    const set = Fence.any(points.map((point) => seenIn(a, point)));
    beforeBlockers(set, () => b.signal(points[0] as Fence));
    await set.wait({ timeout: 1000 });
  });

  test('waitAny gives it', async () => {
    const points = [single(b), single(b)];
    const [x, y] = points.map((point) => seenIn(a, point)) as [Fence, Fence];
    beforeBlockers(x, () => b.signal(points[0] as Fence));
    expect(await Fence.waitAny([x, y], { timeout: 1000 })).toBe(0);
  });
});

test('a set whose last point signals while it is named is settled by its maker', () => {
  const point = single(b);
  const set = Fence.all([single(a), seenIn(a, point)]);
  a.signal([...set][0] as Fence);
  const { create } = a;
  a.create = (...args) => {
    b.signal(point);
    return create.apply(a, args);
  };
  const { row, generation } = recordOf(set);
  a.create = create;
  a.containers.settle(10);
  expect([a.containers.pending, b.records.isSignaled(row, generation)]).toEqual([0, true]);
});

test('a set that is over, asked again, lets go of nothing that another container in its row names', () => {
  const old = Fence.all([single(a), single(a)]);
  const { row } = recordOf(old);
  for (const point of old) a.signal(point);
  expect(old.signaled).toBe(true);
  let next: FenceSet | null = null;
  while (next === null) {
    const set = Fence.all([single(a), single(a)]);
    if (recordOf(set).row === row) next = set;
    else for (const point of set) a.signal(point);
  }
  expect([old.signaled, old.error, old.timestamp === null]).toEqual([true, null, false]);
  const [failed, open] = [...next] as [Fence, Fence];
  a.signal(failed, 1);
  expect(a.containers.pending).toBeGreaterThan(0);
  const name = next.toJSON();
  // Many more than there are rows in a block: what can be used again was.
  for (let n = 0; n < 5_000; n++) a.signal(single(a));
  const seen = Fence.from(domainOf(c), name) as FenceSet;
  expect([...seen].map(({ error }) => error)).toEqual([failed.error, null]);
  a.signal(open);
  expect(seen.error).toBe(failed.error);
});

test('a deadline that comes after the end of its point changes nothing of what is in its row then', () => {
  const point = single(b);
  // Many more than there are rows in a block: what can be used again is.
  const churn = (): void => {
    for (let n = 0; n < 5_000; n++) b.signal(single(b));
  };
  const { isSignaled } = a.records;
  a.records.isSignaled = (...name) => {
    const was = isSignaled.apply(a.records, name);
    b.signal(point);
    churn();
    return was;
  };
  a.askDeadline(point, performance.timeOrigin + performance.now() + 1000);
  expect(b.records.isCurrent(point.row, point.generation)).toBe(true);
  churn();
  expect([b.records.isCurrent(point.row, point.generation), b.records.moreOf(point.row)]).toEqual([
    false,
    0,
  ]);
});
