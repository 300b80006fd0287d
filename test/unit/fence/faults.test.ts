// SPDX-License-Identifier: MIT
/** What went wrong in Linux's fences, or goes wrong in many that are made after them, and has no better place. */
import { expect, test } from 'vitest';
import { Fence } from '../../../src/fence/index.js';
import { domainOf, fenceRooms } from './rooms.js';

/** Runs `look` after every exchange that `work` makes in shared memory: as another thread would, in the middle. */
function lookingAfterEach(look: () => void, work: () => void): void {
  const { exchange, compareExchange } = Atomics;
  const after = <T>(value: T): T => {
    look();
    return value;
  };
  Object.assign(Atomics, {
    exchange: (words: Int32Array, at: number, value: number) => after(exchange(words, at, value)),
    compareExchange: (words: Int32Array, at: number, old: number, value: number) =>
      after(compareExchange(words, at, old, value)),
  });
  try {
    work();
  } finally {
    Object.assign(Atomics, { exchange, compareExchange });
  }
}

test.each(['signalled', 'failed'])('a fence that is seen %s has its time and its error', (how) => {
  const { rooms } = fenceRooms(2);
  const [a, b] = rooms;
  if (a === undefined || b === undefined) throw new RangeError('two rooms');
  const timeline = a.timeline('line');
  timeline.signal(timeline.next()); // the clock has been read
  const before = a.agent.time();
  const fence = timeline.next();
  const theirs = Fence.from(domainOf(b), fence.toJSON());
  const seen: unknown[] = [];
  lookingAfterEach(
    () => {
      const there = Fence.from(domainOf(b), fence.toJSON());
      if (there.signaled) seen.push([(there.timestamp ?? 0) >= before, there.error]);
    },
    () => {
      if (how === 'signalled') timeline.signal(fence);
      else timeline.fail(fence, 'EIO');
    },
  );
  expect(seen[0]).toEqual([true, how === 'signalled' ? null : 'EIO']);
  expect(theirs.signaled).toBe(true);
});
