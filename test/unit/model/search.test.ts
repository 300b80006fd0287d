// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import { explore, replay, searchDepthFirst, searchRandomly } from '../../model/engine/index.mjs';
import type { Model } from '../../model/engine/types.js';
import { mutex, words } from './mutex.js';

const real = globalThis.Atomics;

describe('depth-first search', () => {
  it('runs every schedule of two threads, as many as there are', () => {
    const result = searchDepthFirst(mutex(2), { reduce: false });
    expect(result).toMatchObject({ schedules: 412, complete: true, bounded: false, failure: null });
  });

  it.each([
    [0, 6],
    [1, 78],
    [2, 528],
    [3, 2904],
  ])('runs every schedule of three threads with %i preemptions', (preemptions, schedules) => {
    const result = searchDepthFirst(mutex(3), { preemptions, reduce: false });
    expect(result).toMatchObject({ schedules, complete: true, bounded: true, failure: null });
  });

  it('reduced, runs the same schedules when every word is shared', () => {
    // One more: the first one shows that they are.
    expect(searchDepthFirst(mutex(2)).schedules).toBe(413);
    expect(searchDepthFirst(mutex(3), { preemptions: 2 }).schedules).toBe(529);
  });

  it('says that it is not complete when it had to stop', () => {
    const result = searchDepthFirst(mutex(3), { preemptions: 2, schedules: 100 });
    expect(result).toMatchObject({ schedules: 100, complete: false });
  });
});

describe('a lost wake-up', () => {
  const flawed = mutex(3, { forgets: true });
  const schedule = '0001110222001111';

  it('is found within two preemptions', () => {
    const { failure } = searchDepthFirst(flawed, { preemptions: 2, reduce: false });
    expect(failure).toMatchObject({ message: 'stuck: thread 2 waits at lock', schedule, at: 30 });
  });

  it.each(['sticky', 'priority'] as const)('is found by %s walks', (kind) => {
    const { failure } = searchRandomly(flawed, { kind, schedules: 1000 });
    expect(failure?.message).toMatch(/^stuck: /);
    const again = replay(flawed, failure?.schedule ?? '');
    expect(again).toMatchObject({
      message: failure?.message,
      fits: true,
      schedule: failure?.schedule,
    });
  });

  it('happens again, step by step, when its schedule is replayed', () => {
    const { message, fits, trace } = replay(flawed, schedule);
    expect({ message, fits }).toEqual({ message: 'stuck: thread 2 waits at lock', fits: true });
    expect(trace).toContain('    6 thread 1     wait lock 2   (blocks)');
    expect(trace).toContain('   12 thread 0     notify lock 1 = 1');
    expect(trace.at(-1)).toBe('   16 thread 1     sub lock 1 = 1');
  });

  it('is replayed as far as its schedule goes, and a little further', () => {
    for (const other of [schedule.slice(0, -1), `${schedule}0`]) {
      expect(replay(flawed, other)).toMatchObject({ fits: false, schedule });
    }
  });

  it('does not happen in the mutex as it should be, which the schedule no longer fits', () => {
    expect(replay(mutex(3), schedule)).toMatchObject({ message: null, fits: false });
  });
});

describe('random walks', () => {
  it.each(['sticky', 'priority'] as const)('%s: the same seed takes the same steps', (kind) => {
    const model = { ...mutex(3), kills: 1, check: () => null, onKill: () => () => unlockAll() };
    const [a, b, c] = [7, 7, 8].map((seed) =>
      searchRandomly(model, { kind, seed, schedules: 200 }),
    );
    expect(a).toEqual(b);
    expect(a?.steps).not.toBe(c?.steps);
    expect(a?.kills).toBeGreaterThan(0);
  });

  /** Lets everybody go on, so that nobody is stuck. */
  function unlockAll(): void {
    for (let i = 0; i < 3; i++) {
      Atomics.store(words, 0, 0);
      Atomics.notify(words, 0);
    }
  }
});

describe('verdicts', () => {
  it('a holder that dies without a reaper leaves the others stuck', () => {
    const model = { ...mutex(2), kills: 1, check: () => null };
    const { failure } = searchDepthFirst(model, { preemptions: 0 });
    expect(failure?.message).toBe('stuck: thread 1 waits at lock');
    expect(failure?.schedule).toContain('!0');
  });

  it('a loop without end fails its schedule instead of hanging', () => {
    const spin: Model<Int32Array> = {
      name: 'spin',
      threads: [
        () => {
          while (Atomics.load(words, 0) === 0);
        },
        () => Atomics.store(words, 0, 1),
      ],
      bounds: { steps: 100 },
      reset: () => words.fill(0),
      check: () => null,
    };
    expect(searchDepthFirst(spin).failure?.message).toBe('livelock: more than 100 steps');
  });

  it('an exception fails the schedule, and is kept', () => {
    const model = { ...mutex(1), threads: [() => Atomics.load(words, 99)] };
    const { failure } = searchDepthFirst(model);
    expect(failure?.message).toMatch(/^thread 0 threw RangeError/);
    expect(failure?.cause).toBeInstanceOf(RangeError);
  });

  it('an invariant is looked at after every operation', () => {
    const model: Model<Int32Array> = {
      ...mutex(2),
      invariant: (world) => ((world[0] ?? 0) === 2 ? 'somebody waits' : null),
    };
    const { failure } = searchDepthFirst(model);
    expect(failure?.message).toBe('somebody waits');
  });
});

describe('explore', () => {
  it('reports bounds, counts and faults', () => {
    const model: Model<Int32Array> = {
      ...mutex(2),
      planted: {
        'nobody is woken': ({ name }) => (name === 'notify' ? 'drop' : undefined),
        'no fault at all': () => undefined,
      },
    };
    const report = explore(model, { seconds: 1.5 });
    expect(report).toMatchObject({
      name: 'mutex',
      bugs: 0,
      complete: true,
      bound: null,
      planted: { 'nobody is woken': true, 'no fault at all': false },
      failure: null,
    });
    expect(report.schedules).toBeGreaterThan(412);
  });

  it('reports the first failure, with a schedule that shows it', () => {
    const model = mutex(3, { forgets: true });
    const { bugs, complete, failure } = explore(model, { seconds: 2 });
    expect({ bugs, complete }).toEqual({ bugs: 1, complete: false });
    expect(replay(model, failure?.schedule ?? '').message).toBe(failure?.message);
  });
});

it('gives the real Atomics back, also after an error', () => {
  const broken = {
    ...mutex(1),
    check: () => {
      throw new Error('check');
    },
  };
  expect(() => searchDepthFirst(broken)).toThrow('check');
  expect(globalThis.Atomics).toBe(real);
  expect(Atomics.load(words, 1)).toBe(1);
});
