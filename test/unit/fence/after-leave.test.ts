// SPDX-License-Identifier: MIT
/** Handles outlive the agent that had them: then they only look. The slot may be another agent's by now. */
import { beforeEach, expect, test } from 'vitest';
import { Agent } from '../../../src/agent/index.js';
import { errorNumber } from '../../../src/errors.js';
import { Fence, type FenceSet, Fences } from '../../../src/fence/index.js';
import { codeOf, fenceRooms, seenIn } from './rooms.js';

const who = {
  thread: 9,
  startTime: 0,
  pid: 1,
  station: 0,
  kind: 'thread',
  name: 'heir',
  member: 0,
} as const;

let a: Fences;
let left: Fences;
let heir: Fences;
let points: readonly Fence[];
let set: FenceSet;
let theirs: FenceSet;
beforeEach(() => {
  [a, left] = fenceRooms(2).rooms as [Fences, Fences];
  points = [1, 2].map(() => a.create(a.contexts(), 1));
  set = Fence.all(points);
  theirs = seenIn(left, set);
  const { agent } = left;
  left.close();
  agent.leave(new Error('left'));
  heir = new Fences(new Agent(agent.arena, agent.platform, who));
  expect(heir.agent.slot).toBe(agent.slot);
});

const isHeld = ({ row }: Fence): boolean => a.records.isHeld(row, a.records.agentWords);
const fail = (): void => {
  for (const point of points) a.signal(point, errorNumber('EIO'));
};

test('a set that is over is over, and the bit of who has the slot now stays', () => {
  const name = set.toJSON();
  const record = set.recordIn(a.containers);
  const seen = seenIn(heir, set);
  expect([isHeld(record), seen.signaled, name.points]).toEqual([true, false, [expect.anything()]]);
  fail();
  expect([theirs.signaled, theirs.error]).toEqual([true, 'EIO']);
  expect(theirs.timestamp).toBe(points[0]?.timestamp);
  expect(isHeld(record)).toBe(true);
  expect(seen.error).toBe('EIO');
});

test('a deadline, a name and another look change nothing of what the heir holds', async () => {
  const seen = points.map((point) => seenIn(heir, point));
  const [first] = points as readonly [Fence];
  theirs.setDeadline(performance.timeOrigin + performance.now());
  expect(a.deadlineOf(first.row, first.generation)).toBe(null);
  expect(await codeOf(() => Fence.all([...theirs, Fence.done]).toJSON())).toBe('ESTALE');
  seenIn(left, first);
  fail();
  seenIn(left, first);
  expect(points.map(isHeld)).toEqual([true, true]);
  expect(seen.map(({ error }) => error)).toEqual(['EIO', 'EIO']);
});
