// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import { replay, searchDepthFirst, searchRandomly } from '../../model/engine/index.mjs';
import type { Body, Model, Thread } from '../../model/engine/types.js';

const words = new Int32Array(new SharedArrayBuffer(64));
const longs = new BigInt64Array(words.buffer);
const floats = new Float64Array(words.buffer);

/** A model of these threads; `seen` collects how each schedule ended. */
function model(
  threads: readonly (Body<Int32Array> | Thread<Int32Array>)[],
  more: Partial<Model<Int32Array>> = {},
): Model<Int32Array> & { readonly seen: Set<string> } {
  const seen = new Set<string>();
  return {
    name: 'test',
    threads,
    reset: () => words.fill(0),
    check(_world, { results }) {
      seen.add(JSON.stringify(results));
      return null;
    },
    seen,
    ...more,
  };
}

const every = { reduce: false };

describe('wait and notify', () => {
  const sleeper: Body<Int32Array> = () => Atomics.wait(words, 0, 0);

  it('a wait whose word has changed does not block', () => {
    const m = model([sleeper, () => [Atomics.store(words, 0, 1), Atomics.notify(words, 0)]]);
    expect(searchDepthFirst(m, every).failure).toBeNull();
    expect([...m.seen].toSorted()).toEqual(['["not-equal",[1,0]]', '["ok",[1,1]]']);
  });

  it('a notify wakes as many as it says, first come, first served', () => {
    const late: Body<Int32Array> = () => [Atomics.load(words, 1), Atomics.wait(words, 0, 0)];
    const waker: Body<Int32Array> = () => {
      Atomics.store(words, 1, 1);
      return Atomics.notify(words, 0, 1);
    };
    const daemons = [sleeper, late].map((run, n) => ({ name: `sleeper ${n}`, run, daemon: true }));
    // Thread 0 sleeps first, thread 1 second, then thread 2 wakes one.
    const m = model([...daemons, waker]);
    expect(replay(m, '011220').message).toBeNull();
    expect([...m.seen]).toEqual(['["ok",null,1]']);
  });

  it('words are the same through different views, and different in different buffers', () => {
    const view = new Int32Array(words.buffer, 8);
    const other = new Int32Array(new SharedArrayBuffer(16));
    const waiter = { name: 'waiter', run: () => Atomics.wait(view, 0, 0), daemon: true };
    const same = model([waiter, () => Atomics.notify(words, 2)]);
    expect(replay(same, '010').message).toBeNull();
    expect([...same.seen]).toEqual(['["ok",1]']);
    const apart = model([waiter, () => Atomics.notify(other, 2)]);
    replay(apart, '01');
    expect([...apart.seen]).toEqual(['[null,0]']);
  });

  it('time stands still unless the model lets waits expire', () => {
    const timed: Body<Int32Array> = (_world, env) => [Atomics.wait(words, 0, 0, 50), env.now()];
    expect(searchDepthFirst(model([timed])).failure?.message).toBe('stuck: timed 0 waits at [0]');
    const m = model([timed], { bounds: { timeouts: 1 } });
    expect(searchDepthFirst(m).failure).toBeNull();
    expect([...m.seen]).toEqual(['[["timed-out",50]]']);
  });

  it('a wait for no time polls, and a wait on unshared memory is a mistake', () => {
    const m = model([() => Atomics.wait(words, 0, 0, 0)]);
    searchDepthFirst(m);
    expect([...m.seen]).toEqual(['["timed-out"]']);
    const unshared = model([() => Atomics.wait(new Int32Array(4), 0, 0)]);
    expect(searchDepthFirst(unshared).failure?.message).toMatch(/TypeError/);
  });

  it('a dead sleeper is not woken in place of a live one', () => {
    const m = model([sleeper, sleeper, () => Atomics.notify(words, 0, 1)], { kills: 1 });
    expect(replay(m, '01!021')).toMatchObject({ message: null, fits: true });
  });
});

