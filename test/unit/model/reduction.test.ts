// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import { replay, searchDepthFirst } from '../../model/engine/index.mjs';
import type { Env, Model } from '../../model/engine/types.js';
import {
  type Instruction,
  modelOf,
  type Programs,
  randomPrograms,
  waysByStates,
  waysToEnd,
  words,
} from './programs.js';

const seeds = Array.from({ length: 60 }, (_, seed) => seed);

describe('random programs without deaths', () => {
  it('end in every way that their states can be walked to, and in no other', () => {
    for (const seed of seeds) {
      const programs = randomPrograms(seed, false);
      const ways = waysToEnd(programs, { preemptions: Infinity, reduce: false });
      expect(ways, `seed ${seed}`).toEqual(waysByStates(programs));
    }
  });

  it('end in the same ways when the search is reduced, within every bound', () => {
    for (const seed of seeds) {
      const programs = randomPrograms(seed, false);
      for (const preemptions of [0, 1, 2, Infinity]) {
        const ways = waysToEnd(programs, { preemptions, reduce: true });
        const all = waysToEnd(programs, { preemptions, reduce: false });
        expect(ways, `seed ${seed}, ${preemptions} preemptions`).toEqual(all);
      }
    }
  });
});

describe('random programs with deaths, a reaper and time-outs', () => {
  const mortal = seeds.slice(0, 20);

  it('end in at least the same ways within a bound, and in no impossible way', () => {
    for (const seed of mortal) {
      const programs = randomPrograms(seed, true);
      const plain = { preemptions: Infinity, reduce: false };
      const possible = waysToEnd(programs, plain);
      expect(waysToEnd(programs, { ...plain, reduce: true }), `seed ${seed}`).toEqual(possible);
      for (const preemptions of [0, 1]) {
        const ways = waysToEnd(programs, { preemptions, reduce: true });
        const all = waysToEnd(programs, { preemptions, reduce: false });
        const where = `seed ${seed}, ${preemptions} preemptions`;
        expect(
          [...all].filter((way) => !ways.has(way)),
          where,
        ).toEqual([]);
        expect(
          [...ways].filter((way) => !possible.has(way)),
          where,
        ).toEqual([]);
      }
    }
  });

  it('end in the same way again when the schedule of a reduced search is replayed', () => {
    for (const seed of mortal) {
      const programs = randomPrograms(seed, true);
      for (const wanted of waysToEnd(programs, { preemptions: 1, reduce: true })) {
        const model = modelOf(programs, (way) => (way === wanted ? 'found' : null));
        const { failure } = searchDepthFirst(model, { preemptions: 1 });
        const again = replay(model, failure?.schedule ?? '');
        expect(again, `seed ${seed}`).toMatchObject({ message: 'found', fits: true });
      }
    }
  });
});

describe('programs that are hard to reduce', () => {
  const hard: Record<string, Programs> = {
    'a thread that ends with a load and a store of its own': {
      threads: [
        [
          ['add', 0, 1],
          ['load', 1],
          ['store', 1, 1],
        ],
        [
          ['add', 0, 1],
          ['isDead', 0],
          ['add', 0, 1],
        ],
      ],
      reaper: [['add', 0, 1]],
      kills: 1,
      timed: false,
    },
    'a thread that is preempted before its own store, seen alive, and then dies': {
      threads: [
        [
          ['add', 0, 1],
          ['store', 1, 1],
          ['add', 0, 1],
        ],
        [
          ['add', 0, 1],
          ['isDead', 0],
          ['add', 0, 1],
        ],
      ],
      reaper: [['add', 0, 4]],
      kills: 1,
      timed: false,
    },
    'a word that turns out late to be written': {
      threads: [
        [
          ['notify', 3],
          ['load', 0],
          ['load', 0],
        ],
        [
          ['load', 0],
          ['wait', 3, 0],
          ['store', 0, 2],
        ],
      ],
      reaper: [],
      kills: 0,
      timed: false,
    },
  };

  it.each(Object.entries(hard))('%s', (_name, programs) => {
    for (const preemptions of [0, 1, Infinity]) {
      const ways = waysToEnd(programs, { preemptions, reduce: true });
      expect(ways).toEqual(waysToEnd(programs, { preemptions, reduce: false }));
    }
  });
});

it('a death costs no preemption', () => {
  const programs: Programs = {
    threads: [
      [
        ['add', 0, 1],
        ['add', 0, 1],
      ],
      [
        ['load', 0],
        ['load', 0],
      ],
      [['add', 0, 2]],
    ],
    reaper: [],
    kills: 1,
    timed: false,
  };
  for (const reduce of [false, true]) {
    const ways = [...waysToEnd(programs, { preemptions: 1, reduce })];
    expect(ways.filter((way) => way.includes('"results":[null,[1,3],[1],[]]'))).not.toEqual([]);
  }
});

describe('what the reduction saves', () => {
  const counted = (programs: Programs): number[] => {
    const model = modelOf(programs, () => null);
    return [false, true].map((reduce) => searchDepthFirst(model, { reduce }).schedules);
  };

  it('operations on words that one thread uses alone', () => {
    const alone = (word: number): Instruction[] => [
      ['add', 0, 1],
      ['store', word, 1],
      ['load', word],
      ['store', word, 2],
    ];
    const programs = { threads: [alone(1), alone(2)], reaper: [], kills: 0, timed: false };
    // One of the three shows that word 0 is shared.
    expect(counted(programs)).toEqual([70, 3]);
  });

  it('words that others touch only after a death, and deaths that nobody could tell apart', () => {
    const journal = (_world: Int32Array, { id }: Env): void => {
      Atomics.store(words, 1 + id, 1);
      Atomics.add(words, 0, 1);
      Atomics.store(words, 1 + id, 0);
      Atomics.add(words, 0, 1);
    };
    const model: Model<Int32Array> = {
      ...modelOf({ threads: [], reaper: [], kills: 1, timed: false }, () => null),
      threads: [journal, journal],
      onKill: (_world, dead) => () => Atomics.load(words, 1 + Math.min(...dead)),
    };
    const counts = [0, 1, Infinity].map((preemptions) =>
      [false, true].map((reduce) => searchDepthFirst(model, { preemptions, reduce }).schedules),
    );
    expect(counts).toEqual([
      [32, 45], // what it takes to learn who shares what
      [140, 108],
      [562, 178],
    ]);
  });

  it('what threads do while they join', () => {
    const joining: Model<Int32Array> = {
      ...modelOf({ threads: [], reaper: [], kills: 0, timed: false }, () => null),
      threads: [0, 1].map((id) => (_world: Int32Array, env: Env) => {
        env.atomic(() => Atomics.load(words, 1) + Atomics.load(words, 2));
        Atomics.add(words, 0, 1);
        Atomics.store(words, 1 + id, 1);
        Atomics.store(words, 1 + id, 2);
      }),
    };
    expect(searchDepthFirst(joining).schedules).toBe(3);
  });
});
