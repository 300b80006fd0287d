// SPDX-License-Identifier: MIT
/** Time-outs, aborts and leaving, against operations of several waits, and against looks that throw. */
import { describe, expect, test } from 'vitest';
import {
  type Agent,
  ObjectWait,
  type Operation,
  objectKey,
  until,
} from '../../../src/agent/index.js';
import { world } from '../world.js';

const FIRST = objectKey('pool', 1);
const SECOND = objectKey('pool', 2);

interface Flags {
  first: boolean;
  second: boolean;
  /** What the operation held was given back. */
  ended: boolean;
}

/** Two waits, one after the other. */
function* both(agent: Agent, flags: Flags): Operation<string> {
  try {
    yield* until(new ObjectWait(agent, [FIRST], () => flags.first), 'test.first');
    yield* until(new ObjectWait(agent, [SECOND], () => flags.second), 'test.second');
    return 'both';
  } finally {
    flags.ended = true;
  }
}

function rig(): { agent: Agent; other: Agent; flags: Flags; parked: () => Promise<void> } {
  const { agents } = world([]);
  const [agent, other] = agents;
  if (agent === undefined || other === undefined) throw new Error('two agents');
  const parked = async (): Promise<void> => {
    while (!other.rows.waits(agent.slot, FIRST)) await new Promise((r) => setImmediate(r));
  };
  return { agent, other, flags: { first: false, second: false, ended: false }, parked };
}

describe('an interrupt that comes together with what was waited for is still due at the next wait', () => {
  test.each(['armed', 'polling'])('abort, %s', async (how) => {
    const { agent, flags, parked } = rig();
    const control = new AbortController();
    const wait = agent.run('t', both(agent, flags), { signal: control.signal });
    if (how === 'armed') await parked();
    flags.first = true;
    control.abort('enough');
    await expect(wait).rejects.toBe('enough');
    expect(flags.ended).toBe(true);
    expect(agent.tasks.pending).toBe(0);
  });

  test('but not if that one is over, too', async () => {
    const { agent, flags, parked } = rig();
    const control = new AbortController();
    const wait = agent.run('t', both(agent, flags), { signal: control.signal });
    await parked();
    flags.first = flags.second = true;
    control.abort('too late');
    expect(await wait).toBe('both');
  });

  test('a time-out that passed while the thread was busy', async () => {
    const { agent, other, flags, parked } = rig();
    let expire = (): void => {};
    const timer = (_ms: number, fn: () => void) => {
      expire = fn;
      return { cancel() {} };
    };
    Object.assign(agent.platform, { timer });
    const wait = agent.run('t', both(agent, flags), { timeout: 20 });
    await parked();
    flags.first = true;
    other.wake(FIRST);
    expire();
    await expect(wait).rejects.toMatchObject({ code: 'ETIMEDOUT', op: 'test.second' });
  });

  test('a time-out of 0: what is there is taken, nothing is waited for', async () => {
    const { agent, flags } = rig();
    flags.first = true;
    const wait = agent.run('t', both(agent, flags), { timeout: 0 });
    await expect(wait).rejects.toMatchObject({ code: 'ETIMEDOUT', op: 'test.second' });
  });

  test('a time-out of a blocking call is one for all that it waits for', () => {
    const { agent, flags } = rig();
    let now = 0;
    agent.platform.now = () => {
      now += 5;
      if (now >= 80) flags.first = true; // what else would happen in another thread
      return now;
    };
    expect(() => agent.runSync('t', both(agent, flags), 100)).toThrow(/^ETIMEDOUT: test.second/);
    expect(now).toBeLessThan(130);
  });

  test('a signal that the operation itself aborts before it waits', async () => {
    const { agent, flags } = rig();
    const control = new AbortController();
    const operation = (function* aborts(): Operation<string> {
      control.abort('from inside');
      return yield* both(agent, flags);
    })();
    await expect(agent.run('t', operation, { signal: control.signal })).rejects.toBe('from inside');
  });

  test('leaving', async () => {
    const { agent, flags, parked } = rig();
    const wait = agent.run('t', both(agent, flags));
    await parked();
    flags.first = true;
    agent.leave('left');
    await expect(wait).rejects.toBe('left');
    expect(flags.ended).toBe(true);
  });
});

describe('after leaving', () => {
  test('no wait begins, blocking or not; its end is the reason of leaving', async () => {
    const { agent, other, flags } = rig();
    agent.leave('left');
    await expect(agent.run('t', both(agent, flags))).rejects.toBe('left');
    expect(() => agent.runSync('t', both(agent, flags), 1000)).toThrow('left');
    expect(other.slots.word(agent.slot, 'waiting')).toBe(0);
    expect(other.slots.word(agent.slot, 'blocked')).toBe(0);
    expect(agent.tasks.pending).toBe(0);
  });

  test('what needs no wait is done all the same', async () => {
    const { agent, flags } = rig();
    agent.leave('left');
    flags.first = flags.second = true;
    expect(await agent.run('t', both(agent, flags))).toBe('both');
  });
});

describe('a look that throws ends its operation, which gives back what it has, and no other one', () => {
  const broken = (agent: Agent, flags: Flags, throwing: () => boolean): Operation<void> =>
    (function* fragile(): Operation<void> {
      try {
        const holds = (): boolean => {
          if (throwing()) throw new Error('broken look');
          return false;
        };
        yield* until(new ObjectWait(agent, [FIRST], holds), 'test.broken');
      } finally {
        flags.ended = true;
      }
    })();

  test.each([1, 70, 200])('asynchronous, at look %i or later', async (from) => {
    const { agent, other, flags, parked } = rig();
    const good = { first: false, second: true, ended: false };
    let looks = 0;
    const bad = agent.run(
      't',
      broken(agent, flags, () => ++looks >= from),
    );
    bad.catch(() => undefined);
    const fine = agent.run('t', both(agent, good));
    await parked();
    for (good.first = true; agent.tasks.pending > 0; other.wake(FIRST)) {
      await new Promise((r) => setImmediate(r));
    }
    await expect(bad).rejects.toThrow('broken look');
    expect(flags.ended).toBe(true);
    expect(await fine).toBe('both');
    expect(other.slots.word(agent.slot, 'waiting')).toBe(0);
  });

  test('blocking', () => {
    const { agent, other, flags } = rig();
    expect(() =>
      agent.runSync(
        't',
        broken(agent, flags, () => true),
      ),
    ).toThrow('broken look');
    expect(flags.ended).toBe(true);
    expect(other.slots.word(agent.slot, 'blocked')).toBe(0);
  });
});
