// SPDX-License-Identifier: MIT
/** Sets as shared records: named in one agent, asked and waited for in another, and what becomes of them when somebody dies. */
import { beforeEach, describe, expect, test } from 'vitest';
import { errorNumber } from '../../../src/errors.js';
import { Fence, FenceSet, type Fences, type Timeline } from '../../../src/fence/index.js';
import { codeOf, domainOf, fenceRooms, mourners, seenIn, turn, until } from './rooms.js';

let a: Fences;
let b: Fences;
let c: Fences;
let bury: (room: Fences) => void;
let left: Timeline;
let right: Timeline;
beforeEach(() => {
  const world = mourners();
  [a, b, c] = world.rooms;
  bury = world.bury;
  [left, right] = [a.timeline('left'), a.timeline('right')];
});

describe('a set that was named', () => {
  test('has one point as its name, and is one record in every agent', () => {
    const set = Fence.all([left.next(), right.next()]);
    const name = set.toJSON();
    expect([name.points.length, name.mode]).toEqual([1, 'all']);
    expect(set.toJSON()).toEqual(name);
    const theirs = seenIn(b, set);
    expect(theirs).toBeInstanceOf(FenceSet);
    expect(theirs.toJSON()).toEqual(name);
    expect(seenIn(b, set)).toBe(theirs);
    expect(seenIn(a, theirs)).toBe(set);
  });

  test.each([1, 2, 4, 5, 16, 33])('keeps its %i points, in order', (count) => {
    const points = Array.from({ length: count }, () => left.next());
    const numbers = [...seenIn(b, Fence.all([...points, right.next()]))].map(
      (point) => point.seqno,
    );
    expect(numbers).toEqual([...points.map((point) => point.seqno), 1]);
  });

  test('all: is waited for in another agent until the last point, whoever signals that', async () => {
    const theirs = b.timeline('theirs');
    const point = left.next();
    const other = theirs.next();
    const set = Fence.all([point, seenIn(a, other)]);
    const seen = seenIn(c, set);
    const wait = seen.wait();
    left.signal(point);
    await turn();
    expect([seen.signaled, set.signaled]).toEqual([false, false]);
    theirs.signal(other);
    await wait;
    expect([seen.signaled, set.signaled]).toEqual([true, true]);
    expect(seen.timestamp).toBe(set.timestamp);
  });

  test('any: is over with the first point, in all agents', async () => {
    const [x, y] = [left.next(), right.next()];
    const seen = seenIn(b, Fence.any([x, y]));
    const wait = seen.wait();
    right.signal(y);
    await wait;
    expect([seen.signaled, seenIn(c, seen).signaled, x.signaled]).toEqual([true, true, false]);
  });

  test('the first error in time is its error, in all agents', async () => {
    const [x, y] = [left.next(), right.next()];
    const set = Fence.all([x, y]);
    const seen = seenIn(b, set);
    const wait = codeOf(seen.wait());
    right.fail(y, 'ENOMEM');
    left.fail(x, 'EIO');
    expect(await wait).toBe(set.error);
    expect([seen.error, set.error]).toEqual(['ENOMEM', 'ENOMEM'].map(() => set.error));
    expect(['ENOMEM', 'EIO']).toContain(set.error);
  });

  test('was over when it was named: is over for whoever opens it, with its error', async () => {
    const [x, y] = [left.next(), right.next()];
    left.fail(x, 'EIO');
    right.signal(y);
    const seen = seenIn(b, Fence.all([x, y]));
    expect([seen.signaled, seen.error]).toEqual([true, 'EIO']);
    expect(await codeOf(seen.wait())).toBe('EIO');
  });

  test('a point whose record was used again before it was named still counts', async () => {
    const theirs = b.timeline('theirs');
    const failed = theirs.next();
    const known = seenIn(a, failed);
    theirs.fail(failed, 'EIO');
    expect(known.error).toBe('EIO');
    while (b.stateOf(known.row) >>> 12 === known.generation) theirs.signal(theirs.next());
    const open = left.next();
    const seen = seenIn(c, Fence.all([known, open]));
    left.signal(open);
    expect([seen.signaled, seen.error, [...seen][0]?.error]).toEqual([true, 'EIO', 'EIO']);
  });

  test('what its points became can be learned as long as it is pending', async () => {
    const theirs = b.timeline('theirs');
    const [failed, open] = [theirs.next(), left.next()];
    const set = Fence.all([seenIn(a, failed), open]);
    const name = set.toJSON();
    theirs.fail(failed, 'EIO');
    expect([...set][0]?.error).toBe('EIO');
    // Many more than there are rows in a block: what can be used again was.
    for (let n = 0; n < 5_000; n++) theirs.signal(theirs.next());
    const seen = Fence.from(domainOf(c), name) as FenceSet;
    expect([...seen].map((point) => point.error)).toEqual(['EIO', null]);
    left.signal(open);
    expect([seen.signaled, seen.error]).toEqual([true, 'EIO']);
  });

  test('deadlines reach its points', () => {
    const [x, y] = [left.next(), right.next()];
    const seen = seenIn(b, Fence.all([x, y]));
    const at = performance.timeOrigin + performance.now() + 5_000;
    seen.setDeadline(at);
    for (const { row, generation } of [x, y]) {
      expect(Math.abs((a.deadlineOf(row, generation) ?? 0) - at)).toBeLessThan(3);
    }
    expect(seenIn(c, seen)).toBeInstanceOf(FenceSet);
  });

  test('who blocks until it is told which points it owes itself', () => {
    const seen = seenIn(a, Fence.all([left.next(), right.next()]));
    expect(() => seen.waitSync()).toThrow(/EDEADLK/);
  });

  test('a callback runs once, in the agent that asked, and not when cancelled', async () => {
    const [x, y] = [left.next(), right.next()];
    const seen = seenIn(b, Fence.all([x, y]));
    const calls: unknown[] = [];
    seen.onSignal((error) => void calls.push(error));
    const cancel = seen.onSignal(() => void calls.push('cancelled'));
    await turn();
    left.signal(x);
    await turn();
    cancel[Symbol.dispose]();
    right.signal(y);
    await until(() => calls.length > 0);
    expect(calls).toEqual([null]);
    expect(b.agent.tasks.pending).toBe(0);
  });
});

