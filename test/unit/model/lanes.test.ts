// SPDX-License-Identifier: MIT
import { expect, it } from 'vitest';
import { type Answer, exploreAll } from '../../model/engine/lanes.mjs';

const record = { file: 'engine-record.mjs', name: 'engine-record' };
const broken = new URL('fixtures/broken-models.mjs', import.meta.url).href;

/** Explores on workers of its own, as the command does. */
async function ask(file: string, name: string): Promise<Answer> {
  const shown: Answer[] = [];
  const options = { seconds: 1, seed: 1, lanes: 1, patience: 0.5 };
  const [answer] = await exploreAll([{ file, name }], options, (each) => shown.push(each));
  expect(shown).toEqual([answer]);
  return answer as Answer;
}

it('a model is explored with its planted faults', async () => {
  const { bugs, planted, kills } = await ask(record.file, record.name);
  expect(bugs).toBe(0);
  expect(kills).toBeGreaterThan(0);
  expect(Object.values(planted)).toEqual([true, true, true, true, true]);
});

it('a failure comes with its trace', async () => {
  const { bugs, failure, trace } = await ask(broken, 'fails');
  expect({ bugs, message: failure?.message }).toEqual({ bugs: 1, message: 'always wrong' });
  expect(trace).toEqual(['    1 thread 0     store [0] 1']);
});

it('a thread that never comes back is a bug, not a hanging run', async () => {
  const { bugs, failure } = await ask(broken, 'loops without shared operations');
  expect({ bugs, message: failure?.message }).toEqual({
    bugs: 1,
    message: 'no answer: a thread loops without shared operations',
  });
});

it('what comes after a broken model is explored all the same', async () => {
  const names = ['loops without shared operations', 'is no model', 'fails'];
  const entries = [...names.map((name) => ({ file: broken, name })), record];
  const options = { seconds: 1.5, seed: 1, lanes: 1, patience: 0.5 };
  const answers = await exploreAll(entries, options, () => undefined);
  expect(answers.map(({ name, bugs }) => [name, bugs])).toEqual([
    ...names.map((name) => [name, 1]),
    ['engine-record', 0],
  ]);
});

it('a model that is wrong in itself is a bug', async () => {
  const { bugs, failure } = await ask(broken, 'is no model');
  expect(bugs).toBe(1);
  expect(failure?.message).toMatch(/must be synchronous/);
});
