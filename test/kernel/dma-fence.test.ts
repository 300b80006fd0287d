// SPDX-License-Identifier: MIT
/**
 * What Linux asks of dma_fence in drivers/dma-buf/st-dma-fence.c, asked here in this project's words, under the kernel's
 * names. Where the kernel returns a number, this API throws, rejects, or gives null (see D-11 in SEMANTICS.md).
 */
import { beforeEach, describe, expect, test } from 'vitest';
import { DmaBufError } from '../../src/errors.js';
import {
  Fence,
  type FenceName,
  Fences,
  fenceSections,
  type Timeline,
} from '../../src/fence/index.js';
import { domainOf, fenceRooms } from '../unit/fence/rooms.js';
import { world } from '../unit/world.js';

let room: Fences;
let timeline: Timeline;
beforeEach(() => {
  const [agent] = world(fenceSections, 1).agents;
  room = new Fences(agent as NonNullable<typeof agent>);
  timeline = room.timeline('mock');
});

const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

/** All callbacks that are going to run have run. */
async function settle(): Promise<void> {
  while (room.agent.tasks.pending > 0) await turn();
  await turn();
}

const outcome = (wait: Promise<void>): Promise<string> =>
  wait.then(
    () => 'signaled',
    (error: unknown) => (DmaBufError.is(error) ? error.code : String(error)),
  );

describe('dma_fence', () => {
  test('sanitycheck: made, waited for, signalled, dropped', async () => {
    const fence = timeline.next();
    const wait = fence.wait();
    timeline.signal(fence);
    await wait;
    timeline.close();
    expect(fence.signaled).toBe(true);
  });

  test('signaling: not signalled, then it is, and a second signal is refused', () => {
    const fence = timeline.next();
    expect(fence.signaled).toBe(false);
    timeline.signal(fence);
    expect(fence.signaled).toBe(true);
    expect(() => timeline.signal(fence)).toThrow(/^EINVAL.*has been signalled/);
    expect(room.signal(fence)).toBe(false);
  });

  test('add_callback: added before, has run after the signal', async () => {
    const fence = timeline.next();
    let seen = 0;
    fence.onSignal(() => void seen++);
    expect(seen).toBe(0);
    timeline.signal(fence);
    await settle();
    expect(seen).toBe(1);
  });

  test('late_add_callback: added after the signal, it runs by itself, and once', async () => {
    const fence = timeline.next();
    timeline.signal(fence);
    let seen = 0;
    fence.onSignal(() => void seen++);
    expect(seen).toBe(0);
    await settle();
    expect(() => timeline.signal(fence)).toThrow(/EINVAL/);
    await settle();
    expect(seen).toBe(1);
  });

  test('rm_callback: removed before the signal, it does not run', async () => {
    const fence = timeline.next();
    let seen = 0;
    fence.onSignal(() => void seen++)[Symbol.dispose]();
    timeline.signal(fence);
    await settle();
    expect(seen).toBe(0);
  });

  test('late_rm_callback: removed after it ran, nothing happens', async () => {
    const fence = timeline.next();
    let seen = 0;
    const callback = fence.onSignal(() => void seen++);
    timeline.signal(fence);
    await settle();
    callback[Symbol.dispose]();
    await settle();
    expect(seen).toBe(1);
  });

  test('status: nothing before, a time and no error after', () => {
    const fence = timeline.next();
    expect([fence.signaled, fence.error, fence.timestamp]).toEqual([false, null, null]);
    timeline.signal(fence);
    expect([fence.signaled, fence.error]).toEqual([true, null]);
    expect(fence.timestamp).toBeGreaterThan(0);
  });

  test('error: set before the signal it does not show, with the signal it does', () => {
    const [earlier, fence] = [timeline.next(), timeline.next()];
    timeline.fail(fence, 'EIO');
    expect([fence.signaled, fence.error]).toEqual([false, null]);
    timeline.signal(earlier);
    expect([fence.signaled, fence.error]).toEqual([true, 'EIO']);
  });

  test('wait: time-out 0 fails before the signal, and succeeds after it', async () => {
    const fence = timeline.next();
    expect(await outcome(fence.wait({ timeout: 0 }))).toBe('ETIMEDOUT');
    expect(() => fence.waitSync({ timeout: 0 })).toThrow(/^ETIMEDOUT/);
    timeline.signal(fence);
    expect(await outcome(fence.wait({ timeout: 0 }))).toBe('signaled');
    fence.waitSync({ timeout: 0 });
  });

  test('wait_timeout: nobody signals, it runs out; a timer signals, it does not', async () => {
    const fence = timeline.next();
    expect(await outcome(fence.wait({ timeout: 1 }))).toBe('ETIMEDOUT');
    setTimeout(() => timeline.signal(fence), 1);
    expect(await outcome(fence.wait({ timeout: 10_000 }))).toBe('signaled');
  });

  test('stub: 64 references, each of them signalled', () => {
    const stubs = Array.from({ length: 64 }, () => Fence.merge());
    for (const stub of stubs) {
      expect(stub).toBe(Fence.done);
      expect([stub.signaled, stub.error, stub.timestamp]).toEqual([true, null, 0]);
    }
  });

  // On two real threads, as often as they can: test/threads/fence-race.test.ts. Here each step of one meets each step of the other.
  for (const signalFirst of [true, false]) {
    const when = signalFirst ? 'before' : 'after';
    test(`race_signal_callback: own fence signalled ${when} a callback is added to the other's, which runs, once`, async () => {
      const { rooms } = fenceRooms(2);
      const [one, two] = rooms as [Fences, Fences];
      const published: (FenceName | null)[] = [null, null];
      let met = 0;
      const racer = async (own: Fences, seat: 0 | 1, late: number): Promise<void> => {
        const mine = own.timeline(`racer ${seat}`);
        const pause = async (step: number): Promise<void> => {
          if (late === step) await turn();
        };
        for (let round = 0; round < 20; round++) {
          const fence = mine.next();
          published[seat] = fence.toJSON();
          await pause(0);
          const name = published[1 - seat] ?? null;
          const theirs = name === null ? null : Fence.from(domainOf(own), name);
          await pause(1);
          if (signalFirst) mine.signal(fence);
          let calls = 0;
          theirs?.onSignal(() => void calls++);
          await pause(2);
          if (!signalFirst) mine.signal(fence);
          await pause(3);
          published[seat] = null;
          if (theirs === null) continue;
          met++;
          await theirs.wait();
          await turn();
          expect(calls).toBe(1);
        }
        mine.close();
      };
      for (let steps = 0; steps < 16; steps++) {
        await Promise.all([racer(one, 0, steps & 3), racer(two, 1, steps >> 2)]);
      }
      expect(met).toBeGreaterThan(100);
    });
  }
});