describe('operations', () => {
  it('all of them are steps, on 32 and on 64 bits', () => {
    const m = model([
      () => {
        Atomics.store(words, 0, 12);
        const ints = [
          Atomics.add(words, 0, 3),
          Atomics.sub(words, 0, 1),
          Atomics.and(words, 0, 6),
          Atomics.or(words, 0, 9),
          Atomics.xor(words, 0, 1),
          Atomics.exchange(words, 0, 5),
          Atomics.compareExchange(words, 0, 5, 7),
          Atomics.load(words, 0),
        ];
        Atomics.store(longs, 1, 1n << 40n);
        return [...ints, Atomics.add(longs, 1, 2n), Atomics.load(longs, 1)].map(String);
      },
    ]);
    expect(searchDepthFirst(m)).toMatchObject({ steps: 12, schedules: 1 });
    const longResults = ['1099511627776', '1099511627778'];
    const expected = ['12', '15', '14', '6', '15', '14', '5', '7', ...longResults];
    expect([...m.seen]).toEqual([JSON.stringify([expected])]);
  });

  it('a 64-bit word conflicts with both of its halves', () => {
    const reader: Body<Int32Array> = () =>
      [Atomics.load(longs, 0), Atomics.load(longs, 0)].map(String);
    for (const half of [0, 1]) {
      const m = model([reader, () => Atomics.store(words, half, 1)]);
      searchDepthFirst(m);
      expect(m.seen.size).toBe(3);
    }
  });

  it('a mistake in using them cannot be hidden', () => {
    const hides: Body<Int32Array> = () => {
      try {
        return Atomics.load(words, 99);
      } catch {
        return 0;
      }
    };
    expect(searchDepthFirst(model([hides])).failure?.message).toMatch(/threw RangeError/);
  });

  it('waitAsync is refused', () => {
    const m = model([() => Atomics.waitAsync(words, 0, 0)]);
    expect(searchDepthFirst(m).failure?.message).toMatch(/waitAsync is not simulated/);
  });
});

describe('what a thread may know and do', () => {
  it('learns of a death, and remembers what it knew when it is run again', () => {
    const looker: Body<Int32Array> = (_world, env) => {
      const before = [Atomics.load(words, 0), env.isDead(1)];
      return [...before, Atomics.load(words, 0), env.isDead(1)];
    };
    const m = model([looker, () => Atomics.load(words, 0)], { kills: 1 });
    expect(replay(m, '0!10').message).toBeNull();
    expect([...m.seen]).toEqual(['[[0,false,0,true],null]']);
  });

  it('reads other things once', () => {
    let reads = 0;
    const reader: Body<Int32Array> = (_world, env) => {
      const first = env.once(() => ++reads + Atomics.load(words, 0));
      Atomics.load(words, 0);
      return first;
    };
    const m = model([reader, reader]);
    replay(m, '01');
    expect({ reads, seen: [...m.seen] }).toEqual({ reads: 2, seen: ['[1,2]'] });
  });

  it('an atomic block is one step; at the beginning of a thread it comes before everything', () => {
    const pair: Body<Int32Array> = (_world, env) => {
      const joined = env.atomic(() => [Atomics.add(words, 2, 1), Atomics.add(words, 2, 1)]);
      Atomics.load(words, 5);
      env.atomic(() => [Atomics.add(words, 0, 1), Atomics.add(words, 1, 1)]);
      return joined;
    };
    const m = model([pair, pair]);
    const looker: Body<Int32Array> = () => [Atomics.load(words, 0), Atomics.load(words, 1)];
    searchDepthFirst(m, every);
    expect([...m.seen]).toEqual(['[[0,1],[2,3]]']);
    const watched = model([pair, looker]);
    expect(searchDepthFirst(watched, every).schedules).toBe(6);
    expect([...watched.seen].toSorted()).toEqual([
      '[[0,1],[0,0]]',
      '[[0,1],[0,1]]',
      '[[0,1],[1,1]]',
    ]);
  });

  it('private words are no scheduling points', () => {
    const twice: Body<Int32Array> = (_world, env) => {
      Atomics.add(words, 8 + env.id, 1);
      Atomics.add(words, 8 + env.id, 1);
    };
    const options = { private: (_array: unknown, index: number) => index >= 8 };
    expect(searchDepthFirst(model([twice, twice]), every).schedules).toBe(6);
    expect(searchDepthFirst(model([twice, twice], options), every).schedules).toBeLessThan(6);
  });

  it('may catch what it likes, and use finally: the sentinel still leaves it', () => {
    const stubborn: Body<Int32Array> = () => {
      Atomics.load(words, 2);
      try {
        return Atomics.add(words, 0, 1);
      } catch {
        return 'caught';
      } finally {
        Atomics.add(words, 1, 1);
      }
    };
    const m = model([stubborn, stubborn], {
      check: (world) => (world[0] === 2 && world[1] === 2 ? null : `${world[0]} ${world[1]}`),
    });
    expect(searchDepthFirst(m, every)).toMatchObject({ failure: null, schedules: 20, steps: 120 });
  });

  it('a thread that does not repeat itself ends the search with an error', () => {
    let runs = 0;
    const fickle: Body<Int32Array> = () => {
      Atomics.load(words, runs++ % 2);
      Atomics.load(words, 3);
    };
    const m = model([fickle, () => Atomics.load(words, 0)]);
    expect(() => searchDepthFirst(m, every)).toThrow(/is not deterministic/);
    const executions = [0, 0];
    const hasty: Body<Int32Array> = (_world, { id }) => {
      executions[id] = (executions[id] ?? 0) + 1;
      if (executions[id] === 3) return;
      Atomics.load(words, 0);
      Atomics.load(words, 0);
    };
    expect(() => replay(model([hasty, hasty]), '0101')).toThrow(/ended early/);
  });

  it('an asynchronous thread ends the search with an error', () => {
    expect(() => searchDepthFirst(model([async () => undefined]))).toThrow(/must be synchronous/);
  });

  it('memory that is new in each schedule is refused by the reduction, not by the full search', () => {
    const fresh: Model<Int32Array> = {
      name: 'fresh',
      threads: [
        (w) => Atomics.add(w, 0, 1),
        (w) => Atomics.add(w, 0, 1),
        (w) => Atomics.add(w, 0, 1),
      ],
      reset: () => new Int32Array(new SharedArrayBuffer(8)),
      check: (w) => (w[0] === 3 ? null : 'lost'),
    };
    expect(() =>
      searchDepthFirst({
        ...fresh,
        threads: [...fresh.threads, ...fresh.threads],
        check: () => null,
      }),
    ).toThrow(/reset\(\) makes new/);
    expect(searchDepthFirst({ ...fresh, reduce: false }).schedules).toBe(6);
  });
});

