// SPDX-License-Identifier: MIT
import { describe, expect, test } from 'vitest';
import { Agent } from '../../../src/agent/index.js';
import { Fence, Fences } from '../../../src/fence/index.js';
import { nodePlatform } from '../../../src/host/node-platform.js';
import { codeOf, domainOf, fenceRooms, turn } from './rooms.js';

const there = (room: Fences, fence: Fence): Fence =>
  Fence.from(domainOf(room), fence.toJSON()) as Fence;

describe('the owner dies', () => {
  test('its pending fences fail with EOWNERDEAD, and waiters of others wake', async () => {
    const { rooms, kill } = fenceRooms(3);
    const [a, b, c] = rooms as [Fences, Fences, Fences];
    const timeline = a.timeline('line');
    const [over, open] = [timeline.next(), timeline.next()];
    const seen = [there(b, over), there(b, open), there(c, open)] as const;
    timeline.signal(over);
    const waits = [codeOf(seen[1].wait()), codeOf(seen[2].wait())];
    for (let turns = 0; turns < 20; turns++) await turn();
    kill(a);
    b.agent.lookForDead();
    expect(await Promise.all(waits)).toEqual(['EOWNERDEAD', 'EOWNERDEAD']);
    expect(seen[0].error).toBe(null);
    expect(b.agent.slots.word(a.agent.slot, 'lostFences')).toBe(1);
    expect(b.timelineName(timeline.id)).toBe(`#${timeline.id}`);
  });

  test('fences that it took over from another agent fail, those it gave away do not', () => {
    const { rooms, kill } = fenceRooms(3);
    const [a, b, c] = rooms as [Fences, Fences, Fences];
    const [taken, given, queued] = [1, 2, 3].map((seqno) => c.create(c.contexts(), seqno)) as [
      Fence,
      Fence,
      Fence,
    ];
    const gone = a.create(a.contexts(), 1);
    const elsewhere = there(b, gone);
    c.setOwner(taken.row, taken.generation, a.agent.tag);
    a.setOwner(gone.row, gone.generation, b.agent.tag);
    c.setOwner(queued.row, queued.generation, 0);
    kill(a);
    b.agent.lookForDead();
    expect(taken.error).toBe('EOWNERDEAD');
    expect([given.signaled, queued.signaled, elsewhere.signaled]).toEqual([false, false, false]);
    expect(b.signalPoint(gone.row, gone.generation)).toBe(true);
    expect(elsewhere.error).toBe(null);
  });

  test('a fence of an abandoned block still fails with its later owner', () => {
    const { rooms, kill } = fenceRooms(3);
    const [a, b, c] = rooms as [Fences, Fences, Fences];
    const fence = a.create(a.contexts(), 1);
    const seen = there(c, fence);
    a.setOwner(fence.row, fence.generation, b.agent.tag);
    kill(a);
    c.agent.lookForDead();
    expect(seen.signaled).toBe(false);
    kill(b);
    c.agent.lookForDead();
    expect(seen.error).toBe('EOWNERDEAD');
  });

  test('its blocks go to whoever needs them, and pending rows in them stay what they are', () => {
    const { rooms, kill } = fenceRooms(2);
    const [a, b] = rooms as [Fences, Fences];
    const fences = Array.from({ length: 3 }, (_, k) => a.create(a.contexts(), k + 1));
    const kept = fences[1] as Fence;
    a.setOwner(kept.row, kept.generation, b.agent.tag);
    const seen = there(b, kept);
    kill(a);
    b.agent.lookForDead();
    const rows = new Set(Array.from({ length: 3000 }, (_, k) => b.create(1, k + 1).row));
    expect(rows.has((fences[0] as Fence).row)).toBe(true);
    expect(rows.has(kept.row)).toBe(false);
    expect(seen.signaled).toBe(false);
  });

  test('a full table looks for the dead before it gives up', () => {
    const { rooms, kill } = fenceRooms(2);
    const [a, b] = rooms as [Fences, Fences];
    const fill = (): void => {
      for (let seqno = 1; ; seqno++) a.create(1, seqno);
    };
    expect(fill).toThrow(/ENFILE/);
    kill(a);
    expect(b.create(2, 1).signaled).toBe(false);
  });

  test('an agent that joins later in the same slot owes nothing of it', () => {
    const { rooms, kill } = fenceRooms(2, { agents: 2 });
    const [a, b] = rooms as [Fences, Fences];
    const fence = a.create(a.contexts(), 1);
    const seen = there(b, fence);
    kill(a);
    b.agent.lookForDead();
    const who = {
      thread: 9,
      startTime: 0,
      pid: 1,
      station: 0,
      kind: 'thread' as const,
      member: 9,
      name: 'new',
    };
    const next = new Fences(new Agent(b.agent.arena, nodePlatform(), who));
    expect(next.agent.slot).toBe(a.agent.slot);
    expect(seen.error).toBe('EOWNERDEAD');
    expect(next.create(next.contexts(), 1).signaled).toBe(false);
  });
});

