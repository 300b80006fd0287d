// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import { replay, searchDepthFirst } from '../../model/engine/index.mjs';
import type { Fault, Model, Rewrite } from '../../model/engine/types.js';
import { models } from '../../model/models/engine-mutex.mjs';
import { models as records } from '../../model/models/engine-record.mjs';

const words = new Int32Array(new SharedArrayBuffer(64));
const LABELS = ['data', 'flag', 'count'];

/** Publishes data under a flag, counts, and ends with what the other thread saw. */
function publish(fault: Rewrite | Fault): Model<Int32Array> {
  return {
    name: 'publish',
    threads: [
      function writer() {
        Atomics.store(words, 0, 7);
        Atomics.store(words, 1, 1);
        Atomics.notify(words, 1);
        return Atomics.add(words, 2, 1);
      },
      function reader() {
        Atomics.wait(words, 1, 0);
        const seen = Atomics.load(words, 0);
        Atomics.add(words, 2, 1);
        return seen;
      },
    ],
    reset: () => words.fill(0),
    word: (_array, index) => LABELS[index] ?? '?',
    check: (world, { results }) =>
      results[1] === 7 && world[2] === 2 ? null : `saw ${String(results[1])}, counted ${world[2]}`,
    planted: { fault },
  };
}

function verdict(fault: Rewrite | Fault): string | undefined {
  const plain = searchDepthFirst(publish(fault), { planted: 'fault', reduce: false });
  const reduced = searchDepthFirst(publish(fault), { planted: 'fault' });
  expect(reduced.failure?.message).toBe(plain.failure?.message);
  if (reduced.failure !== null) {
    const again = replay(publish(fault), reduced.failure.schedule, { planted: 'fault' });
    expect(again).toMatchObject({ message: reduced.failure.message, fits: true });
  }
  return plain.failure?.message;
}

