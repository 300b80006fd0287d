// SPDX-License-Identifier: MIT
/** Chains: what they refuse, what they say, and what becomes of them when the maker of a link dies. The rest: test/kernel. */
import { beforeEach, describe, expect, test } from 'vitest';
import {
  type AnyFence,
  Fence,
  FenceChain,
  type Fences,
  type Timeline,
} from '../../../src/fence/index.js';
import { codeOf, domainOf, fenceRooms, mourners, seenIn, turn, until } from './rooms.js';

let a: Fences;
let b: Fences;
let c: Fences;
let bury: (room: Fences) => void;
let timeline: Timeline;
beforeEach(() => {
  const world = mourners();
  [a, b, c] = world.rooms;
  bury = world.bury;
  timeline = a.timeline('a');
});

const single = (room: Fences): Fence => room.create(room.contexts(), 1);
const append = (
  room: Fences,
  previous: AnyFence | null,
  fence: AnyFence,
  seqno: number,
): FenceChain => FenceChain.append(domainOf(room), previous, fence, seqno);

describe('append', () => {
  test('goes on with the timeline of the link before, while numbers rise', () => {
    const first = append(a, null, single(a), 3);
    const second = append(a, first, single(a), 8);
    expect([second.timeline, second.seqno]).toEqual([first.timeline, 8]);
  });

  test.each([3, 2])('number %i is not after 3: a new timeline, with the higher number', (seqno) => {
    const first = append(a, null, single(a), 3);
    const second = append(a, first, single(a), seqno);
    expect(second.timeline).not.toBe(first.timeline);
    expect(second.seqno).toBe(3);
    expect([...second]).toEqual([second, first]);
    expect(second.findSeqno(1)).toBe(second);
  });

  test('is found beyond 32 bits', () => {
    const big = 2 ** 40 + 5;
    const first = append(a, null, single(a), big);
    const second = append(a, first, single(a), big + 7);
    const seen = seenIn(b, second);
    expect((seen.findSeqno(big) as FenceChain).seqno).toBe(big);
    expect((seen.findSeqno(big + 1) as FenceChain).seqno).toBe(big + 7);
  });

  test('a fence that is no link, or a set, can be what is before the first', () => {
    const before = timeline.next();
    const chain = append(a, before, single(a), 1);
    expect([...chain]).toEqual([chain, before]);
    const set = Fence.all([timeline.next(), single(a)]);
    const after = append(a, set, single(a), 1);
    expect([...seenIn(b, after)].map((node) => node.signaled)).toEqual([false, false]);
    expect([...after]).toEqual([after, set]);
  });

  test('bad input is EINVAL, and says what it must be', async () => {
    const fence = single(a);
    const chain = append(a, null, fence, 1);
    expect(() => append(a, null, chain, 2)).toThrow(/^EINVAL: FenceChain.append: .*put a chain in/);
    const any = Fence.any([single(a), single(a)]);
    expect(await codeOf(() => append(a, null, any, 1))).toBe('EINVAL');
    for (const seqno of [0, -1, 1.5, Number.NaN, 2 ** 52, '1' as never]) {
      expect(await codeOf(() => append(a, null, fence, seqno))).toBe('EINVAL');
    }
    for (const none of [null, undefined, 1, {}] as never[]) {
      expect(() => append(a, null, none, 1)).toThrow(/fence must be a fence/);
    }
    expect(() => append(a, 5 as never, fence, 1)).toThrow(/previous must be a fence/);
    for (const none of [null, undefined, 1, {}] as never[]) {
      expect(() => FenceChain.append(none, null, fence, 1)).toThrow(/domain must be a Domain/);
      expect(() => Fence.from(none, fence.toJSON())).toThrow(/domain must be a Domain/);
    }
    expect(await codeOf(() => chain.findSeqno(2))).toBe('EINVAL');
    expect(await codeOf(() => chain.findSeqno(-1))).toBe('EINVAL');
  });

  test('a fence of another domain is EXDEV', async () => {
    const elsewhere = fenceRooms(1).rooms[0] as Fences;
    expect(await codeOf(() => append(a, null, single(elsewhere), 1))).toBe('EXDEV');
    expect(await codeOf(() => append(a, single(elsewhere), single(a), 1))).toBe('EXDEV');
  });

  test('what has signalled can be put in: it is over with what is before', () => {
    const first = single(a);
    const chain = append(a, append(a, null, first, 1), Fence.done, 2);
    expect(chain.signaled).toBe(false);
    a.signal(first);
    expect([chain.signaled, append(a, null, Fence.done, 1).signaled]).toEqual([true, true]);
  });
});

