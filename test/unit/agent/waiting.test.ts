// SPDX-License-Identifier: MIT
import { describe, expect, test } from 'vitest';
import {
  type Agent,
  ObjectWait,
  type Operation,
  objectKey,
  until,
} from '../../../src/agent/index.js';
import { world } from '../world.js';

const KEY = objectKey('pool', 3);

/** Waits until `flag.up`, on KEY. */
function* raised(agent: Agent, flag: { up: boolean }): Operation<string> {
  yield* until(new ObjectWait(agent, [KEY], () => flag.up), 'test.raised');
  return 'raised';
}

function pair(): readonly [Agent, Agent] {
  const { agents } = world([]);
  const [a, b] = agents;
  if (a === undefined || b === undefined) throw new Error('two agents');
  return [a, b];
}

describe('the asynchronous runner', () => {
  test('an operation that needs no wait is over at once and holds nothing', async () => {
    const [a] = pair();
    const done = a.run('t', raised(a, { up: true }));
    expect(a.tasks.pending).toBe(0);
    expect(await done).toBe('raised');
  });

  test('operations that never wait let the event loop turn now and then', async () => {
    const [a] = pair();
    let turned = 0;
    const count = (): void => {
      turned++;
      setImmediate(count).unref();
    };
    setImmediate(count).unref();
    for (let n = 0; n < 3500; n++) await a.run('t', raised(a, { up: true }));
    expect(turned).toBeGreaterThanOrEqual(3);
    expect(turned).toBeLessThan(20);
  });

  test("another agent's wake ends the wait, and the row is gone afterwards", async () => {
    const [a, b] = pair();
    const flag = { up: false };
    const wait = a.run('t', raised(a, flag));
    while (!b.rows.waits(a.slot, KEY)) await new Promise((r) => setImmediate(r));
    flag.up = true;
    b.wake(KEY);
    expect(await wait).toBe('raised');
    expect(b.rows.waits(a.slot, KEY)).toBe(false);
    expect(a.tasks.pending).toBe(0);
  });

  test("the own agent's wake ends the wait", async () => {
    const [a, b] = pair();
    const flag = { up: false };
    const wait = a.run('t', raised(a, flag));
    while (!b.rows.waits(a.slot, KEY)) await new Promise((r) => setImmediate(r));
    flag.up = true;
    a.wake(KEY);
    expect(await wait).toBe('raised');
  });

  test('a time-out throws ETIMEDOUT and takes the row back', async () => {
    const [a, b] = pair();
    await expect(a.run('t', raised(a, { up: false }), { timeout: 3 })).rejects.toMatchObject({
      code: 'ETIMEDOUT',
      op: 'test.raised',
    });
    expect(b.rows.waits(a.slot, KEY)).toBe(false);
    await expect(a.run('t', raised(a, { up: false }), { timeout: 0 })).rejects.toMatchObject({
      code: 'ETIMEDOUT',
    });
    await expect(a.run('t', raised(a, { up: false }), { timeout: -1 })).rejects.toMatchObject({
      code: 'EINVAL',
    });
  });

  test("an abort rejects with the signal's own reason, before and during the wait", async () => {
    const [a, b] = pair();
    const before = AbortSignal.abort('before');
    await expect(a.run('t', raised(a, { up: false }), { signal: before })).rejects.toBe('before');
    const control = new AbortController();
    const wait = a.run('t', raised(a, { up: false }), { signal: control.signal });
    control.abort('during');
    await expect(wait).rejects.toBe('during');
    expect(b.rows.waits(a.slot, KEY)).toBe(false);
    expect(a.tasks.pending).toBe(0);
  });

  test('two waits of one agent share a row; the last one takes it away', async () => {
    const [a, b] = pair();
    const [one, two] = [{ up: false }, { up: false }];
    const first = a.run('t', raised(a, one));
    const second = a.run('t', raised(a, two), { timeout: 1000 });
    while (!b.rows.waits(a.slot, KEY)) await new Promise((r) => setImmediate(r));
    one.up = true;
    b.wake(KEY);
    await first;
    expect(b.rows.waits(a.slot, KEY)).toBe(true);
    two.up = true;
    b.wake(KEY);
    await second;
    expect(b.rows.waits(a.slot, KEY)).toBe(false);
  });

  test('waits beyond the table overflow: every waker rings, nothing is lost', async () => {
    const [a, b] = pair();
    const flag = { up: false };
    const keys = Array.from({ length: 40 }, (_, n) => objectKey('fence', n));
    const wait = a.run('t', until(new ObjectWait(a, keys, () => flag.up), 'test.many'));
    while (!b.rows.waits(a.slot, objectKey('fence', 1))) await new Promise((r) => setImmediate(r));
    expect(a.slots.word(a.slot, 'overflow')).toBeGreaterThan(0);
    flag.up = true;
    for (const key of keys) b.wake(key);
    await wait;
    expect(a.slots.word(a.slot, 'overflow')).toBe(0);
    expect(a.slots.word(a.slot, 'waiting')).toBe(0);
  });

  test('leaving ends what is pending', async () => {
    const [a] = pair();
    const wait = a.run('t', raised(a, { up: false }));
    a.leave('left');
    await expect(wait).rejects.toBe('left');
  });
});