describe('when somebody dies', () => {
  test('its maker: it fails with EOWNERDEAD, for those who wait too, and its points go on', async () => {
    const theirs = b.timeline('theirs');
    const [x, y] = [theirs.next(), theirs.next()];
    const seen = seenIn(c, Fence.all([seenIn(a, x), seenIn(a, y)]));
    const wait = codeOf(seen.wait());
    await turn();
    bury(a);
    expect(await wait).toBe('EOWNERDEAD');
    expect([seen.signaled, seen.error, x.signaled]).toEqual([true, 'EOWNERDEAD', false]);
  });

  test('its maker: what it is merged into waits for its points all the same', () => {
    const theirs = b.timeline('theirs');
    const set = Fence.all([seenIn(a, theirs.next()), seenIn(a, theirs.next())]);
    const seen = seenIn(b, set);
    bury(a);
    const merged = Fence.merge(seen, Fence.done);
    expect([seen.error, merged.signaled, merged.leaves.length]).toEqual(['EOWNERDEAD', false, 1]);
    theirs.signal(2);
    expect([merged.signaled, merged.error]).toEqual([true, null]);
  });

  test('who owes one of its points: that fails, and so does it', async () => {
    const theirs = b.timeline('theirs');
    const [x, y] = [left.next(), theirs.next()];
    const set = Fence.all([x, seenIn(a, y)]);
    const seen = seenIn(c, set);
    const wait = codeOf(seen.wait());
    bury(b);
    left.signal(x);
    expect(await wait).toBe('EOWNERDEAD');
    expect(set.error).toBe('EOWNERDEAD');
  });

  test('its maker leaves: it fails with ECANCELED', async () => {
    const theirs = b.timeline('theirs');
    const seen = seenIn(c, Fence.all([seenIn(a, theirs.next()), seenIn(a, theirs.next())]));
    a.close();
    expect([seen.signaled, seen.error]).toEqual([true, 'ECANCELED']);
  });
});

