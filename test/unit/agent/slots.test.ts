// SPDX-License-Identifier: MIT
import { describe, expect, test } from 'vitest';
import { Agent, ownerTag, SlotState } from '../../../src/agent/index.js';
import { nodePlatform } from '../../../src/host/node-platform.js';
import { world } from '../world.js';

const who = (thread: number) => ({
  thread,
  startTime: 0,
  pid: 1,
  station: 0,
  kind: 'thread' as const,
  member: thread,
  name: `agent ${thread}`,
});

describe('slots', () => {
  test('the table is full: ENFILE names it and its limit', () => {
    const { arena } = world([], 2, { agents: 2 });
    expect(() => new Agent(arena, nodePlatform(), who(9))).toThrow(/ENFILE.*agents.*limit 2/s);
  });

  test('an agent that cannot hear its doorbell leaves no slot behind', () => {
    const { arena, agents } = world([], 1);
    const processes = {
      station: 1,
      kick: () => {},
      heard: () => true,
      listen: () => {
        throw new Error('no descriptors');
      },
      block: () => {},
      wake: () => {},
    };
    const deaf = { ...nodePlatform(), processes };
    expect(() => new Agent(arena, deaf, who(9))).toThrow('no descriptors');
    expect(agents[0]?.slots.used).toBe(1);
  });

  test('a slot is used again with a new incarnation, so an old tag is nobody', () => {
    const { arena, agents } = world([], 2, { agents: 2 });
    const [a, b] = agents as [Agent, Agent];
    const old = b.tag;
    b.leave('test');
    expect(a.present(old)).toBe(false);
    const again = new Agent(arena, nodePlatform(), who(9));
    expect(again.slot).toBe(b.slot);
    expect(again.tag).not.toBe(old);
    expect(a.present(again.tag)).toBe(true);
    expect(a.slots.name(again.slot)).toBe('agent 9');
  });

  test('a dead agent is reaped once, by rank, and everybody is rung', () => {
    const { agents, kill } = world([], 3);
    const [a, b, c] = agents as [Agent, Agent, Agent];
    const order: string[] = [];
    a.reapers.register('references', () => (order.push('references'), 2));
    a.reapers.register('locks', (slot, tag) => {
      expect(tag).toBe(b.tag);
      expect(slot).toBe(b.slot);
      return order.push('locks');
    });
    expect(a.reapers.sweep()).toEqual([]);
    kill(b);
    const bell = c.bells.read(c.slot);
    expect(a.reapers.sweep()).toEqual([b.slot]);
    expect(order).toEqual(['locks', 'references']);
    expect(a.slots.state(b.slot)).toBe(SlotState.FREE);
    expect(a.slots.word(b.slot, 'lostBuffers')).toBe(2);
    expect(c.bells.read(c.slot)).not.toBe(bell);
    expect(c.bells.rung(c.slot)).toBe(true);
    expect(a.reapers.sweep()).toEqual([]);
  });

  test('a reaper that dies half-way is taken over, and its victim is reaped again', () => {
    const { agents, kill } = world([], 3);
    const [a, b, c] = agents as [Agent, Agent, Agent];
    kill(b);
    let runs = 0;
    c.reapers.register('locks', () => ++runs);
    a.reapers.register('locks', () => {
      runs++;
      kill(a); // from here on nothing of it runs: its reaper word stays, its victim is half done
      expect(c.reapers.sweep()).toEqual(expect.arrayContaining([a.slot, b.slot]));
      return 0;
    });
    a.reapers.reap(b.slot);
    expect(runs).toBe(3);
    expect(c.slots.taken(a.slot)).toBe(false);
    expect(c.slots.taken(b.slot)).toBe(false);
  });

  test('while a live agent reaps, another one does not', () => {
    const { agents, kill } = world([], 3);
    const [a, b, c] = agents as [Agent, Agent, Agent];
    kill(b);
    a.reapers.register('locks', () => {
      expect(c.reapers.reap(b.slot)).toBe(false);
      return 0;
    });
    expect(a.reapers.reap(b.slot)).toBe(true);
  });

  test('tags tell slot and incarnation', () => {
    expect(ownerTag(0, 1 << 3)).toBe(1 | (1 << 9));
  });
});
