// SPDX-License-Identifier: MIT
import { describe, expect, test } from 'vitest';
import { type Fence, type Fences, Timeline } from '../../../src/fence/index.js';
import { codeOf, fenceRooms } from './rooms.js';

const one = (): Fences => fenceRooms(1).rooms[0] as Fences;
const points = (timeline: Timeline, count: number): Fence[] =>
  Array.from({ length: count }, () => timeline.next());

describe('a timeline', () => {
  test('numbers its points from 1, and has an id of its own', () => {
    const room = one();
    const [first, second] = [room.timeline('first'), room.timeline('second')];
    expect(first).toBeInstanceOf(Timeline);
    expect([first.id, second.id]).toEqual([1, 2]);
    expect(first.value).toBe(0);
    expect(points(first, 3).map((point) => [point.timeline, point.seqno])).toEqual([
      [1, 1],
      [1, 2],
      [1, 3],
    ]);
    expect(second.next().seqno).toBe(1);
  });

  test('signals a point and all before it', () => {
    const timeline = one().timeline('line');
    const [first, second, third] = points(timeline, 3) as [Fence, Fence, Fence];
    timeline.signal(second);
    expect([first.signaled, second.signaled, third.signaled]).toEqual([true, true, false]);
    expect(timeline.value).toBe(2);
    timeline.signal(3);
    expect(third.signaled).toBe(true);
    expect(third.error).toBe(null);
    expect(timeline.value).toBe(3);
  });

  test('refuses what is signalled, was never issued, or is of another timeline', async () => {
    const [room, other] = fenceRooms(2).rooms as [Fences, Fences];
    const timeline = room.timeline('line');
    const [first, second] = points(timeline, 2) as [Fence, Fence];
    timeline.signal(first);
    const elsewhere = one().timeline('line');
    const wrong = [
      first,
      points(elsewhere, 2)[1] as Fence,
      1,
      0,
      -1,
      1.5,
      3,
      Number.NaN,
      room.timeline('other').next(),
      other.create(timeline.id + 100, 2),
      {} as Fence,
    ];
    for (const point of wrong) {
      expect(await codeOf(() => timeline.signal(point))).toBe('EINVAL');
      expect(await codeOf(() => timeline.fail(point, 'EIO'))).toBe('EINVAL');
    }
    expect(() => timeline.signal(3)).toThrow(/has issued 2 points \(timeline 1, point 3\)/);
    expect(await codeOf(() => timeline.fail(second, 'ENONSENSE' as 'EIO'))).toBe('EINVAL');
    expect(second.signaled).toBe(false);
    expect(timeline.value).toBe(1);
  });

  test('keeps up with many open points, however they are signalled', () => {
    const timeline = one().timeline('line');
    const open = points(timeline, 100);
    timeline.signal(37);
    open.push(...points(timeline, 1000));
    for (let seqno = 38; seqno <= 500; seqno++) timeline.signal(open[seqno - 1] as Fence);
    expect(timeline.value).toBe(500);
    expect(open.filter((point) => point.signaled).map((point) => point.seqno)).toEqual(
      Array.from({ length: 500 }, (_, k) => k + 1),
    );
    timeline.signal(1100);
    expect(open.every((point) => point.signaled)).toBe(true);
  });

  test('time is that of the signal, in milliseconds since the epoch', () => {
    const timeline = one().timeline('line');
    const before = performance.timeOrigin + performance.now();
    const point = timeline.next();
    expect(point.timestamp).toBe(null);
    timeline.signal(point);
    expect(point.timestamp).toBeGreaterThanOrEqual(before - 1);
    expect(point.timestamp).toBeLessThanOrEqual(performance.timeOrigin + performance.now());
  });
});

describe('a point that fails', () => {
  test('has an error once it is over', () => {
    const timeline = one().timeline('line');
    const point = timeline.next();
    expect(point.error).toBe(null);
    timeline.fail(point, 'EIO');
    expect(point.signaled).toBe(true);
    expect(point.error).toBe('EIO');
    expect(timeline.value).toBe(1);
  });

  test('before its turn: those before it stay open, and it is over when they are', () => {
    const timeline = one().timeline('line');
    const [first, second, third, fourth] = points(timeline, 4) as [Fence, Fence, Fence, Fence];
    timeline.fail(third, 'EIO');
    expect([first, second, third].map((point) => point.signaled)).toEqual([false, false, false]);
    timeline.signal(first);
    expect([second, third].map((point) => point.signaled)).toEqual([false, false]);
    timeline.signal(second);
    expect([first, second, third, fourth].map((point) => point.signaled)).toEqual([
      true,
      true,
      true,
      false,
    ]);
    expect([first, second, third].map((point) => point.error)).toEqual([null, null, 'EIO']);
    expect(timeline.value).toBe(3);
    timeline.signal(fourth);
    expect(fourth.error).toBe(null);
  });

  test('before its turn is over in its turn, whatever was issued meanwhile', () => {
    const timeline = one().timeline('line');
    const [first, second] = points(timeline, 2) as [Fence, Fence];
    timeline.fail(second, 'EIO');
    const third = timeline.next();
    timeline.signal(first);
    expect([second.error, third.signaled, timeline.value]).toEqual(['EIO', false, 2]);
    timeline.signal(third);
    expect(timeline.value).toBe(3);
  });

  test('before its turn keeps its error when a later point is signalled', () => {
    const timeline = one().timeline('line');
    const [first, second, third, fourth] = points(timeline, 4) as [Fence, Fence, Fence, Fence];
    timeline.fail(second, 'EIO');
    timeline.fail(fourth, 'ENOMEM');
    timeline.signal(third);
    const errors = [first, second, third, fourth].map((point) => point.error);
    expect(errors).toEqual([null, 'EIO', null, 'ENOMEM']);
    expect(timeline.value).toBe(4);
    const next = timeline.next();
    timeline.signal(next);
    expect(next.error).toBe(null);
  });

  test('cannot be signalled or fail a second time while it waits for its turn', async () => {
    const timeline = one().timeline('line');
    points(timeline, 2);
    timeline.fail(2, 'EIO');
    expect(await codeOf(() => timeline.signal(2))).toBe('EINVAL');
    expect(await codeOf(() => timeline.fail(2, 'EIO'))).toBe('EINVAL');
    expect(timeline.value).toBe(0);
  });
});