describe('the blocking runner', () => {
  test('times out, and leaves no row and no mark behind', () => {
    const [a, b] = pair();
    expect(() => a.runSync('t', raised(a, { up: false }), 5)).toThrow(/ETIMEDOUT/);
    expect(b.rows.waits(a.slot, KEY)).toBe(false);
    expect(a.slots.word(a.slot, 'blocked')).toBe(0);
    expect(a.slots.word(a.slot, 'parked')).toBe(0);
  });

  test('refuses to block while a task of the thread holds a lock', () => {
    const [a] = pair();
    a.countHeld(1);
    expect(() => a.runSync('t', raised(a, { up: false }))).toThrow(/EDEADLK/);
    expect(() => a.runSync('t', raised(a, { up: false }), 1, 1)).toThrow(/ETIMEDOUT/);
    a.countHeld(-1);
  });

  test('refuses where the platform forbids to block', () => {
    const { agents } = world([]);
    const a = agents[0] as Agent;
    Object.assign(a.platform, { mayBlock: false });
    expect(() => a.runSync('t', raised(a, { up: false }))).toThrow(/ENOTSUP/);
  });

  test('recovers a dead agent by itself, without its event loop', () => {
    const { agents, kill } = world([]);
    const [a, b] = agents as [Agent, Agent];
    kill(b);
    function* freed(): Operation<void> {
      yield* until(new ObjectWait(a, [KEY], () => !a.slots.taken(b.slot)), 'test.freed');
    }
    a.runSync('t', freed(), 5000);
    expect(a.slots.state(b.slot)).toBe(0);
  });

  test('leaves the mark that the event loop sleeps on the bell, if it did before', () => {
    const [a] = pair();
    a.listen();
    expect(() => a.runSync('t', raised(a, { up: false }), 1)).toThrow(/ETIMEDOUT/);
    expect(a.slots.word(a.slot, 'parked')).toBe(1); // or ringers would not notify the event loop
  });

  test('what its tasks are rung for meanwhile is passed on', async () => {
    const [a, b] = pair();
    let passed = 0;
    const wait = Object.assign(new ObjectWait(a, [KEY], () => false), { pass: () => passed++ });
    const control = new AbortController();
    const task = a.run('t', until(wait, 'test.passed'), { signal: control.signal });
    while (!b.rows.waits(a.slot, KEY)) await new Promise((r) => setImmediate(r));
    b.wake(KEY);
    expect(() => a.runSync('t', raised(a, { up: false }), 1)).toThrow(/ETIMEDOUT/);
    expect(passed).toBe(2); // once for what came before it blocked, once for the ring
    control.abort('enough');
    await expect(task).rejects.toBe('enough');
  });
});

test('who waits for long looks for the dead, whoever else should have told', async () => {
  const [a, b, c] = world([], 3).agents as [Agent, Agent, Agent];
  const claim = b.slots.word(b.slot, 'claim');
  Object.assign(a.platform, { isGone: (thread: number) => thread === claim });
  const over = new ObjectWait(a, [KEY], () => !a.present(b.tag));
  const wait = a.run('test', until(over, 'test'));
  while (a.slots.word(a.slot, 'waiting') === 0) await new Promise((next) => setImmediate(next));
  const { now } = a.platform;
  Object.assign(a.platform, { now: () => now() + 10_000 });
  // Whatever wakes it.
  c.bells.ring(a.slot, KEY);
  await wait;
  expect(a.slots.taken(b.slot)).toBe(false);
});
