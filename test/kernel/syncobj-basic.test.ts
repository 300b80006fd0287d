// SPDX-License-Identifier: MIT
/** What IGT's syncobj_basic says of handles of sync objects, under its names. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { PrimeDevice, type SyncobjClient } from '../../src/prime.js';
import { thrown } from '../unit/buf/rig.js';
import { Submitter } from './syncobj-scenes.js';

let gpu: Submitter;
let client: SyncobjClient;
beforeEach(async () => {
  gpu = await Submitter.open();
  ({ client } = gpu);
});
afterEach(() => gpu.close());

describe('syncobj_basic', () => {
  test('bad-destroy: EINVAL for what is no handle', () => {
    for (const handle of [0xdead, 0, -1]) {
      expect(thrown(() => client.destroy(handle)).code).toBe('EINVAL');
    }
  });

  test('bad-create-flags: EINVAL, and no handle', () => {
    for (const flags of [{ signalled: true }, { signaled: 1 }, null]) {
      expect(thrown(() => client.create(flags as never)).code).toBe('EINVAL');
    }
    expect(client.handles).toEqual([]);
  });

  test('bad-handle-to-fd: EINVAL for what is no handle', () => {
    expect(thrown(() => client.handleToFd(0xdead)).code).toBe('EINVAL');
  });

  test('bad-fd-to-handle: EINVAL for what is nothing, and no handle', () => {
    for (const fd of [-1, null, undefined]) {
      expect(thrown(() => client.fdToHandle(fd as never)).code).toBe('EINVAL');
    }
    expect(client.handles).toEqual([]);
  });

  test('illegal-fd-to-handle: EINVAL for what stands for something else', () => {
    const device = new PrimeDevice(gpu.domain, { name: 'card', free() {} });
    expect(thrown(() => client.fdToHandle(device as never)).code).toBe('EINVAL');
    expect(thrown(() => client.fdToHandle(client as never)).code).toBe('EINVAL');
  });

  test('create-signaled: a wait for it is over at once', async () => {
    const handle = client.create({ signaled: true });
    expect(await client.wait([handle], { timeout: 0 })).toBe(0);
  });

  test('test-valid-cycle: from a handle to a file and back is another handle of the same object', async () => {
    const first = client.create();
    using fd = client.handleToFd(first);
    const second = client.fdToHandle(fd);
    expect(second).not.toBe(first);
    client.destroy(first);
    client.signal([second]);
    expect(await client.wait([client.fdToHandle(fd)], { timeout: 0 })).toBe(0);
    client.destroy(second);
  });
});
