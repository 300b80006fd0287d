// SPDX-License-Identifier: MIT
import { describe, expect, test } from 'vitest';
import { Fence, type Fences } from '../../../src/fence/index.js';
import { codeOf, domainOf, fenceRooms, turn, until } from './rooms.js';

const pair = (): [Fences, Fences] => fenceRooms(2).rooms as [Fences, Fences];
const there = (room: Fences, fence: Fence): Fence =>
  Fence.from(domainOf(room), fence.toJSON()) as Fence;

/** Long enough that an agent has stopped polling and sleeps. */
async function asleep(): Promise<void> {
  for (let turns = 0; turns < 20; turns++) await turn();
}

describe('wait', () => {
  test('resolves at the signal, in the same agent and in another one, asleep or not', async () => {
    const [a, b] = pair();
    const timeline = a.timeline('line');
    for (const pause of [async () => {}, asleep]) {
      const point = timeline.next();
      let woken = 0;
      const waits = [point.wait(), there(b, point).wait(), there(b, point).wait()].map((wait) =>
        wait.then(() => woken++),
      );
      await pause();
      expect(woken).toBe(0);
      timeline.signal(point);
      await Promise.all(waits);
      expect(woken).toBe(3);
    }
  });

  test('is over at once when it is signalled, also with time-out 0', async () => {
    const [a] = pair();
    const timeline = a.timeline('line');
    const point = timeline.next();
    timeline.signal(point);
    await point.wait({ timeout: 0, signal: new AbortController().signal });
    point.waitSync({ timeout: 0 });
    await Fence.done.wait({ timeout: 0 });
    Fence.done.waitSync();
  });

  test('what the options say counts also when no wait is needed', async () => {
    const [a] = pair();
    const timeline = a.timeline('line');
    const point = timeline.next();
    timeline.signal(point);
    for (const fence of [point, Fence.done]) {
      await expect(fence.wait({ signal: AbortSignal.abort('no') })).rejects.toBe('no');
      for (const options of [{ timeout: Number.NaN }, { signal: 1 }, null, 5] as never[]) {
        expect(await codeOf(fence.wait(options))).toBe('EINVAL');
        expect(await codeOf(Fence.waitAny([fence], options))).toBe('EINVAL');
      }
      expect(await codeOf(() => fence.waitSync(null as never))).toBe('EINVAL');
      expect(await codeOf(() => fence.waitSync({ timeout: -1 }))).toBe('EINVAL');
    }
  });

  test('rejects with the error of the fence, and says which', async () => {
    const [a, b] = pair();
    const timeline = a.timeline('line');
    const point = timeline.next();
    const seen = there(b, point);
    const waits = [point.wait(), seen.wait()];
    timeline.fail(point, 'EIO');
    for (const wait of waits) {
      await expect(wait).rejects.toThrow(/^EIO: Fence\.wait: .*\(timeline 1, seqno 1\)$/);
    }
    expect(() => seen.waitSync()).toThrow(/^EIO: Fence\.waitSync/);
    expect(() => point.waitSync()).toThrow(/^EIO: Fence\.waitSync/);
  });

  test('rejects with ETIMEDOUT, at once for time-out 0, and leaves nothing behind', async () => {
    const [a, b] = pair();
    const point = a.timeline('line').next();
    expect(await codeOf(point.wait({ timeout: 0 }))).toBe('ETIMEDOUT');
    expect(await codeOf(there(b, point).wait({ timeout: 1 }))).toBe('ETIMEDOUT');
    expect(await codeOf(() => there(b, point).waitSync({ timeout: 0 }))).toBe('ETIMEDOUT');
    expect(await codeOf(() => there(b, point).waitSync({ timeout: 1 }))).toBe('ETIMEDOUT');
    for (const timeout of [-1, Number.NaN, '1' as unknown as number]) {
      expect(await codeOf(point.wait({ timeout }))).toBe('EINVAL');
      expect(await codeOf(() => point.waitSync({ timeout }))).toBe('EINVAL');
      expect(await codeOf(Fence.done.wait({ timeout }))).toBe('EINVAL');
    }
    expect(a.agent.tasks.pending + b.agent.tasks.pending).toBe(0);
  });

  test('rejects with the reason of the signal', async () => {
    const [a, b] = pair();
    const seen = there(b, a.timeline('line').next());
    const controller = new AbortController();
    const wait = seen.wait({ signal: controller.signal });
    await asleep();
    controller.abort('enough');
    await expect(wait).rejects.toBe('enough');
    await expect(seen.wait({ signal: AbortSignal.abort('never') })).rejects.toBe('never');
  });

  test('does not block for what this very thread has to signal: EDEADLK', async () => {
    const [a, b] = pair();
    const mine = a.timeline('mine').next();
    const other = there(a, b.timeline('theirs').next());
    expect(await codeOf(() => mine.waitSync())).toBe('EDEADLK');
    expect(await codeOf(() => mine.waitSync({ timeout: 10 }))).toBe('EDEADLK');
    expect(await codeOf(() => mine.waitSync({ timeout: 0 }))).toBe('ETIMEDOUT');
    expect(await codeOf(() => Fence.all([mine, other]).waitSync())).toBe('EDEADLK');
    expect(await codeOf(() => Fence.any([mine, other]).waitSync({ timeout: 1 }))).toBe('ETIMEDOUT');
  });

  test('a fence queued for nobody yet is owed by whoever takes it over', () => {
    const [a, b] = pair();
    const fence = a.create(a.contexts(), 1, 0);
    const { row, generation } = fence;
    expect([a, b].map((room) => room.owedHere(row, generation))).toEqual([false, false]);
    b.setOwner(row, generation, b.agent.tag);
    expect([a, b].map((room) => room.owedHere(row, generation))).toEqual([false, true]);
    expect(b.signalPoint(row, generation)).toBe(true);
    expect(b.signalPoint(row, generation)).toBe(false);
    expect(a.signal(fence)).toBe(false);
    expect([a, b].map((room) => room.owedHere(row, generation))).toEqual([false, false]);
    expect(fence.signaled).toBe(true);
  });
});

