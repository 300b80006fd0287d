// SPDX-License-Identifier: MIT
/** What IGT's syncobj_eventfd says of being told, under its names: where it has an eventfd, there is a callback here. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { SyncobjClient } from '../../src/prime.js';
import { thrown } from '../unit/buf/rig.js';
import { turn } from '../unit/fence/rooms.js';
import { Submitter } from './syncobj-scenes.js';

let gpu: Submitter;
let client: SyncobjClient;
let handle: number;
beforeEach(async () => {
  gpu = await Submitter.open();
  ({ client } = gpu);
  handle = client.create();
});
afterEach(() => gpu.close());

/** @returns how often it was told by now; others had their turns */
function notified(
  point: number,
  options?: { readonly available?: boolean },
): () => Promise<number> {
  let times = 0;
  client.notify(handle, point, () => void times++, options);
  return async () => {
    for (let turns = 0; turns < 3; turns++) await turn();
    return times;
  };
}

/** Nothing is told until `then`; after it once, and whatever happens to the object later. */
async function once(times: () => Promise<number>, then: () => void): Promise<void> {
  expect(await times()).toBe(0);
  then();
  expect(await times()).toBe(1);
  client.signal([handle]);
  client.reset([handle]);
  client.timelineSignal([handle], [100]);
  expect(await times()).toBe(1);
}

const never = (): undefined => expect.fail('nobody is to be told');

describe('syncobj_eventfd', () => {
  test('invalid-bad-flags: EINVAL', () => {
    for (const flags of [{ forSubmit: true }, { available: 1 }, null]) {
      expect(thrown(() => client.notify(handle, 0, never, flags as never)).code).toBe('EINVAL');
    }
  });

  test('invalid-illegal-handle: ENOENT', () => {
    for (const illegal of [0, 0xdead]) {
      expect(thrown(() => client.notify(illegal, 0, never)).code).toBe('ENOENT');
    }
  });

  test('invalid-bad-fd: EINVAL for what cannot be told', () => {
    for (const wrong of [-1, {}, undefined]) {
      expect(thrown(() => client.notify(handle, 0, wrong as never)).code).toBe('EINVAL');
    }
  });

  test('binary-wait: told when the fence signals, or at once when it has', async () => {
    const end = gpu.submit(handle);
    await once(notified(0), end);
    client.signal([handle]);
    expect(await notified(0)()).toBe(1);
  });

  test('binary-wait-before-signal: told when a fence was put in, and has signalled', async () => {
    const times = notified(0);
    expect(await times()).toBe(0);
    await once(times, gpu.submit(handle));
  });

  test('binary-wait-for-available: told when a fence is put in, or at once when there is one', async () => {
    const times = notified(0, { available: true });
    expect(await times()).toBe(0);
    const end = gpu.submit(handle);
    expect([await times(), await notified(0, { available: true })()]).toEqual([1, 1]);
    end();
    expect(await times()).toBe(1);
  });

  test('timeline-wait: told when the point is reached, or at once when it was', async () => {
    const end = gpu.submitPoint(handle, 3);
    expect(await notified(3, { available: true })()).toBe(1);
    await once(notified(2), end);
    client.timelineSignal([handle], [200]);
    expect(await notified(150)()).toBe(1);
  });

  test('timeline-wait-before-signal: told when the point was put in, and is reached', async () => {
    const times = notified(3);
    gpu.submitPoint(handle, 2)();
    expect(await times()).toBe(0);
    await once(times, gpu.submitPoint(handle, 3));
  });

  test('timeline-wait-for-available: told when the point is put in', async () => {
    const times = notified(3, { available: true });
    const before = gpu.submitPoint(handle, 2);
    expect(await times()).toBe(0);
    const end = gpu.submitPoint(handle, 4);
    expect(await times()).toBe(1);
    before();
    end();
    expect(await times()).toBe(1);
  });
});
