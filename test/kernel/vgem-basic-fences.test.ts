// SPDX-License-Identifier: MIT
/**
 * What IGT asks of vgem in tests/vgem_basic.c about fences, asked here in this project's words, under its names. The rest of it is in
 * vgem-basic.
 */
import { beforeEach, describe, expect, test } from 'vitest';
import type { DmaBuf } from '../../src/buf/index.js';
import { DmaBufFile, PAGE_SIZE, POLLIN, POLLOUT } from '../../src/file/index.js';
import { rejected, thrown } from '../unit/buf/rig.js';
import { type Rig, rigs } from '../unit/file/rig.js';
import { VgemFences, WRITE } from './vgem-fences.js';

const HANDLE = 1;
const BOTH = POLLIN | POLLOUT;
const SIZE = 4 * PAGE_SIZE;

let rig: Rig;
let object: DmaBuf;
let fences: VgemFences;
beforeEach(() => {
  [rig] = rigs() as [Rig];
  object = rig.heap.alloc(SIZE);
  fences = new VgemFences(rig.fences, new Map([[HANDLE, object]]));
});

const ready = (file: DmaBufFile): Promise<number> => file.poll(BOTH, 0);

describe('vgem_basic', () => {
  const busy = async (file: DmaBufFile): Promise<void> => {
    expect(await ready(file)).toBe(BOTH);
    const read = await fences.attach(HANDLE);
    expect(await ready(file)).toBe(POLLIN);
    fences.signal(read);
    expect(await ready(file)).toBe(BOTH);
    const write = await fences.attach(HANDLE, WRITE);
    expect(await ready(file)).toBe(0);
    fences.signal(write);
    expect(await ready(file)).toBe(BOTH);
  };

  test('dmabuf-fence: a fence that is attached after the export is seen by poll', async () => {
    using file = DmaBufFile.open(object);
    await busy(file);
  });

  test('dmabuf-fence-before: so is one that was attached before it', async () => {
    for (const [flags, expected] of [
      [0, POLLIN],
      [WRITE, 0],
    ] as const) {
      const fence = await fences.attach(HANDLE, flags);
      using file = DmaBufFile.open(object);
      expect(await ready(file)).toBe(expected);
      const waiting = file.poll(POLLOUT);
      fences.signal(fence);
      expect([await waiting, await ready(file)]).toEqual([POLLOUT, BOTH]);
    }
  });

  test('bad-flag: EINVAL, and nothing is attached', async () => {
    expect(await rejected(fences.attach(HANDLE, 0xff))).toMatchObject({ code: 'EINVAL' });
    const fence = await fences.attach(HANDLE);
    expect(thrown(() => fences.signal(fence, 0xff))).toMatchObject({ code: 'EINVAL' });
    expect(object.poll()).toEqual({ readable: true, writable: false });
  });

  test('bad-pad: EINVAL', async () => {
    expect(await rejected(fences.attach(HANDLE, 0, 1))).toMatchObject({ code: 'EINVAL' });
    expect(object.resv.test('bookkeep')).toBe(true);
  });

  test('bad-handle: ENOENT', async () => {
    expect(await rejected(fences.attach(0xdead))).toMatchObject({ code: 'ENOENT' });
  });

  test('bad-fence: ENOENT, also for one that was signalled; ETIMEDOUT for one that has ended by itself', async () => {
    expect(thrown(() => fences.signal(0xdead))).toMatchObject({ code: 'ENOENT' });
    const fence = await fences.attach(HANDLE);
    fences.signal(fence);
    expect(thrown(() => fences.signal(fence))).toMatchObject({ code: 'ENOENT' });
    const late = await fences.attach(HANDLE);
    fences.expire();
    expect(object.poll().writable).toBe(true);
    expect(thrown(() => fences.signal(late))).toMatchObject({ code: 'ETIMEDOUT' });
  });

  test('busy-fence: who writes does not come while a reader is there; nor does anybody while a writer is', async () => {
    const read = await fences.attach(HANDLE);
    expect(await rejected(fences.attach(HANDLE, WRITE))).toMatchObject({ code: 'EBUSY' });
    const second = await fences.attach(HANDLE);
    fences.signal(read);
    fences.signal(second);
    const write = await fences.attach(HANDLE, WRITE);
    expect(await rejected(fences.attach(HANDLE))).toMatchObject({ code: 'EBUSY' });
    expect(await rejected(fences.attach(HANDLE, WRITE))).toMatchObject({ code: 'EBUSY' });
    fences.signal(write);
    expect(object.resv.locked).toBe(false);
  });
});