describe('onSignal', () => {
  test('runs once after the signal, not inside it, in the order of adding', async () => {
    const [a, b] = pair();
    const timeline = a.timeline('line');
    for (const pause of [async () => {}, asleep]) {
      const point = timeline.next();
      const seen: string[] = [];
      point.onSignal((error) => void seen.push(`first ${error}`));
      point.onSignal((error) => void seen.push(`second ${error}`));
      there(b, point).onSignal((error) => void seen.push(`there ${error}`));
      await pause();
      timeline.fail(point, 'EIO');
      expect(seen).toEqual([]);
      await until(() => seen.length === 3);
      await turn();
      expect(seen.filter((text) => !text.startsWith('there'))).toEqual(['first EIO', 'second EIO']);
      expect(seen).toContain('there EIO');
    }
  });

  test('runs as a microtask when it is signalled already', async () => {
    const seen: unknown[] = [];
    Fence.done.onSignal((error) => void seen.push(error));
    const [a] = pair();
    const timeline = a.timeline('line');
    const point = timeline.next();
    timeline.signal(point);
    point.onSignal((error) => void seen.push(error));
    expect(seen).toEqual([]);
    await Promise.resolve();
    expect(seen).toEqual([null, null]);
  });

  test('disposing cancels it, also between the signal and the microtask', async () => {
    const [a] = pair();
    const timeline = a.timeline('line');
    const point = timeline.next();
    let ran = 0;
    const early = point.onSignal(() => void ran++);
    const late = point.onSignal(() => void ran++);
    await asleep();
    early[Symbol.dispose]();
    await until(() => a.agent.tasks.pending === 1);
    timeline.signal(point);
    late[Symbol.dispose]();
    late[Symbol.dispose]();
    point.onSignal(() => void ran++)[Symbol.dispose]();
    await asleep();
    expect(ran).toBe(0);
    expect(a.agent.tasks.pending).toBe(0);
  });
});

test('onSignal refuses what is no function', async () => {
  const [a] = pair();
  const point = a.timeline('line').next();
  for (const callback of [null, undefined, {}] as never[]) {
    expect(() => point.onSignal(callback)).toThrow(/^EINVAL: Fence\.onSignal: callback must be/);
  }
});