describe('a planted fault', () => {
  it('control: without one there is no failure', () => {
    expect(searchDepthFirst(publish(() => undefined)).failure).toBeNull();
    expect(verdict(() => undefined)).toBeUndefined();
  });

  it('drops a store', () => {
    const fault: Rewrite = ({ name, word }) =>
      name === 'store' && word === 'data' ? 'drop' : undefined;
    expect(verdict(fault)).toBe('saw 0, counted 2');
  });

  it('drops a notify', () => {
    expect(verdict(({ name }) => (name === 'notify' ? 'drop' : undefined))).toBe(
      'stuck: reader 1 waits at flag',
    );
  });

  it('lets a store overtake the one before it', () => {
    const fault: Rewrite = ({ name, word }) =>
      name === 'store' && word === 'data' ? 'delay-one' : undefined;
    expect(verdict(fault)).toBe('saw 0, counted 2');
  });

  it('carries the store out as a step of its own, after the next operation', () => {
    const fault: Rewrite = ({ word }) => (word === 'data' ? 'delay-one' : undefined);
    const model = { ...publish(fault), threads: publish(fault).threads.slice(0, 1) };
    const { trace } = replay({ ...model, check: () => null }, '0(5)', { planted: 'fault' });
    expect(trace).toEqual([
      '    1 writer 0     store data 7   (delay-one)',
      '    2 writer 0     store flag 1',
      '    3 writer 0     store data 7   (late)',
      '    4 writer 0     notify flag = 0',
      '    5 writer 0     add count 1 = 0',
    ]);
  });

  it('holds the last operation of a thread back until it has ended', () => {
    const fault: Rewrite = ({ name }, { id }) =>
      name === 'add' && id === 0 ? 'delay-one' : undefined;
    expect(verdict(fault)).toBeUndefined();
  });

  it('takes an addition apart', () => {
    expect(verdict(({ name }) => (name === 'add' ? 'split' : undefined))).toBe('saw 7, counted 1');
  });

  it('takes only an exchange apart that succeeds', () => {
    const model = publish(({ name }) => (name === 'compareExchange' ? 'split' : undefined));
    const run = (): number[] => [5, 0].map((old) => Atomics.compareExchange(words, 3, old, 1));
    const options = { planted: 'fault' };
    const { trace } = replay({ ...model, threads: [run], check: () => null }, '000', options);
    expect(trace).toEqual([
      '    1 run 0        compareExchange ? 5 → 1 = 0   (split)',
      '    2 run 0        compareExchange ? 0 → 1   (split)',
      '    3 run 0        compareExchange ? 0 → 1 = 0   (split, second half)',
    ]);
  });

  it('holds one store back at a time', () => {
    const model = publish(({ name }) => (name === 'store' ? 'delay-one' : undefined));
    const { trace } = replay(model, '000', { planted: 'fault' });
    expect(trace.slice(0, 3)).toEqual([
      '    1 writer 0     store data 7   (delay-one)',
      '    2 writer 0     store flag 1',
      '    3 writer 0     store data 7   (late)',
    ]);
  });

  it('changes arguments', () => {
    expect(verdict(({ name, args }) => (name === 'add' ? [Number(args[0]) + 1] : undefined))).toBe(
      'saw 7, counted 4',
    );
  });

  it('counts in a state that is fresh in each schedule', () => {
    const second: Rewrite = ({ name }, _thread, state) => {
      if (name !== 'add') return undefined;
      state['adds'] = (state['adds'] ?? 0) + 1;
      return state['adds'] === 2 ? 'drop' : undefined;
    };
    const counted = new Set<number | undefined>();
    const model = publish(second);
    const check = (world: Int32Array): null => {
      counted.add(world[2]);
      return null;
    };
    expect(searchDepthFirst({ ...model, check }, { planted: 'fault' }).schedules).toBeGreaterThan(
      5,
    );
    expect([...counted]).toEqual([1]);
  });

  it('may aim at a function, by the stack', () => {
    const inWriter: Rewrite = ({ name, site }) =>
      name === 'add' && site().includes('writer') ? [5] : undefined;
    expect(verdict(inWriter)).toBe('saw 7, counted 6');
  });

  it('may patch JavaScript, which is mended afterwards', () => {
    const states: string[] = [];
    const patch = () => {
      states.push('broken');
      return () => states.push('mended');
    };
    verdict({ patch });
    expect(states).toEqual(['broken', 'mended', 'broken', 'mended']);
  });

  it.each<[string, Rewrite]>([
    ['a load cannot be dropped', ({ name }) => (name === 'load' ? 'drop' : undefined)],
    ['a store cannot be split', ({ name }) => (name === 'store' ? 'split' : undefined)],
    ['a wait cannot be delayed', ({ name }) => (name === 'wait' ? 'delay-one' : undefined)],
    [
      'the planted fault threw Error: oops',
      () => {
        throw new Error('oops');
      },
    ],
  ])('is refused when it makes no sense: %s', (message, fault) => {
    const search = (): unknown => searchDepthFirst(publish(fault), { planted: 'fault' });
    expect(search).toThrow(message);
  });

  it('must exist', () => {
    expect(() => searchDepthFirst(publish({}), { planted: 'other' })).toThrow(
      /no fault named other/,
    );
  });
});

describe('the demonstrations', () => {
  const [living, mortal] = models;
  const [record] = records;

  it.each(Object.keys(living?.planted ?? {}))('mutex: finds that %s', (planted) => {
    const { failure } = searchDepthFirst(living as Model, { planted, preemptions: 2 });
    expect(failure).not.toBeNull();
  });

  it.each(Object.keys(mortal?.planted ?? {}))('mutex with deaths: finds %s', (planted) => {
    const { failure } = searchDepthFirst(mortal as Model, { planted, preemptions: 1 });
    expect(failure).not.toBeNull();
    const again = replay(mortal as Model, failure?.schedule ?? '', { planted });
    expect(again).toMatchObject({ message: failure?.message, fits: true });
  });

  it('mutex with deaths: no bug with one death and one preemption', () => {
    const result = searchDepthFirst(mortal as Model, { preemptions: 1 });
    expect(result).toMatchObject({ failure: null, complete: true });
  });

  it('record: no bug with two deaths and one preemption', () => {
    const result = searchDepthFirst(record as Model, { preemptions: 1 });
    expect(result).toMatchObject({ failure: null, complete: true });
  });
});
