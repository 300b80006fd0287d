// SPDX-License-Identifier: MIT
import { expect, it } from 'vitest';
import { Alarm } from '../../../src/agent/alarm.js';
import { world } from '../world.js';

it('an alarm whose timer comes early waits for the rest; what is set anew takes its place', () => {
  const [agent] = world([], 1).agents;
  if (agent === undefined) throw new Error('there is an agent');
  const timers: (() => void)[] = [];
  const rung: number[] = [];
  let now = 0;
  let cancelled = 0;
  Object.assign(agent.platform, {
    now: () => now,
    timer(_ms: number, fn: () => void) {
      timers.push(fn);
      return { cancel: () => void cancelled++ };
    },
  });
  agent.ring = (_slot, key) => void rung.push(key);
  const alarm = new Alarm(agent, 7);
  alarm.set(Infinity);
  expect(timers).toEqual([]);
  alarm.set(10);
  now = 9.6;
  timers[0]?.();
  expect([timers.length, rung]).toEqual([2, []]);
  now = 10;
  timers[1]?.();
  expect(rung).toEqual([7]);
  const before = cancelled;
  alarm.set(20);
  alarm.set(30);
  expect(cancelled - before).toBeGreaterThan(0);
});
