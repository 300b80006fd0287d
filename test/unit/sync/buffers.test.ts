// SPDX-License-Identifier: MIT
import { beforeEach, describe, expect, test } from 'vitest';
import type { DmaBuf } from '../../../src/buf/index.js';
import { Fence, FenceChain, type Timeline } from '../../../src/fence/index.js';
import type { Usage } from '../../../src/resv/index.js';
import { exportSyncFile, importSyncFile, SyncFile } from '../../../src/sync/index.js';
import { codeOf } from '../fence/rooms.js';
import { nth, type Rig, rig, rigs } from './rig.js';

let a: Rig;
let buf: DmaBuf;
let timelines: Record<'kernel' | 'write' | 'read' | 'bookkeep', Timeline>;
beforeEach(() => {
  a = rig();
  buf = a.alloc();
  const make = (name: string): Timeline => a.fences.timeline(name);
  timelines = {
    kernel: make('kernel'),
    write: make('write'),
    read: make('read'),
    bookkeep: make('bookkeep'),
  };
});

/** A pending fence of this class in the buffer. */
async function busy(usage: Usage): Promise<Fence> {
  using lock = await buf.resv.lock();
  lock.reserve(1);
  const fence = timelines[usage].next();
  if (usage === 'kernel') lock.addKernel(fence);
  else lock.add(fence, usage);
  return fence;
}

describe('export', () => {
  test('of an idle buffer has signalled', () => {
    for (const access of ['read', 'write', 'read-write'] as const) {
      const file = exportSyncFile(buf, access);
      expect([file.fence, file.status]).toEqual([Fence.done, 1]);
    }
  });

  test('for reading has the writers, else the readers too, and never what is only kept track of', async () => {
    const kernel = await busy('kernel');
    expect(exportSyncFile(buf, 'read').fence).toBe(kernel);
    const [write, read] = [await busy('write'), await busy('read')];
    await busy('bookkeep');
    const points = (access: 'read' | 'write' | 'read-write') =>
      exportSyncFile(buf, access).fence.leaves;
    expect(points('read')).toEqual([kernel, write]);
    expect(points('write')).toEqual([kernel, write, read]);
    expect(points('read-write')).toEqual([kernel, write, read]);
  });

  test('is a snapshot, takes no lock, and has a name', async () => {
    const write = await busy('write');
    using lock = await buf.resv.lock();
    const file = exportSyncFile(buf, 'read', 'before');
    lock.reserve(1);
    lock.add(timelines.read.next(), 'write');
    timelines.write.signal(write);
    expect([file.name, file.status, exportSyncFile(buf, 'read').status]).toEqual(['before', 1, 0]);
  });

  test('what is wrong is refused', async () => {
    expect(await codeOf(() => exportSyncFile(buf, 'both' as never))).toBe('EINVAL');
    expect(await codeOf(() => exportSyncFile(buf, 'read', 1 as never))).toBe('EINVAL');
    buf.close();
    expect(await codeOf(() => exportSyncFile(buf, 'read'))).toBe('ESTALE');
  });
});