describe('a waiter dies', () => {
  test('its holds are gone: rows can be used again', () => {
    const { rooms, kill } = fenceRooms(3);
    const [a, b, c] = rooms as [Fences, Fences, Fences];
    const fence = a.create(a.contexts(), 1);
    const [dying, staying] = [there(b, fence), there(c, fence)];
    a.signal(fence, 1);
    kill(b);
    c.agent.lookForDead();
    expect(a.records.isHeld(fence.row, 1)).toBe(true);
    expect(staying.signaled).toBe(true);
    expect(a.records.isHeld(fence.row, 1)).toBe(false);
    expect(dying).toBeDefined();
  });
});

describe('an agent leaves', () => {
  test('closed first: its timelines fail with ECANCELED', async () => {
    const [a, b] = fenceRooms(2).rooms as [Fences, Fences];
    const seen = there(b, a.timeline('line').next());
    a.close();
    a.agent.leave('over');
    expect(seen.error).toBe('ECANCELED');
  });

  test('what it still owed fails with EOWNERDEAD, and its objects know that for ever', async () => {
    const [a, b] = fenceRooms(2).rooms as [Fences, Fences];
    const timeline = a.timeline('line');
    const [first, second] = [timeline.next(), timeline.next()];
    timeline.signal(first);
    const theirs = b.timeline('theirs').next();
    const handle = there(a, theirs);
    a.agent.leave('over');
    for (let seqno = 1; seqno < 3000; seqno++) b.signal(b.create(1, seqno));
    const rest = Array.from({ length: 1024 }, (_, seqno) => b.create(1, seqno));
    timeline.close();
    expect(rest.some((fence) => fence.signaled)).toBe(false);
    expect([first.error, second.error]).toEqual([null, 'EOWNERDEAD']);
    expect(first.timestamp).toBeGreaterThan(0);
    expect(await codeOf(() => timeline.signal(second))).toBe('ESTALE');
    expect(await codeOf(() => timeline.next())).toBe('ESTALE');
    expect(await codeOf(() => a.create(1, 1))).toBe('ESTALE');
    expect(b.records.isHeld(theirs.row, 1)).toBe(false);
    expect(handle.signaled).toBe(false);
  });

  test('its handles do not touch the holds of the next agent in its slot', () => {
    const [a, b] = fenceRooms(2, { agents: 2 }).rooms as [Fences, Fences];
    const fence = b.create(b.contexts(), 1);
    const old = there(a, fence);
    a.agent.leave('over');
    const who = {
      thread: 9,
      startTime: 0,
      pid: 1,
      station: 0,
      kind: 'thread' as const,
      member: 9,
      name: 'new',
    };
    const next = new Fences(new Agent(b.agent.arena, nodePlatform(), who));
    const held = there(next, fence);
    b.signal(fence, 1);
    expect(old.signaled).toBe(true);
    expect(b.records.isHeld(fence.row, 1)).toBe(true);
    expect(held.error).toBe(fence.error);
  });
});