describe('plain memory', () => {
  const at = 4;
  const view = floats.subarray(at, at + 1);

  it('is read in a re-execution as it was, and keeps what others stored since', () => {
    const writer: Body<Int32Array> = () => {
      for (const value of [1, 2]) {
        Atomics.add(words, 0, 1);
        floats[at] = value;
      }
      Atomics.add(words, 0, 1);
    };
    const reader: Body<Int32Array> = () => {
      const read: unknown[] = [];
      for (let i = 0; i < 3; i++) read.push(Atomics.load(words, 0), floats[at]);
      return read;
    };
    const m = model([writer, reader], { plain: () => [view], ...every });
    searchDepthFirst(m);
    const wrong = [...m.seen].filter((text) => {
      const read = JSON.parse(text)[1] as number[];
      return [0, 2, 4].some((i) => read[i + 1] !== Math.min(read[i] ?? 0, 2));
    });
    expect({ wrong, ways: m.seen.size > 5 }).toEqual({ wrong: [], ways: true });
  });

  it('is not touched by the finally blocks of a thread that is only left for a while', () => {
    const leaver: Body<Int32Array> = () => {
      try {
        Atomics.load(words, 0);
        Atomics.load(words, 0);
      } finally {
        floats[at] = 9;
      }
    };
    const looker: Body<Int32Array> = () => [Atomics.load(words, 0), floats[at]];
    const m = model([leaver, looker], { plain: () => [view] });
    replay(m, '010');
    expect([...m.seen]).toEqual(['[null,[0,0]]']);
  });

  it('two writers do not bring back what they stored before', () => {
    const writer =
      (value: number): Body<Int32Array> =>
      () => {
        Atomics.add(words, 0, 1);
        floats[at] = value;
        Atomics.load(words, 1);
        Atomics.load(words, 1);
      };
    const m = model([writer(1), writer(2)], { plain: () => [view], check: () => `${floats[at]}` });
    expect(replay(m, '0101010').message).toBe('2');
    expect(replay(m, '1010101').message).toBe('1');
  });
});

it('schedules are read as they are written', () => {
  const m = model([() => 0]);
  expect(() => replay(m, '00?')).toThrow('not a schedule, at character 2: 00?');
  const long: Body<Int32Array> = () => {
    for (let i = 0; i < 12; i++) Atomics.load(words, 0);
  };
  const { schedule, fits } = replay(model([long, long], { kills: 1 }), '0(9)1!1000');
  expect({ schedule, fits }).toEqual({ schedule: '0(9)1!1000', fits: true });
});

it('walks reach what needs more preemptions than the bound that was searched', () => {
  const turns =
    (mine: number): Body<Int32Array> =>
    () => {
      let taken = 0;
      for (let i = 0; i < 3; i++) {
        if (Atomics.load(words, 0) % 2 === mine) taken++;
        Atomics.add(words, 0, 1);
      }
      return taken;
    };
  const m = model([turns(0), turns(1)], {
    check: (_world, { results }) => (results[0] === 3 && results[1] === 3 ? 'in turns' : null),
  });
  expect(searchDepthFirst(m, { preemptions: 3 })).toMatchObject({ failure: null, complete: true });
  expect(searchRandomly(m, { schedules: 50_000 }).failure?.message).toBe('in turns');
});