describe('a timeline that is closed', () => {
  test('fails what is open with ECANCELED, and what had failed with its own error', async () => {
    const timeline = one().timeline('line');
    const [first, second, third] = points(timeline, 3) as [Fence, Fence, Fence];
    timeline.signal(first);
    timeline.fail(third, 'EIO');
    timeline.close();
    expect([first.error, second.error, third.error]).toEqual([null, 'ECANCELED', 'EIO']);
    expect(await codeOf(() => timeline.next())).toBe('ESTALE');
    expect(await codeOf(() => timeline.signal(second))).toBe('ESTALE');
    expect(await codeOf(() => timeline.fail(second, 'EIO'))).toBe('ESTALE');
    timeline.close();
    timeline[Symbol.dispose]();
  });

  test('is closed by `using`', () => {
    const room = one();
    let point: Fence;
    {
      using timeline = room.timeline('line');
      point = timeline.next();
    }
    expect(point.error).toBe('ECANCELED');
    expect(room.timelineName(point.timeline)).toBe(`#${point.timeline}`);
  });

  test('closing the room closes what is open', () => {
    const room = one();
    const [first, second] = [room.timeline('first'), room.timeline('second')];
    const open = [first.next(), second.next()];
    room.close();
    expect(open.map((point) => point.error)).toEqual(['ECANCELED', 'ECANCELED']);
  });
});

describe('names of timelines', () => {
  test('are known in every agent as long as the timeline is open', () => {
    const [a, b] = fenceRooms(2).rooms as [Fences, Fences];
    const [first, second] = [a.timeline('décodeur'), b.timeline('')];
    expect(b.timelineName(first.id)).toBe('décodeur');
    expect(a.timelineName(second.id)).toBe('');
    first.close();
    expect(b.timelineName(first.id)).toBe(`#${first.id}`);
    expect(b.timelineName(0)).toBe('#0');
    expect(b.timelineName(b.contexts())).toBe('#3');
  });

  test('longer than 31 bytes are refused, never cut', async () => {
    const room = one();
    expect(room.timeline('é'.repeat(15)).name).toBe('é'.repeat(15));
    expect(await codeOf(() => room.timeline('é'.repeat(16)))).toBe('EINVAL');
    expect(await codeOf(() => room.timeline(7 as unknown as string))).toBe('EINVAL');
  });

  test('a full table is ENFILE, and closing makes room', async () => {
    const room = fenceRooms(1, { timelines: 2 }).rooms[0] as Fences;
    const first = room.timeline('first');
    room.timeline('second');
    expect(() => room.timeline('third')).toThrow(/ENFILE.*limits\.timelines.*limit 2/s);
    first.close();
    expect(room.timelineName(room.timeline('third').id)).toBe('third');
  });
});

test('signalling sections count until they are disposed, once each', () => {
  const room = one();
  const timeline = room.timeline('line');
  expect(room.inSignalling).toBe(0);
  {
    using outer = timeline.signalling();
    expect(outer).toBeDefined();
    const inner = timeline.signalling();
    expect(room.inSignalling).toBe(2);
    inner[Symbol.dispose]();
    inner[Symbol.dispose]();
    expect(room.inSignalling).toBe(1);
  }
  expect(room.inSignalling).toBe(0);
});

test('contexts are never used again, by any agent', () => {
  const [a, b] = fenceRooms(2).rooms as [Fences, Fences];
  expect([a.contexts(), b.contexts(3), a.contexts(), b.timeline('line').id]).toEqual([1, 2, 5, 6]);
});

test('a timeline cannot be posted, and says what to post', () => {
  const timeline = one().timeline('line');
  expect(() => structuredClone(timeline)).toThrow(/a Timeline cannot be posted: .*toJSON/);
});