describe('a chain', () => {
  test('is over with its last payload, at that time, and takes over no error of it', async () => {
    const [f1, f2] = [single(a), timeline.next()];
    const chain = append(a, append(a, null, f1, 1), f2, 2);
    const seen = seenIn(b, chain);
    const wait = seen.wait();
    timeline.fail(f2, 'EIO');
    await turn();
    expect(seen.signaled).toBe(false);
    a.signal(f1);
    await wait;
    expect([seen.error, seen.timestamp]).toEqual([null, f1.timestamp]);
    expect(f1.timestamp).toBeGreaterThanOrEqual(f2.timestamp ?? Infinity);
    expect(chain.timestamp).toBe(seen.timestamp);
  });

  test('with sets as payloads waits for each of their points', async () => {
    const points = [single(a), single(b), single(a), single(b)];
    const [p1, p2, p3, p4] = points.map((point) => seenIn(a, point)) as [
      Fence,
      Fence,
      Fence,
      Fence,
    ];
    const chain = append(a, append(a, null, Fence.all([p1, p2]), 1), Fence.all([p3, p4]), 2);
    const seen = seenIn(c, chain);
    expect(seen.leaves.length).toBe(4);
    let over = false;
    const wait = seen.wait().then(() => void (over = true));
    for (const point of points) {
      await turn();
      expect([over, seen.signaled]).toEqual([false, false]);
      (point.source as Fences).signal(point);
    }
    await wait;
  });

  test('made by two agents is one chain', async () => {
    const [f1, f2, f3] = [single(a), single(b), single(a)];
    const first = append(a, null, f1, 1);
    const second = append(b, seenIn(b, first), f2, 2);
    const third = append(a, seenIn(a, second), f3, 3);
    expect([...seenIn(c, third)].map((node) => (node as FenceChain).seqno)).toEqual([3, 2, 1]);
    a.signal(f3);
    b.signal(f2);
    expect([third.signaled, second.signaled, first.signaled]).toEqual([false, false, false]);
    a.signal(f1);
    expect([third.signaled, second.signaled, first.signaled]).toEqual([true, true, true]);
    a.containers.settle(9);
    b.containers.settle(9);
    expect([a.containers.pending, b.containers.pending]).toEqual([0, 0]);
  });

  test('deadlines reach every payload that is pending', () => {
    const payloads = [single(a), single(a), single(a)];
    const chain = payloads.reduce<FenceChain | null>(
      (previous, fence, i) => append(a, previous, fence, i + 1),
      null,
    ) as FenceChain;
    const at = performance.timeOrigin + performance.now() + 5_000;
    seenIn(b, chain).setDeadline(at);
    for (const { row, generation } of payloads) {
      expect(Math.abs((a.deadlineOf(row, generation) ?? 0) - at)).toBeLessThan(3);
    }
  });

  test('tells by a callback, and not who has cancelled', async () => {
    const [f1, f2] = [single(a), single(a)];
    const seen = seenIn(b, append(a, append(a, null, f1, 1), f2, 2));
    const calls: string[] = [];
    seen.onSignal(() => void calls.push('told'));
    const cancel = seen.onSignal(() => void calls.push('cancelled'));
    a.signal(f2);
    await turn();
    await turn();
    cancel[Symbol.dispose]();
    a.signal(f1);
    await until(() => calls.length > 0);
    expect([calls, b.agent.tasks.pending]).toEqual([['told'], 0]);
  });

  test('a wait can be aborted and timed out, and blocking for what this thread owes is EDEADLK', async () => {
    const chain = append(a, append(a, null, single(a), 1), single(a), 2);
    const seen = seenIn(b, chain);
    expect(await codeOf(seen.wait({ timeout: 0 }))).toBe('ETIMEDOUT');
    const abort = new AbortController();
    const wait = seen.wait({ signal: abort.signal });
    abort.abort(new Error('enough'));
    await expect(wait).rejects.toThrow('enough');
    expect(() => chain.waitSync()).toThrow(/EDEADLK/);
  });

  test('waitAny tells which of several chains was first', async () => {
    const [f1, f2, f3] = [single(a), single(a), single(a)];
    const chains = [append(a, append(a, null, f1, 1), f2, 2), append(a, null, f3, 1)];
    const first = Fence.waitAny(chains.map((chain) => seenIn(b, chain)));
    await turn();
    a.signal(f2);
    await turn();
    a.signal(f3);
    expect(await first).toBe(1);
  });
});

