// SPDX-License-Identifier: MIT
/** The mapping that all CPU accesses to a buffer share, where its exporter offers one. */
import { describe, expect, it } from 'vitest';
import { type DmaBuf, openShare, type StaticExporterOps } from '../../../src/buf/index.js';
import { fail } from '../../../src/errors.js';
import type { HeldLock } from '../../../src/resv/index.js';
import { type Home, staticExport } from './exporters.js';
import { gate } from './gate.js';
import { nth, type Rig, rejected, rigs } from './rig.js';

const whole = (home: DmaBuf) => [{ of: home, offset: 0, length: home.size }];

/** An exporter that writes down vmap and vunmap, and whether the lock it was shown was held. */
function viewed(rig: Rig, more: Partial<StaticExporterOps<Home>> = {}) {
  const seen: string[] = [];
  const { buf, calls } = staticExport(rig, 100, {
    vmap(exported, lock) {
      seen.push(`vmap ${lock.held}`);
      return whole(exported.priv.home);
    },
    vunmap(_exported, segments, lock) {
      seen.push(`vunmap ${segments.length} ${lock.held}`);
    },
    ...more,
  });
  return { buf, calls, seen };
}

describe('vmap', () => {
  it('runs for the first access and vunmap after the last, with the lock held', async () => {
    const { buf, calls, seen } = viewed(nth(rigs(1), 0));
    const one = await buf.cpuAccess('write');
    one.bytes[3] = 9;
    const two = await buf.cpuAccess('read');
    expect(two.bytes[3]).toBe(9);
    expect(two.bytes.byteOffset).toBe(one.bytes.byteOffset);
    one.end();
    expect(seen).toEqual(['vmap true']);
    two.end();
    expect(seen).toEqual(['vmap true', 'vunmap 1 true']);
    expect(calls).toEqual(['begin write -', 'begin read -', 'end write -', 'end read -']);
    (await buf.cpuAccess('read')).end();
    expect(seen).toHaveLength(4);
    expect(buf.resv.locked).toBe(false);
  });

  it('and vunmap are shown the lock for as long as they run, and cannot unlock it', async () => {
    const shown: HeldLock[] = [];
    const { buf } = viewed(nth(rigs(1), 0), {
      vmap(exported, lock) {
        shown.push(lock);
        return whole(exported.priv.home);
      },
      vunmap: (_exported, _segments, lock) => void shown.push(lock),
    });
    using before = await buf.cpuAccess('read');
    before.end();
    expect(shown.map((lock) => ['unlock' in lock, lock.held])).toEqual([
      [false, false],
      [false, false],
    ]);
  });

  it('that fails leaves the count as it was, and the access is ended', async () => {
    const rig = nth(rigs(1), 0);
    let refuse = true;
    const { buf, calls, seen } = viewed(rig, {
      vmap(exported) {
        if (refuse) throw fail('ENOMEM', 'camera', {});
        return whole(exported.priv.home);
      },
    });
    expect(await rejected(buf.cpuAccess('read'))).toMatchObject({ code: 'ENOMEM', op: 'camera' });
    refuse = false;
    (await buf.cpuAccess('read')).end();
    expect(calls).toEqual(['begin read -', 'end read -', 'begin read -', 'end read -']);
    expect(seen).toEqual(['vunmap 1 true']);
  });

  it('that is asynchronous is waited for by whoever comes second', async () => {
    const go = gate();
    const { buf, seen } = viewed(nth(rigs(1), 0), {
      async vmap(exported) {
        seen.push('vmap');
        await go.passed;
        return whole(exported.priv.home);
      },
    });
    const both = [buf.cpuAccess('read'), buf.cpuAccess('read')];
    void go.open();
    for (const access of await Promise.all(both)) access.end();
    expect(seen).toEqual(['vmap', 'vunmap 1 true']);
  });

  it('whose caller gave up is undone when it comes, under the lock', async () => {
    const go = gate();
    const ended = gate();
    const { buf, seen } = viewed(nth(rigs(1), 0), {
      async vmap(exported) {
        await go.passed;
        return whole(exported.priv.home);
      },
      vunmap(_exported, _segments, lock) {
        seen.push(`vunmap ${lock.held}`);
        void ended.open();
      },
    });
    expect(await rejected(buf.cpuAccess('read', { timeout: 1 }))).toMatchObject({
      code: 'ETIMEDOUT',
    });
    expect(buf.resv.locked).toBe(true);
    void go.open();
    await ended.passed;
    expect(seen).toEqual(['vunmap true']);
    (await buf.resv.lock()).unlock();
  });

  it('without vunmap is fine, and what is no function is refused', async () => {
    const rig = nth(rigs(1), 0);
    const { buf } = staticExport(rig, 100, { vmap: (exported) => whole(exported.priv.home) });
    (await buf.cpuAccess('read')).end();
    expect(buf.resv.locked).toBe(false);
    expect(() => viewed(rig, { vmap: 7 as never })).toThrow(/EINVAL: Domain\.export: ops\.vmap/);
  });

  it('is shared with accesses of other agents', async () => {
    const all = rigs(2);
    const [a, b] = [nth(all, 0), nth(all, 1)];
    a.agent.listen();
    const { buf, seen } = viewed(a);
    const theirs = openShare(b.buffers, 'open', buf.share());
    const there = await theirs.cpuAccess('write');
    there.bytes[0] = 5;
    const here = await buf.cpuAccess('read');
    expect(here.bytes[0]).toBe(5);
    here.end();
    expect(seen).toEqual(['vmap true']);
    there.end();
    await b.buffers.idle();
    expect(seen).toEqual(['vmap true', 'vunmap 1 true']);
  });

  it('keeps memory that may move where it is', async () => {
    const rig = nth(rigs(1), 0);
    const home = rig.heap.alloc(100);
    const buf = rig.buffers.exports.dynamic({
      exporter: 'gpu',
      size: 100,
      priv: null,
      ops: {
        map: () => whole(home),
        unmap() {},
        pin() {},
        unpin() {},
        vmap: () => whole(home),
        release: () => home.close(),
      },
    });
    const access = await buf.cpuAccess('read');
    const lock = await buf.resv.lock();
    expect(await rejected(buf.moveNotify(lock))).toMatchObject({ code: 'EBUSY' });
    lock.unlock();
    access.end();
    const free = await buf.resv.lock();
    await buf.moveNotify(free);
    free.unlock();
  });
});
