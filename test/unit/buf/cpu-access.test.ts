// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import { accessOperation, openShare } from '../../../src/buf/index.js';
import { fail } from '../../../src/errors.js';
import type { Usage } from '../../../src/resv/index.js';
import { dynamicExport, importer, staticExport } from './exporters.js';
import { nth, type Rig, rejected, rigs, thrown } from './rig.js';

/** A buffer with one pending fence of this usage. */
async function pending(rig: Rig, usage: Exclude<Usage, 'kernel'>) {
  const buf = rig.heap.alloc(8);
  const timeline = rig.fences.timeline('work');
  const fence = timeline.next();
  using lock = await buf.resv.lock();
  lock.reserve(1);
  lock.add(fence, usage);
  return { buf, timeline, fence };
}

describe('CPU access', () => {
  it('begins at once on a quiet buffer, and ends with it', () => {
    const buf = nth(rigs(1), 0).heap.alloc(8);
    const access = buf.tryCpuAccess('write');
    expect(access?.intent).toBe('write');
    access?.bytes.fill(3);
    expect(buf.cpuAccessSync('read').bytes).toEqual(new Uint8Array(8).fill(3));
    access?.end();
    access?.end();
    for (const use of [() => access?.bytes, () => access?.segments, () => access?.copyOut()]) {
      expect(thrown(use)).toMatchObject({ code: 'ESTALE' });
    }
  });

  it('reading waits for writers, writing also for readers, nobody for bookkeeping', async () => {
    const a = nth(rigs(1), 0);
    const table: readonly [Exclude<Usage, 'kernel'>, boolean, boolean][] = [
      ['write', false, false],
      ['read', true, false],
      ['bookkeep', true, true],
    ];
    for (const [usage, mayRead, mayWrite] of table) {
      const { buf, timeline } = await pending(a, usage);
      expect(buf.tryCpuAccess('read') !== null).toBe(mayRead);
      expect(buf.tryCpuAccess('write') !== null).toBe(mayWrite);
      expect(buf.tryCpuAccess('read-write') !== null).toBe(mayWrite);
      timeline.close();
    }
  });

  it('waits until the fence has signalled, or the time-out or the signal ends it', async () => {
    const a = nth(rigs(1), 0);
    const { buf, timeline, fence } = await pending(a, 'write');
    expect(await rejected(buf.cpuAccess('read', { timeout: 0 }))).toMatchObject({
      code: 'ETIMEDOUT',
    });
    const reason = new Error('no more');
    expect(await rejected(buf.cpuAccess('read', { signal: AbortSignal.abort(reason) }))).toBe(
      reason,
    );
    const reading = buf.cpuAccess('read');
    const ready = [buf.readable(), buf.writable()];
    timeline.signal(fence);
    expect((await reading).intent).toBe('read');
    await Promise.all(ready);
  });

  it('takes no lock: who holds it gets at the bytes, and to block for a fence then is EDEADLK', async () => {
    const all = rigs(2);
    const [a, b] = [nth(all, 0), nth(all, 1)];
    const quiet = a.heap.alloc(8);
    using lock = await quiet.resv.lock();
    expect((await quiet.cpuAccess('write')).intent).toBe('write');
    expect(quiet.cpuAccessSync('write').intent).toBe('write');
    const { buf } = await pending(b, 'write');
    const theirs = openShare(a.buffers, 'open', buf.share());
    expect(thrown(() => theirs.cpuAccessSync('read'))).toMatchObject({ code: 'EDEADLK' });
    expect(lock.held).toBe(true);
  });

  it('a reader learns that the last write failed; a writer, and who looks after a repair, does not', async () => {
    const a = nth(rigs(1), 0);
    const { buf, timeline, fence } = await pending(a, 'write');
    timeline.fail(fence, 'ECANCELED');
    for (const intent of ['read', 'read-write'] as const) {
      expect(thrown(() => buf.tryCpuAccess(intent))).toMatchObject({ code: 'ECANCELED' });
      expect(thrown(() => buf.cpuAccessSync(intent))).toMatchObject({ code: 'ECANCELED' });
      expect(await rejected(buf.cpuAccess(intent))).toMatchObject({ code: 'ECANCELED' });
    }
    expect(buf.tryCpuAccess('write')?.intent).toBe('write');
    using lock = await buf.resv.lock();
    lock.markConsistent();
    expect(buf.tryCpuAccess('read')?.intent).toBe('read');
  });

  it('a wait that ends in a failed write is told as well', async () => {
    const all = rigs(2);
    const [a, b] = [nth(all, 0), nth(all, 1)];
    const { buf } = await pending(a, 'write');
    const theirs = openShare(b.buffers, 'open', buf.share());
    const reading = theirs.cpuAccess('read');
    all.bury(a);
    expect(await rejected(reading)).toMatchObject({ code: 'EOWNERDEAD' });
  });

  it('blocking on a fence that this very thread has to signal is refused', async () => {
    const { buf } = await pending(nth(rigs(1), 0), 'write');
    expect(thrown(() => buf.cpuAccessSync('read', { timeout: 5 }))).toMatchObject({
      code: 'EDEADLK',
    });
  });

  it('holds the buffer: its pages are not given away while bytes are open', () => {
    const a = nth(rigs(1), 0);
    const buf = a.heap.alloc(8);
    const access = buf.cpuAccessSync('read');
    buf.close();
    expect(a.heap.used).toBe(4096);
    access.end();
    expect(a.heap.used).toBe(0);
  });

  it('gives back its hold once, however often it is ended', () => {
    const a = nth(rigs(1), 0);
    const buf = a.heap.alloc(8);
    const access = buf.cpuAccessSync('read');
    for (let i = 0; i < 3; i++) access.end();
    expect([a.heap.used, buf.tryCpuAccess('read')?.bytes.length]).toEqual([4096, 8]);
  });

  it('who has waited for something else says what', async () => {
    const a = nth(rigs(1), 0);
    const { buf } = await pending(a, 'write');
    const nothing = (function* () {})();
    const access = await a.agent.run('x', accessOperation('x', buf, 'read', nothing));
    expect(access.bytes.length).toBe(8);
  });

  it('refuses an intent that is none', async () => {
    const buf = nth(rigs(1), 0).heap.alloc(8);
    const wrong = 'r' as 'read';
    expect(thrown(() => buf.tryCpuAccess(wrong))).toMatchObject({ code: 'EINVAL' });
    expect(await rejected(buf.cpuAccess(wrong))).toMatchObject({ code: 'EINVAL' });
  });
});

