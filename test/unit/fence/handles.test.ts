// SPDX-License-Identifier: MIT
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, test } from 'vitest';
import { Fence, type FenceName, FenceSet, type Fences } from '../../../src/fence/index.js';
import { codeOf, domainOf, fenceRooms, turn, until } from './rooms.js';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const pair = (): [Fences, Fences] => fenceRooms(2).rooms as [Fences, Fences];

describe('names', () => {
  test('are plain JSON, and lead to the same point in another agent', () => {
    const [a, b] = pair();
    const timeline = a.timeline('line');
    const point = timeline.next();
    const name = JSON.parse(JSON.stringify(point)) as FenceName;
    expect(name.dmabuf).toBe('fence');
    const seen = Fence.from(domainOf(b), name) as Fence;
    expect(seen).toBeInstanceOf(Fence);
    expect([seen.timeline, seen.seqno, seen.signaled]).toEqual([timeline.id, 1, false]);
    timeline.fail(point, 'EIO');
    expect([seen.signaled, seen.error]).toEqual([true, 'EIO']);
    expect(seen.timestamp).toBe(point.timestamp);
  });

  test('lead back to the very same object where they were made', () => {
    const [a] = pair();
    const point = a.timeline('line').next();
    expect(Fence.from(domainOf(a), point.toJSON())).toBe(point);
  });

  test('lead to one object per point in another agent', () => {
    const [a, b] = pair();
    const point = a.timeline('line').next();
    expect(Fence.from(domainOf(b), point.toJSON())).toBe(Fence.from(domainOf(b), point.toJSON()));
  });

  test('of sets keep their mode', () => {
    const [a, b] = pair();
    const [x, y] = [a.timeline('x').next(), a.timeline('y').next()];
    for (const set of [Fence.all([x, y]), Fence.any([x, y])]) {
      const seen = Fence.from(domainOf(b), set.toJSON());
      expect(seen).toBeInstanceOf(FenceSet);
      expect(seen.toJSON()).toEqual(set.toJSON());
      a.signal(x);
      expect(seen.signaled).toBe(set.signaled);
    }
  });

  test('a fence that failed is still a failed one two agents further', () => {
    const [a, b, c] = fenceRooms(3).rooms as [Fences, Fences, Fences];
    const fence = a.create(a.contexts(), 1);
    a.signal(fence, 1);
    const seen = Fence.from(domainOf(b), fence.toJSON());
    expect(seen.error).toBe(fence.error);
    expect(Fence.from(domainOf(c), seen.toJSON()).error).toBe(fence.error);
  });

  test('Fence.done is itself everywhere', () => {
    const [a] = pair();
    expect(Fence.from(domainOf(a), Fence.done.toJSON())).toBe(Fence.done);
    expect([Fence.done.timeline, Fence.done.seqno]).toEqual([0, 0]);
  });

  test('that are none are EINVAL, and rows that do not exist have signalled', async () => {
    const [a] = pair();
    const point = [1, 5, 1] as const;
    const wrong: unknown[] = [
      null,
      7,
      {},
      { dmabuf: 'share', points: [point], mode: 'all' },
      { dmabuf: 'fence', points: [point], mode: 'none' },
      { dmabuf: 'fence', points: [[1, 2]], mode: 'all' },
      { dmabuf: 'fence', points: [[1, -2, 3]], mode: 'all' },
      { dmabuf: 'fence', points: [[1, 2, 'x']], mode: 'all' },
      { dmabuf: 'fence', points: [], mode: 'any' },
    ];
    for (const name of wrong) {
      expect(await codeOf(() => Fence.from(domainOf(a), name as FenceName))).toBe('EINVAL');
    }
    for (const record of [2 ** 36, 2 ** 40 - 1, 2 ** 53 - 1]) {
      const beyond = { dmabuf: 'fence', points: [[9, record, 3]], mode: 'all' } as const;
      expect(Fence.from(domainOf(a), beyond).signaled).toBe(true);
    }
    expect(a.create(1, 1).signaled).toBe(false);
  });

  test('of another point in the same row do not lead to it', () => {
    const [a, b] = pair();
    const fence = a.create(a.contexts(), 1);
    const [[timeline, record, seqno]] = fence.toJSON().points as [[number, number, number]];
    for (const point of [
      [timeline + 1, record, seqno],
      [timeline, record, seqno + 1],
      [timeline, record + 1, seqno],
    ] as const) {
      const seen = Fence.from(domainOf(b), { dmabuf: 'fence', points: [point], mode: 'all' });
      expect(seen.signaled).toBe(true);
    }
  });
});