describe('records', () => {
  const used = (room: Fences): number => {
    let rows = 0;
    for (let row = 1; row < 8 * 1024; row++) if ((room.stateOf(row) & 3) !== 0) rows++;
    return rows;
  };
  /** Makes so many fences that every row that can be used again is found. */
  const churn = (room: Fences): void => {
    const timeline = room.timeline('churn');
    for (let n = 0; n < 5_000; n++) timeline.signal(timeline.next());
    timeline.close();
  };

  test('of sets that are over, and of their members, are used again, though nobody looked', () => {
    churn(a);
    const before = used(a);
    for (let round = 0; round < 300; round++) {
      const points = Array.from({ length: 9 }, () => left.next());
      Fence.all(points).toJSON();
      left.signal(points.at(-1) as Fence);
    }
    churn(a);
    churn(a);
    expect(a.containers.pending).toBe(0);
    expect(used(a)).toBeLessThan(before + 1_100);
  });

  test('of a dead maker are used by whoever gets his rows', () => {
    const theirs = b.timeline('theirs');
    const set = Fence.all([seenIn(a, theirs.next()), seenIn(a, theirs.next())]);
    const row = Math.floor((set.toJSON().points[0]?.[1] ?? 0) / 2 ** 20);
    const members = a.records.moreOf(row) >>> 3;
    bury(a);
    let seen = false;
    const open = Array.from({ length: 4_000 }, () => c.create(1, 1));
    for (const fence of open) seen ||= fence.row === members;
    expect(seen).toBe(true);
    for (const fence of open) c.signal(fence, errorNumber('ECANCELED'));
  });

  test('run out: ENFILE, and nothing is held', async () => {
    const small = fenceRooms(1, { agents: 1 }).rooms[0] as Fences;
    const timeline = small.timeline('all');
    const points: Fence[] = [];
    for (;;) {
      try {
        points.push(timeline.next());
      } catch {
        break;
      }
    }
    const set = Fence.all(points.slice(-9));
    expect(await codeOf(() => set.toJSON())).toBe('ENFILE');
    expect(small.containers.pending).toBe(0);
    expect(points.filter((point) => small.records.isHeld(point.row, 1))).toEqual([]);
    timeline.signal(points.at(-10) as Fence);
    const seen = Fence.from(domainOf(small), set.toJSON());
    timeline.signal(points.at(-1) as Fence);
    expect([seen.signaled, small.containers.pending]).toEqual([true, 0]);
  });

  test('of a set that is over are told its maker, who lets go of its points', async () => {
    const theirs = b.timeline('theirs');
    const [x, y] = [theirs.next(), theirs.next()];
    const set = Fence.all([seenIn(a, x), seenIn(a, y)]);
    const seen = seenIn(c, set);
    a.agent.listen();
    theirs.signal(y);
    expect(seen.signaled).toBe(true);
    await until(() => a.containers.pending === 0);
    expect(set.signaled).toBe(true);
  });
});

test('a maker that has nothing else to do lets go of all of many sets that another agent has signalled at once', async () => {
  a.agent.listen();
  const points = Array.from({ length: 1000 }, () => b.create(b.contexts(), 1));
  const sets = points.map((point) => {
    const set = Fence.all([seenIn(a, point), seenIn(a, points[0] as Fence)]);
    return seenIn(b, set);
  });
  for (const point of points) b.signal(point);
  expect(sets.every((set) => set.signaled)).toBe(true);
  await until(() => a.containers.pending === 0);
  expect(points.some(({ row }) => b.records.isHeld(row, b.records.agentWords))).toBe(false);
});
