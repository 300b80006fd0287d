// SPDX-License-Identifier: MIT
/** How a member is found to have ended, when its slot tells it, and when the slot has been used again before anybody asked. */
import { describe, expect, test } from 'vitest';
import { Agent, ControlSection, SlotState } from '../../../src/agent/index.js';
import { ControlLayout } from '../../../src/agent/layout.js';
import type { Loss } from '../../../src/domain/loss.js';
import { type Departure, makeMember } from '../../../src/domain/member.js';
import { world } from '../world.js';

interface End extends Departure {
  readonly loss: Loss;
}

/** A starter, and a member of it that has joined. */
function pair() {
  const { agents, arena, kill } = world([], 2);
  const [starter, agent] = agents as [Agent, Agent];
  const ends: End[] = [];
  const member = makeMember({
    agent: starter,
    name: 'worker',
    id: 2,
    host: null,
    as: 'thread',
    number: 1,
    pid: 1,
    terminate: async () => {},
    onGone: (_member, departure, loss) => ends.push({ ...departure, loss }),
  });
  const find = (): void => expect(member.find()).toBe(agent.slot);
  agent.reapers.register('locks', () => 3);
  starter.reapers.register('locks', () => 3);
  const die = (): void => {
    kill(agent);
    starter.lookForDead();
  };
  /** Takes the slot over. */
  const newcomer = (): Agent => {
    const who = {
      thread: 99,
      startTime: 0,
      pid: 1,
      station: 0,
      kind: 'thread',
      member: 7,
      name: 'new',
    } as const;
    const next = new Agent(arena, starter.platform, who);
    expect(next.slot).toBe(agent.slot);
    return next;
  };
  const end = async (reason: string, orderly: boolean): Promise<End | undefined> => {
    member.ended(reason, orderly);
    expect(await member.gone).toMatchObject({ reason });
    expect(ends).toHaveLength(1);
    return ends[0];
  };
  return { starter, agent, find, die, newcomer, end };
}

const unknown = { locks: 0, fences: 0, buffers: 0 };
const known = { locks: 3, fences: 0, buffers: 0 };

describe('the end of a member', () => {
  test('is what its slot says, whatever the exit code is', async () => {
    const killed = pair();
    killed.find();
    killed.die();
    expect(await killed.end('exit code 0', true)).toMatchObject({ clean: false, loss: known });
    const left = pair();
    left.find();
    left.agent.leave(new Error('left'));
    expect(await left.end('exit code 1', false)).toMatchObject({ clean: true });
  });

  test('is what its slot says, while somebody else lives there', async () => {
    const { find, die, newcomer, end } = pair();
    find();
    die();
    newcomer();
    expect(await end('exit code 1', false)).toMatchObject({ clean: false, loss: known });
  });

  test('is what its slot says, also when it was never seen alive', async () => {
    const { die, end } = pair();
    die();
    expect(await end('exit code 1', false)).toMatchObject({ clean: false, loss: known });
  });

  test.each([
    ['of a thread that was killed is no clean one', 'exit code 1', false],
    ['of a thread that ended in order is a clean one', 'exit code 0', true],
  ] as const)('%s, when its slot tells only of the next one', async (_what, reason, orderly) => {
    const { find, die, newcomer, end } = pair();
    find();
    die();
    newcomer().leave(new Error('left'));
    expect(await end(reason, orderly)).toEqual({ clean: orderly, reason, loss: unknown });
  });

  test('is not read from words that the end of the next one is writing', async () => {
    const { starter, find, die, newcomer, end } = pair();
    find();
    die();
    const { slot } = newcomer();
    starter.slots.setState(slot, SlotState.LEAVING);
    starter.slots.setWord(slot, 'lostClean', 1);
    starter.slots.setWord(slot, 'lostLocks', 8);
    expect(await end('exit code 1', false)).toMatchObject({ clean: false, loss: unknown });
  });
});

test('a process has gone when what its threads had has been recovered, too', async () => {
  const { arena, agents, kill } = world([], 4);
  const [starter, first, thread, other] = agents as [Agent, Agent, Agent, Agent];
  const member = makeMember({
    agent: starter,
    name: 'child',
    id: 1,
    host: null,
    as: 'process',
    number: 1,
    pid: 1,
    terminate: async () => {},
    onGone: () => {},
  });
  expect(member.find()).toBe(first.slot);
  kill(first);
  starter.lookForDead();
  // Somebody else reaps just now.
  const reaper = arena.base(ControlSection) + ControlLayout.at.reaper;
  arena.words[reaper] = other.tag;
  kill(thread);
  let gone = false;
  void member.gone.then(() => {
    gone = true;
  });
  member.ended('killed', false);
  await new Promise((resolve) => setImmediate(resolve));
  expect(gone).toBe(false);
  arena.words[reaper] = 0;
  await member.gone;
  expect(starter.slots.taken(thread.slot)).toBe(false);
});