describe('waitAny', () => {
  test('gives the index of the first to signal, failed or not', async () => {
    const [a, b] = pair();
    const [left, right] = [a.timeline('left'), a.timeline('right')];
    const [first, second] = [left.next(), right.next()];
    const wait = Fence.waitAny([there(b, first), there(b, second)]);
    await asleep();
    right.fail(second, 'EIO');
    expect(await wait).toBe(1);
    expect(await Fence.waitAny([first, second])).toBe(1);
    left.signal(first);
    expect(await Fence.waitAny([first, second], { timeout: 0 })).toBe(0);
  });

  test('waits for sets as a whole', async () => {
    const [a] = pair();
    const timelines = [a.timeline('x'), a.timeline('y'), a.timeline('z')];
    const [x, y, z] = timelines.map((timeline) => timeline.next()) as [Fence, Fence, Fence];
    const wait = Fence.waitAny([Fence.all([x, y]), z]);
    timelines[0]?.signal(x);
    await asleep();
    timelines[1]?.signal(y);
    expect(await wait).toBe(0);
  });

  test('refuses nothing to wait for, runs out of time, is aborted', async () => {
    const [a] = pair();
    const point = a.timeline('line').next();
    expect(await codeOf(Fence.waitAny([]))).toBe('EINVAL');
    expect(await codeOf(Fence.waitAny([point], { timeout: 0 }))).toBe('ETIMEDOUT');
    await expect(Fence.waitAny([point], { signal: AbortSignal.abort('no') })).rejects.toBe('no');
    for (const none of [null, 1, [1], [point, null]] as never[]) {
      await expect(Fence.waitAny(none)).rejects.toThrow(/^EINVAL: Fence\.waitAny: .* must be /);
    }
  });
});

describe('deadlines', () => {
  test('the earliest one is known to the owner until the fence is over', async () => {
    const [a, b] = pair();
    const timeline = a.timeline('line');
    const point = timeline.next();
    const seen = there(b, point);
    const deadline = () => a.deadlineOf(point.row, point.generation);
    expect(deadline()).toBe(null);
    const now = performance.timeOrigin + performance.now();
    seen.setDeadline(now + 500);
    seen.setDeadline(now + 90);
    seen.setDeadline(now + 300);
    expect(Math.abs((deadline() ?? 0) - (now + 90))).toBeLessThan(2);
    Fence.all([seen]).setDeadline(now - 1000);
    expect(Math.abs((deadline() ?? 0) - (now - 1000))).toBeLessThan(2);
    timeline.signal(point);
    expect(deadline()).toBe(null);
    seen.setDeadline(now);
    Fence.done.setDeadline(now);
    expect(await codeOf(() => seen.setDeadline(Number.NaN))).toBe('EINVAL');
    expect(await codeOf(() => seen.setDeadline(Infinity))).toBe('EINVAL');
  });

  test('the next fence of the row starts without one', () => {
    const [a] = pair();
    const first = a.create(1, 1);
    const now = performance.timeOrigin + performance.now();
    first.setDeadline(now);
    a.signal(first);
    let next = a.create(1, 2);
    for (let seqno = 3; next.row !== first.row; seqno++) {
      a.signal(next);
      next = a.create(1, seqno);
    }
    expect(a.deadlineOf(next.row, next.generation)).toBe(null);
    next.setDeadline(now + 5000);
    expect(a.deadlineOf(next.row, next.generation)).toBeGreaterThan(now + 4000);
    expect(a.deadlineOf(first.row, first.generation)).toBe(null);
  });

  test('far ones are as good as none', () => {
    const [a] = pair();
    const point = a.timeline('line').next();
    point.setDeadline(performance.timeOrigin + 1e15);
    const far = a.deadlineOf(point.row, point.generation) ?? 0;
    expect(far).toBeGreaterThan(performance.timeOrigin + 1e9);
    point.setDeadline(performance.timeOrigin);
    expect(a.deadlineOf(point.row, point.generation)).toBeLessThan(far);
  });
});