describe('CPU access to an exporter of one’s own', () => {
  it('asks the exporter first, waits then, and ends with it', async () => {
    const a = nth(rigs(1), 0);
    const { buf, calls } = staticExport(a);
    using timeline = a.fences.timeline('work');
    const fence = timeline.next();
    {
      using lock = await buf.resv.lock();
      lock.reserve(1);
      lock.add(fence, 'write');
    }
    expect(buf.tryCpuAccess('read')).toBeNull();
    const reading = buf.cpuAccess('read');
    expect(calls).toEqual(['begin read -']);
    timeline.signal(fence);
    const access = await reading;
    expect(access.bytes.length).toBe(100);
    access.end();
    await a.buffers.idle();
    expect(calls.slice(1)).toEqual([
      'attach cpu -',
      'map cpu bidirectional -',
      'end read -',
      'unmap cpu bidirectional -',
      'detach cpu -',
    ]);
  });

  it('what was begun is ended when the wait fails', async () => {
    const a = nth(rigs(1), 0);
    const { buf, calls } = staticExport(a);
    using timeline = a.fences.timeline('work');
    {
      using lock = await buf.resv.lock();
      lock.reserve(1);
      lock.add(timeline.next(), 'write');
    }
    expect(await rejected(buf.cpuAccess('read', { timeout: 1 }))).toMatchObject({
      code: 'ETIMEDOUT',
    });
    expect(calls).toEqual(['begin read -', 'end read -']);
  });

  it('what fails to begin is not ended', async () => {
    const a = nth(rigs(1), 0);
    const { buf, calls, failing } = staticExport(a);
    failing.set('begin', fail('EIO', 'camera', {}));
    expect(await rejected(buf.cpuAccess('read'))).toMatchObject({ code: 'EIO' });
    expect(calls).toEqual(['begin read -']);
  });

  it('keeps memory that may move where it is, for as long as it lasts', async () => {
    const a = nth(rigs(1), 0);
    const { buf } = dynamicExport(a);
    await buf.dynamicAttach('gpu', importer());
    const access = buf.cpuAccessSync('write');
    access.bytes.fill(9);
    {
      using lock = await buf.resv.lock();
      expect(await rejected(buf.moveNotify(lock))).toMatchObject({ code: 'EBUSY' });
    }
    access.end();
    await a.buffers.idle();
    using lock = await buf.resv.lock();
    await buf.moveNotify(lock);
  });
});