describe('import', () => {
  const usages = () => buf.resv.list.entries().map(({ usage, signaled }) => [usage, signaled]);

  test('adds the fence as a reader’s, or as a writer’s', async () => {
    const file = SyncFile.create(a, timelines.read.next());
    await importSyncFile(buf, file, 'read');
    expect([buf.resv.test('write'), buf.resv.test('read')]).toEqual([true, false]);
    await importSyncFile(buf, SyncFile.create(a, timelines.write.next()), 'read-write');
    expect(usages()).toEqual([
      ['read', false],
      ['write', false],
    ]);
    expect(buf.resv.locked).toBe(false);
  });

  test('adds the leaves of a set one by one, signalled ones too', async () => {
    const points = [timelines.read.next(), timelines.write.next()];
    timelines.write.signal(1);
    await importSyncFile(buf, SyncFile.create(a, Fence.all(points)), 'write');
    expect(usages()).toEqual([
      ['write', false],
      ['write', true],
    ]);
  });

  test('adds what the links of a chain add, and nothing that is before them and over', async () => {
    const [over, one, two] = [
      timelines.kernel.next(),
      timelines.read.next(),
      timelines.write.next(),
    ];
    const first = FenceChain.append(a, null, over, 1);
    const newest = FenceChain.append(a, FenceChain.append(a, first, one, 2), two, 3);
    timelines.kernel.signal(over);
    await importSyncFile(buf, SyncFile.create(a, newest), 'write');
    expect(buf.resv.fences('write')).toEqual([two, one]);
  });

  test('the same fence twice is one', async () => {
    const file = SyncFile.create(a, timelines.read.next());
    await importSyncFile(buf, file, 'read');
    await importSyncFile(buf, file, 'read');
    expect(usages()).toHaveLength(1);
  });

  test('of what has signalled since ever adds nothing, and needs no lock', async () => {
    using lock = await buf.resv.lock();
    await importSyncFile(buf, SyncFile.create(a, Fence.done), 'write');
    await importSyncFile(buf, SyncFile.create(a, Fence.all([])), 'write');
    expect([usages(), lock.held]).toEqual([[], true]);
  });

  test('a writer that failed is found by who comes to read', async () => {
    const point = timelines.write.next();
    timelines.write.fail(point, 'EIO');
    await importSyncFile(buf, SyncFile.create(a, point), 'write');
    expect(await codeOf(buf.cpuAccess('read'))).toBe('EIO');
  });

  test('what was exported and imported is busy in the same way', async () => {
    await busy('write');
    const other = a.alloc();
    await importSyncFile(other, exportSyncFile(buf, 'read'), 'write');
    expect(other.resv.test('write')).toBe(false);
    timelines.write.signal(1);
    expect(other.resv.test('bookkeep')).toBe(true);
  });

  test('waits for the lock, within its limits, and leaves nothing locked or held', async () => {
    const file = SyncFile.create(a, timelines.read.next());
    const lock = await buf.resv.lock();
    expect(await codeOf(importSyncFile(buf, file, 'read', { timeout: 0 }))).toBe('ETIMEDOUT');
    const reason = new Error('enough');
    const abort = new AbortController();
    const aborted = importSyncFile(buf, file, 'read', { signal: abort.signal });
    abort.abort(reason);
    await expect(aborted).rejects.toBe(reason);
    const waiting = importSyncFile(buf, file, 'read');
    expect(usages()).toEqual([]);
    lock.unlock();
    await waiting;
    expect([usages().length, buf.resv.locked, a.buffers.holders(buf.row)]).toEqual([1, false, 1]);
  });

  test('the buffer may be closed meanwhile', async () => {
    const file = SyncFile.create(a, timelines.read.next());
    const lock = await buf.resv.lock();
    const waiting = importSyncFile(buf, file, 'read');
    buf.close();
    lock.unlock();
    await waiting;
    expect(a.buffers.holders(buf.row)).toBe(0);
  });

  test('what is wrong is refused, in the order of Linux', async () => {
    const file = SyncFile.create(a, timelines.read.next());
    const none = undefined as never;
    for (const wrong of [none, null as never, file as never]) {
      expect(await codeOf(importSyncFile(wrong, file, 'read'))).toBe('EINVAL');
      expect(await codeOf(() => exportSyncFile(wrong, 'read'))).toBe('EINVAL');
    }
    expect(await codeOf(importSyncFile(buf, none, 'all' as never))).toBe('EINVAL');
    for (const wrong of [none, null, Fence.done, buf]) {
      expect(await codeOf(importSyncFile(buf, wrong as never, 'read'))).toBe('EINVAL');
    }
    expect(await codeOf(importSyncFile(buf, file, 'read', null as never))).toBe('EINVAL');
    const all = rigs(2);
    const foreign = SyncFile.create(nth(all, 1), nth(all, 1).fences.timeline('x').next());
    expect(await codeOf(importSyncFile(nth(all, 0).alloc(), foreign, 'read'))).toBe('EXDEV');
    file.close();
    expect(await codeOf(importSyncFile(buf, file, 'read'))).toBe('ESTALE');
    buf.close();
    const fresh = SyncFile.create(a, timelines.read.next());
    expect(await codeOf(importSyncFile(buf, fresh, 'read'))).toBe('ESTALE');
  });

  test('more fences than can be added at once are ENOMEM, and nothing is added', async () => {
    const big = rig({ agents: 256 });
    const [frame, timeline] = [big.alloc(), big.fences.timeline('long')];
    const points = Array.from({ length: 65_537 }, () => timeline.next());
    const file = SyncFile.create(big, Fence.all(points));
    expect(await codeOf(importSyncFile(frame, file, 'read'))).toBe('ENOMEM');
    expect([frame.resv.test('bookkeep'), frame.resv.locked]).toEqual([true, false]);
  });
});
