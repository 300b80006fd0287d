// SPDX-License-Identifier: MIT
/**
 * Small random programs, and all the ways they can end: the subject of the tests that compare searches.
 *
 * A thread is a list of instructions; what it read is its result. A way to end is the memory, the results and the dead.
 */

import { searchDepthFirst } from '../../model/engine/index.mjs';
import type { Body, Env, Model, Outcome } from '../../model/engine/types.js';
import { Random } from '../../model/engine/walks.mjs';

const WORDS = 5;
export const words = new Int32Array(new SharedArrayBuffer(4 * WORDS));

export type Instruction =
  | readonly ['load', number]
  | readonly ['store', number, number]
  | readonly ['add', number, number]
  | readonly ['swap', number, number, number]
  | readonly ['notify', number]
  | readonly ['wait', number, number]
  | readonly ['isDead', number];

export interface Programs {
  readonly threads: readonly (readonly Instruction[])[];
  readonly reaper: readonly Instruction[];
  readonly kills: number;
  /** Waits may time out, once. */
  readonly timed: boolean;
}

function instruction(random: Random, threads: number, mortal: boolean): Instruction {
  const word = random.below(WORDS);
  const value = 1 + random.below(3);
  switch (random.below(mortal ? 10 : 8)) {
    case 0:
    case 1:
      return ['load', word];
    case 2:
    case 3:
      return ['store', word, value];
    case 4:
      return ['add', word, value];
    case 5:
      return ['swap', word, random.below(2), value];
    case 6:
      return ['notify', word];
    case 7:
      return ['wait', word, random.below(2)];
    default:
      return ['isDead', random.below(threads)];
  }
}

export function randomPrograms(seed: number, mayDie: boolean): Programs {
  const random = new Random(seed);
  const threads = 2 + random.below(2);
  const kills = mayDie ? random.below(threads === 2 ? 3 : 2) : 0;
  const longest = kills === 2 ? 2 : 4;
  const program = (length: number): Instruction[] =>
    Array.from({ length }, () => instruction(random, threads, kills > 0));
  return {
    threads: Array.from({ length: threads }, () =>
      program(threads === 2 ? longest : 2 + random.below(2)),
    ),
    reaper: program(2),
    kills,
    timed: mayDie && random.below(2) === 1,
  };
}

function carryOut(step: Instruction, env: Env, timed: boolean): unknown {
  switch (step[0]) {
    case 'load':
      return Atomics.load(words, step[1]);
    case 'store':
      return Atomics.store(words, step[1], step[2]);
    case 'add':
      return Atomics.add(words, step[1], step[2]);
    case 'swap':
      return Atomics.compareExchange(words, step[1], step[2], step[3]);
    case 'notify':
      return Atomics.notify(words, step[1], 1);
    case 'wait':
      if (!timed) return Atomics.wait(words, step[1], step[2]);
      return `${Atomics.wait(words, step[1], step[2], 5)} at ${env.now()}`;
    case 'isDead':
      return env.isDead(step[1]);
    default:
      throw new RangeError(`no such instruction: ${String(step)}`);
  }
}

/** A model of the programs; nobody is ever stuck in it. */
export function modelOf(
  programs: Programs,
  check: (way: string) => string | null,
): Model<Int32Array> {
  const body =
    (program: readonly Instruction[]): Body<Int32Array> =>
    (_world, env) =>
      program.map((step) => carryOut(step, env, programs.timed));
  const way = (world: Int32Array, { results, dead }: Outcome): string =>
    JSON.stringify({ memory: [...world], results, dead });
  return {
    name: 'programs',
    threads: programs.threads.map((program, id) => ({
      name: `thread ${id}`,
      run: body(program),
      daemon: true,
    })),
    kills: programs.kills,
    bounds: { timeouts: programs.timed ? 1 : 0 },
    reset: () => words.fill(0),
    onKill: () => ({ name: 'reaper', run: body(programs.reaper), daemon: true }),
    check: (world, outcome) => check(way(world, outcome)),
  };
}

/** All ways to end that a search sees. */
export function waysToEnd(
  programs: Programs,
  options: { readonly preemptions: number; readonly reduce: boolean },
): Set<string> {
  const ways = new Set<string>();
  const model = modelOf(programs, (way) => {
    ways.add(way);
    return null;
  });
  if (!searchDepthFirst(model, options).complete) throw new Error('the search was not complete');
  return ways;
}

interface State {
  readonly memory: readonly number[];
  readonly next: readonly number[];
  readonly results: readonly (readonly unknown[])[];
  /** Waiters in the order of their coming. */
  readonly asleep: readonly number[];
}

/** The same for programs without deaths and time-outs, by walking their states: shares no code with the engine. */
export function waysByStates({ threads }: Programs): Set<string> {
  const ways = new Set<string>();
  const seen = new Set<string>();
  const none = threads.map(() => []);
  const todo: State[] = [
    { memory: Array<number>(WORDS).fill(0), next: threads.map(() => 0), results: none, asleep: [] },
  ];
  for (let state = todo.pop(); state !== undefined; state = todo.pop()) {
    const key = JSON.stringify(state);
    if (seen.has(key)) continue;
    seen.add(key);
    const { memory, next, results, asleep } = state;
    const able = threads.map((_, id) => id).filter((id) => ready(threads, state, id));
    for (const id of able) todo.push(stepOf(threads, state, id));
    if (able.length > 0) continue;
    const ended = threads.map((program, id) => next[id] === program.length && !asleep.includes(id));
    ways.add(
      JSON.stringify({
        memory,
        results: results.map((values, id) => (ended[id] === true ? values : null)),
        dead: threads.map(() => false),
      }),
    );
  }
  return ways;
}

function ready(threads: Programs['threads'], { next, asleep }: State, id: number): boolean {
  return (next[id] ?? 0) < (threads[id]?.length ?? 0) && !asleep.includes(id);
}

function stepOf(threads: Programs['threads'], state: State, id: number): State {
  const memory = [...state.memory];
  const results = state.results.map((values) => [...values]);
  let asleep = [...state.asleep];
  const at = state.next[id] ?? 0;
  const step = threads[id]?.[at];
  if (step === undefined) throw new RangeError('no such instruction');
  const found = memory[step[1]] ?? 0;
  let result: unknown = found;
  if (step[0] === 'store') result = memory[step[1]] = step[2];
  else if (step[0] === 'add') memory[step[1]] = found + step[2];
  else if (step[0] === 'swap' && found === step[2]) memory[step[1]] = step[3];
  else if (step[0] === 'wait' && found !== step[2]) result = 'not-equal';
  else if (step[0] === 'wait') {
    result = 'ok';
    asleep.push(id);
  } else if (step[0] === 'notify') {
    const woken = asleep.find(
      (other) => threads[other]?.[(state.next[other] ?? 0) - 1]?.[1] === step[1],
    );
    asleep = asleep.filter((other) => other !== woken);
    result = woken === undefined ? 0 : 1;
  }
  results[id]?.push(result);
  return {
    memory,
    next: state.next.map((n, other) => (other === id ? n + 1 : n)),
    results,
    asleep,
  };
}