describe('handles of another agent', () => {
  test('hold the record until they know the outcome', () => {
    const [a, b] = pair();
    const fence = a.create(a.contexts(), 1);
    const held = () => a.records.isHeld(fence.row, 1);
    const handle = b.handle(fence.row, fence.generation);
    expect(held()).toBe(true);
    a.signal(fence);
    expect(held()).toBe(true);
    expect(handle.signaled).toBe(true);
    expect(held()).toBe(false);
    expect(b.handle(fence.row, fence.generation).signaled).toBe(true);
    expect(held()).toBe(false);
  });

  test('that were collected let go, and a newer one of the same fence is not disturbed', async () => {
    const [a, b] = pair();
    const [dropped, kept] = [a.create(1, 1), a.create(1, 2)];
    b.handle(dropped.row, dropped.generation);
    b.handle(kept.row, kept.generation);
    await turn();
    collectGarbage();
    const again = b.handle(kept.row, kept.generation);
    await until(() => !a.records.isHeld(dropped.row, 1));
    expect(a.records.isHeld(kept.row, 1)).toBe(true);
    a.signal(kept, 1);
    expect(again.error).toBe(kept.error);
  });

  test('are not disturbed when their agent takes the fence over', () => {
    const [a, b] = pair();
    const [one, other] = [a.create(1, 1), a.create(1, 2)];
    const handle = b.handle(one.row, one.generation);
    for (const { row, generation } of [one, other]) b.setOwner(row, generation, b.agent.tag);
    expect(a.records.isHeld(one.row, 1)).toBe(true);
    expect(a.records.isHeld(other.row, 1)).toBe(false);
    expect(b.signal(handle)).toBe(true);
  });

  test('own fences hold nothing', () => {
    const [a] = pair();
    const fence = a.create(a.contexts(), 1);
    expect(a.handle(fence.row, fence.generation)).toBe(fence);
    expect(a.records.isHeld(fence.row, 1)).toBe(false);
  });

  test('a stale name does not take away the hold of a handle on the row', () => {
    const [a, b] = pair();
    const fence = a.create(a.contexts(), 1);
    const handle = b.handle(fence.row, fence.generation);
    expect(b.handle(fence.row, fence.generation + 1)).toBe(Fence.done);
    expect(handle.signaled).toBe(false);
    expect(a.records.isHeld(fence.row, 1)).toBe(true);
  });

  test('only the agent of a fence signals it by the object', () => {
    const [a, b] = pair();
    const fence = a.create(a.contexts(), 1);
    expect(b.signal(fence)).toBe(false);
    expect(a.signal(fence)).toBe(true);
    expect(a.signal(fence)).toBe(false);
    expect(a.signal(Fence.done)).toBe(false);
  });
});

test('a fence cannot be posted, and says what to post', () => {
  const [a] = pair();
  const point = a.timeline('line').next();
  for (const fence of [point, Fence.done, Fence.all([point])]) {
    expect(() => structuredClone(fence)).toThrow(
      /a fence cannot be posted: post fence\.toJSON\(\)/,
    );
  }
});

test('a fence is no thenable: returned from an async function it stays a fence', async () => {
  const [a] = pair();
  const point = a.timeline('line').next();
  expect(await (async () => point)()).toBe(point);
});