describe('when the maker of a link dies', () => {
  test('his pending links fail with EOWNERDEAD, and so does whatever goes through them', async () => {
    const [f1, f2] = [single(b), single(b)];
    const first = append(a, null, seenIn(a, f1), 1);
    const second = append(b, seenIn(b, first), f2, 2);
    const seen = seenIn(c, second);
    const waits = [codeOf(seen.wait()), codeOf(seenIn(c, first).wait())];
    b.signal(f2);
    bury(a);
    expect(await Promise.all(waits)).toEqual(['EOWNERDEAD', 'EOWNERDEAD']);
    expect([second.error, f1.signaled]).toEqual(['EOWNERDEAD', false]);
  });

  test('a set that the chain is put into fails, since what was before his link may be pending', () => {
    const [f1, f2] = [single(c), single(b)];
    const first = append(a, null, seenIn(a, f1), 1);
    const second = append(b, seenIn(b, first), f2, 2);
    bury(a);
    const set = Fence.all([second, single(b)]);
    for (const point of set) b.signal(point);
    expect([set.signaled, set.error, f1.signaled]).toEqual([true, 'EOWNERDEAD', false]);
    expect([second.error, Fence.all([second]).error]).toEqual(['EOWNERDEAD', 'EOWNERDEAD']);
  });

  test.each([false, true])('so does what it is merged into, over already: %s', (over) => {
    const [f1, f2] = [single(c), single(b)];
    const first = append(a, null, seenIn(a, f1), 1);
    const second = append(b, seenIn(b, first), f2, 2);
    bury(a);
    if (over) b.signal(f2);
    const other = single(b);
    const merged = Fence.merge(second, other);
    b.signal(f2);
    b.signal(other);
    expect([merged.signaled, merged.error, f1.signaled]).toEqual([true, 'EOWNERDEAD', false]);
  });

  test('what was over before is over', async () => {
    const [f1, f2] = [single(b), single(b)];
    const first = append(a, null, seenIn(a, f1), 1);
    b.signal(f1);
    expect(first.signaled).toBe(true);
    const second = append(b, seenIn(b, first), f2, 2);
    bury(a);
    b.signal(f2);
    expect([second.signaled, second.error]).toEqual([true, null]);
  });
});

test('a link of a set of 600 000 points has them all as leaves', () => {
  const room = fenceRooms(1, { agents: 256 }).rooms[0] as Fences;
  const source = room.timeline('payloads');
  const points = Array.from({ length: 600_000 }, () => source.next());
  const link = append(room, null, Fence.all(points), 1);
  expect(link.leaves.length).toBe(points.length);
});

test('a chain of 100 000 links is walked, signalled and released in a loop', () => {
  const room = fenceRooms(1, { agents: 256 }).rooms[0] as Fences;
  const source = room.timeline('payloads');
  let newest: FenceChain | null = null;
  const oldest: FenceChain[] = [];
  for (let i = 1; i <= 100_000; i++) {
    newest = append(room, newest, source.next(), i);
    if (i === 1) oldest.push(newest);
  }
  expect((newest as FenceChain).findSeqno(1)).toBe(oldest[0]);
  source.signal(100_000);
  expect([newest?.signaled, oldest[0]?.signaled, room.containers.pending]).toEqual([true, true, 0]);
});

describe('a set of an agent that dies, in a link of another one', () => {
  test.each(['payload', 'tail', 'tail of any'] as const)(
    'as its %s: the link waits for the points',
    (where) => {
      const points = [single(c), single(c)];
      const ofA = points.map((point) => seenIn(a, point));
      const set = seenIn(b, where === 'tail of any' ? Fence.any(ofA) : Fence.all(ofA));
      const chain = where === 'payload' ? append(b, null, set, 1) : append(b, set, Fence.done, 1);
      const seen = seenIn(c, chain);
      bury(a);
      expect([chain.signaled, seen.signaled]).toEqual([false, false]);
      for (const point of points) c.signal(point);
      expect([seen.signaled, seen.error, chain.error]).toEqual([true, null, null]);
    },
  );
});
