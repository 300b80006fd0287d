// SPDX-License-Identifier: MIT
import { describe, expect, test } from 'vitest';
import {
  Agent,
  ControlSection,
  ObjectWait,
  objectKey,
  type Processes,
  SlotSection,
  until,
  WaitRowSection,
} from '../../../src/agent/index.js';
import { SlotLayout } from '../../../src/agent/layout.js';
import { Sleepers } from '../../../src/agent/sleepers.js';
import { nodePlatform } from '../../../src/host/node-platform.js';
import { Arena } from '../../../src/mem/index.js';
import { SMALL } from '../world.js';

const KEY = objectKey('pool', 3);

/** Processes as these tests see them: what was asked of the system, and doorbells that ring when they are told to. */
class Fake implements Processes {
  readonly calls: string[] = [];
  /** Milliseconds that it wanted to sleep. */
  readonly patience: number[] = [];
  answer = (): void => {};
  closed = false;

  constructor(
    readonly station: number,
    readonly heard = () => true,
  ) {}

  kick(station: number): void {
    this.calls.push(`kick ${station}`);
  }
  listen(answer: () => void): Disposable {
    this.answer = answer;
    return { [Symbol.dispose]: () => void (this.closed = true) };
  }
  block(index: number, value: number, ms: number): void {
    this.calls.push(`block ${index} ${value} ${ms}`);
  }
  wake(index: number): void {
    this.calls.push(`wake ${index}`);
  }
}

/** An agent for each fake, all on one thread. */
function rig(...fakes: Fake[]) {
  const arena = Arena.create([ControlSection, SlotSection, WaitRowSection], SMALL, [1, 2]);
  const agents = fakes.map((processes, n) => {
    const platform = { ...nodePlatform(), isGone: () => false, processes };
    const { station } = processes;
    const who = { thread: n + 1, startTime: 0, pid: station, station, member: 0, name: '' };
    const agent = new Agent(arena, platform, { ...who, kind: 'thread' });
    const { sleepers } = agent;
    // Nobody wakes by himself: what is lost is lost.
    sleepers.listen = (index, value, ms) => {
      processes.patience.push(ms);
      return Sleepers.prototype.listen.call(sleepers, index, value, Infinity);
    };
    return agent;
  });
  return { arena, agents };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('bells across stations', () => {
  test('an agent that runs is not woken at all', () => {
    const [a, b] = [new Fake(1), new Fake(2)];
    const { agents } = rig(a, b);
    agents[0]?.bells.ring(1, KEY);
    expect(a.calls).toEqual([]);
    expect(agents[1]?.bells.rung(1)).toBe(true);
  });

  test('one that listens in another station is woken by the doorbell of that station', () => {
    const [a, b] = [new Fake(1), new Fake(2)];
    const { agents } = rig(a, b);
    agents[1]?.listen();
    agents[0]?.bells.ring(1, KEY);
    expect(a.calls).toEqual(['kick 1']);
  });

  test('one that blocks is woken on its bell, wherever it is, and no doorbell rings', () => {
    const a = new Fake(1);
    const { agents } = rig(a, new Fake(2));
    const [one, two] = agents as [Agent, Agent];
    const bell = two.slots.at(1);
    two.bells.park(1, 2);
    one.bells.ring(1, KEY);
    expect(a.calls).toHaveLength(1);
    expect(Number(a.calls[0]?.split(' ')[1])).toBeGreaterThan(bell);
    expect(a.calls[0]).toMatch(/^wake /);
  });

  test('one that listens in the same station is woken by the engine', async () => {
    const a = new Fake(1);
    const { agents } = rig(a, new Fake(1));
    const [one, two] = agents as [Agent, Agent];
    const flag = { up: false };
    const over = two.run('t', until(new ObjectWait(two, [KEY], () => flag.up), 't'));
    while (!one.rows.waits(1, KEY)) await turn();
    flag.up = true;
    one.wake(KEY);
    await over;
    expect(a.calls).toEqual([]);
  });

  test('whose doorbell rings rouses the other agents of its station that listen, and looks itself', async () => {
    const [a, b, c] = [new Fake(1), new Fake(2), new Fake(2)];
    const { agents } = rig(a, b, c);
    const [one, two, three] = agents as [Agent, Agent, Agent];
    two.listen();
    const flag = { up: false };
    const over = three.run('t', until(new ObjectWait(three, [KEY], () => flag.up), 't'));
    while (!one.rows.waits(2, KEY)) await turn();
    flag.up = true;
    one.wake(KEY);
    one.note(two.slot);
    expect(new Set(a.calls)).toEqual(new Set(['kick 1']));
    let notes = 0;
    two.onNote(() => notes++);
    b.answer();
    await over;
    expect(notes).toBe(1);
  });

  test('the others are roused first: a note that throws keeps nobody asleep', async () => {
    const [a, b, c] = [new Fake(1), new Fake(2), new Fake(2)];
    const { agents } = rig(a, b, c);
    const [one, two, three] = agents as [Agent, Agent, Agent];
    two.listen();
    const flag = { up: false };
    const over = three.run('t', until(new ObjectWait(three, [KEY], () => flag.up), 't'));
    while (!one.rows.waits(2, KEY)) await turn();
    two.onNote(() => {
      throw new RangeError('a note');
    });
    flag.up = true;
    one.wake(KEY);
    one.note(two.slot);
    expect(() => b.answer()).toThrow('a note');
    await over;
  });

  test('who cannot be rung by all sleeps for some milliseconds only, and asks again before each sleep', async () => {
    let heard = false;
    const [a, b] = [new Fake(1), new Fake(2, () => heard)];
    const { agents } = rig(a, b);
    const [one, two] = agents as [Agent, Agent];
    two.listen();
    expect(b.patience).toEqual([5]);
    heard = true;
    one.bells.ring(1, KEY);
    two.bells.sleepers.rouse(two.slots.at(1) + SlotLayout.at.bell);
    while (b.patience.length < 2) await turn();
    expect(b.patience[1]).toBeGreaterThan(1000);
  });

  test('who has left does not watch the doorbell any more', () => {
    const a = new Fake(1);
    const { agents } = rig(a);
    agents[0]?.leave('test');
    expect(a.closed).toBe(true);
    a.answer();
  });
});

describe('sleepers', () => {
  test('of a domain of processes block and are woken in the system', () => {
    const fake = new Fake(1);
    const words = new Int32Array(new SharedArrayBuffer(64));
    const sleepers = new Sleepers({ words }, fake);
    sleepers.block(3, 7, 50);
    sleepers.wake(3);
    expect(fake.calls).toEqual(['block 3 7 50', 'wake 3']);
  });

  test('of a domain of threads block in the engine, until the word has changed or time is over', async () => {
    const words = new Int32Array(new SharedArrayBuffer(64));
    const sleepers = new Sleepers({ words }, null);
    sleepers.block(3, 7, 1e6);
    sleepers.block(3, 0, 1);
    expect(sleepers.listen(3, 7, 1000)).toBeNull();
    const woken = sleepers.listen(3, 0, 1e6);
    sleepers.wake(3);
    expect(await woken).toBe('ok');
    const roused = sleepers.listen(3, 0, 1e6);
    sleepers.rouse(3);
    expect(await roused).toBe('ok');
  });
});
