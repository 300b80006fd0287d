// SPDX-License-Identifier: MIT
/** What a buffer leaves behind when it moves: whose it is, and until when (D-10). */
import { describe, expect, it } from 'vitest';
import {
  type DmaBuf,
  type DynamicAttachment,
  type DynamicExportedBuf,
  type DynamicMapping,
  type ImporterOps,
  openShare,
} from '../../../src/buf/index.js';
import type { HeldLock } from '../../../src/resv/index.js';
import { dynamicExport, type Home, importer } from './exporters.js';
import { nth, type Rig, rejected, rigs, thrown } from './rig.js';

const SIZE = 4096;

/** Moves to fresh memory full of `fill`, as a good exporter does, and gives the old memory away. */
async function moveTo(
  rig: Rig,
  buf: DynamicExportedBuf<Home>,
  lock: HeldLock,
  fill: number,
): Promise<DmaBuf> {
  await buf.moveNotify(lock);
  await lock.wait('bookkeep');
  const next = rig.heap.alloc(SIZE);
  using cpu = next.cpuAccessSync('write');
  cpu.bytes.fill(fill);
  buf.priv.home.close();
  buf.priv.home = next;
  return next;
}

describe('the old place', () => {
  it('keeps its bytes for views that somebody kept, through any number of moves', async () => {
    const a = nth(rigs(1), 0);
    const { buf } = dynamicExport(a, SIZE);
    const att = await buf.dynamicAttach('gpu', importer());
    const kept: Uint8Array[] = [];
    for (let n = 0; n <= 5; n++) {
      using lock = await buf.resv.lock();
      const map = await att.map(lock, 'bidirectional');
      map.bytes.fill(n);
      kept.push(map.bytes);
      await moveTo(a, buf, lock, n);
      expect(thrown(() => map.bytes)).toMatchObject({ code: 'ESTALE' });
    }
    for (let n = 0; n < 3; n++) a.heap.alloc(SIZE);
    expect(kept.map((bytes) => [bytes[0], bytes[SIZE - 1]])).toEqual(kept.map((_, n) => [n, n]));
  });

  it('is free when the stale mapping is closed: unmapped with its old segments, under the lock', async () => {
    for (const close of ['unmap', 'dispose', 'dispose later', 'detach'] as const) {
      const a = nth(rigs(1), 0);
      const unmapped: unknown[] = [];
      const { buf, calls } = dynamicExport(a, SIZE, {
        unmap: (_att, [segment], direction, { held }) =>
          void unmapped.push([segment?.of.id, direction, held]),
      });
      const att = await buf.dynamicAttach('gpu', importer());
      const lock = await buf.resv.lock();
      const map = await att.map(lock, 'to-device');
      const { row, id } = buf.priv.home;
      await moveTo(a, buf, lock, 1);
      expect(a.buffers.holders(row)).toBe(1);
      expect([...a.buffers.attachments.all()]).toMatchObject([{ mapped: 1 }]);
      if (close === 'dispose') map[Symbol.dispose]();
      else if (close === 'unmap') map.unmap(lock);
      lock.unlock();
      if (close === 'dispose later') map[Symbol.dispose]();
      else if (close === 'detach') await att.detach();
      await a.buffers.idle();
      expect(unmapped, close).toEqual([[id, 'to-device', true]]);
      expect(a.buffers.holders(row)).toBe(0);
      expect(a.heap.used).toBe(SIZE);
      map[Symbol.dispose]();
      expect(unmapped).toHaveLength(1);
      expect(calls).not.toContain('unmap');
    }
  });

  it('is not left before the work that importers have begun is over', async () => {
    const a = nth(rigs(1), 0);
    const { buf } = dynamicExport(a, SIZE);
    const att = await buf.dynamicAttach('gpu', importer());
    using timeline = a.fences.timeline('gpu');
    using lock = await buf.resv.lock();
    const map = await att.map(lock, 'to-device');
    const fence = timeline.next();
    lock.reserve(1);
    lock.add(fence, 'bookkeep');
    const moving = moveTo(a, buf, lock, 1);
    const { home } = buf.priv;
    await Promise.resolve();
    expect([map.stale, buf.priv.home === home, home.closed]).toEqual([true, true, false]);
    timeline.signal(fence);
    expect(await moving).toBe(buf.priv.home);
    expect(home.closed).toBe(true);
  });
});

describe('an exporter that moves the memory while it maps', () => {
  /** Moves on every map of a device whose name begins with "far". */
  function movesIn(rig: Rig) {
    const exported = dynamicExport(rig, SIZE, {
      async map({ buf, device }, _direction, lock) {
        if (device.name.startsWith('far'))
          await moveTo(rig, buf as DynamicExportedBuf<Home>, lock, 7);
        return [{ of: buf.priv.home, offset: 0, length: SIZE }];
      },
    });
    return exported;
  }

  it('gives a mapping of the new place, and makes the others stale', async () => {
    const a = nth(rigs(1), 0);
    const { buf } = movesIn(a);
    const [near, far] = [importer(), importer()];
    const one = await buf.dynamicAttach('near', near);
    const two = await buf.dynamicAttach('far', far);
    using lock = await buf.resv.lock();
    const old = await one.map(lock, 'to-device');
    const fresh = await two.map(lock, 'to-device');
    expect([old.stale, fresh.stale]).toEqual([true, false]);
    expect(fresh.bytes[0]).toBe(7);
    expect([near.moves, far.moves]).toEqual([1, 1]);
    expect(two.tryMap(lock, 'to-device')).toBe(fresh);
  });

  it('can pin it where it brought it, for a static importer', async () => {
    const a = nth(rigs(1), 0);
    const { buf } = movesIn(a);
    using att = await buf.attach('far');
    expect(att.tryMap('to-device')?.bytes[0]).toBe(7);
  });

  it('makes stale what another map under the same lock has given meanwhile', async () => {
    const a = nth(rigs(1), 0);
    const { buf } = movesIn(a);
    const one = await buf.dynamicAttach('far 1', importer());
    const two = await buf.dynamicAttach('far 2', importer());
    using lock = await buf.resv.lock();
    const maps = await Promise.all([one.map(lock, 'to-device'), two.map(lock, 'to-device')]);
    const shown = maps.filter(({ stale }) => !stale).map(({ bytes }) => bytes);
    using current = buf.priv.home.cpuAccessSync('read');
    for (const bytes of shown) expect(bytes.byteOffset).toBe(current.bytes.byteOffset);
    expect(shown.length).toBeGreaterThan(0);
  });
});

describe('importers of other agents', () => {
  /** What `a` exports, attached in `b`; the event loops of both turn. */
  async function remote(ops: ImporterOps) {
    const all = rigs(2);
    const [a, b] = [nth(all, 0), nth(all, 1)];
    for (const { agent } of all.rigs) agent.listen();
    const { buf, calls } = dynamicExport(a, SIZE);
    const theirs = openShare(b.buffers, 'Domain.open', buf.share());
    return { a, b, buf, calls, att: await theirs.dynamicAttach('gpu', ops) };
  }

  async function mapped(att: DynamicAttachment): Promise<DynamicMapping> {
    using lock = await att.buf.resv.lock();
    return await att.map(lock, 'bidirectional');
  }

  const turns = async (): Promise<void> => {
    for (let turn = 0; turn < 30; turn++) await new Promise((resolve) => setImmediate(resolve));
  };

  it('have stale mappings at once, are told when they come to it, and nobody waits for them', async () => {
    const theirs = importer();
    const { b, buf, att } = await remote(theirs);
    const ours = importer();
    await buf.dynamicAttach('near', ours);
    const map = await mapped(att);
    using lock = await buf.resv.lock();
    const before = att.generation;
    const moving = [buf.moveNotify(lock), buf.moveNotify(lock)];
    expect([map.stale, ours.moves, theirs.moves]).toEqual([true, 2, 0]);
    expect(thrown(() => map.bytes).message).toContain('moved');
    expect(att.generation).toBe(before + 2);
    await Promise.all(moving);
    await turns();
    expect(theirs.moves).toBe(1);
    b.buffers.moves.look();
    expect(theirs.moves).toBe(1);
  });

  it('keep the old place until they have closed what is stale, and map the new one', async () => {
    const { a, b, buf, calls, att } = await remote({ moveNotify() {} });
    const map = await mapped(att);
    const kept = map.bytes.fill(1);
    const { row } = buf.priv.home;
    {
      using lock = await buf.resv.lock();
      await moveTo(a, buf, lock, 2);
    }
    for (let n = 0; n < 3; n++) a.heap.alloc(SIZE);
    expect([kept[0], kept[SIZE - 1]]).toEqual([1, 1]);
    expect(b.buffers.holders(row)).toBe(1);
    expect((await mapped(att)).bytes[0]).toBe(2);
    expect(calls.filter((call) => call.startsWith('unmap'))).toEqual([]);
    map[Symbol.dispose]();
    await Promise.all([a.buffers.idle(), b.buffers.idle()]);
    expect(b.buffers.holders(row)).toBe(0);
    expect(calls.at(-1)).toBe('unmap gpu bidirectional lock +');
  });

  it('are not told after their detach, and what they throw is reported to them', async () => {
    const cause = new Error('importer');
    const { a, b, buf, att } = await remote({
      moveNotify() {
        throw cause;
      },
    });
    {
      using lock = await buf.resv.lock();
      await buf.moveNotify(lock);
    }
    await turns();
    expect([a.errors, b.errors]).toEqual([[], [cause]]);
    await att.detach();
    using lock = await buf.resv.lock();
    await buf.moveNotify(lock);
    b.buffers.moves.look();
    expect(b.errors).toHaveLength(1);
  });

  it('keep it where it is while they have pinned it', async () => {
    const { buf, att } = await remote(importer());
    const shown = await att.buf.resv.lock();
    const pin = await att.pin(shown);
    shown.unlock();
    {
      using lock = await buf.resv.lock();
      expect(await rejected(buf.moveNotify(lock))).toMatchObject({ code: 'EBUSY' });
    }
    pin[Symbol.dispose]();
    await turns();
    using lock = await buf.resv.lock();
    await buf.moveNotify(lock);
  });
});

it('moving needs the lock also then when nobody is attached', async () => {
  const { buf } = dynamicExport(nth(rigs(1), 0));
  const before = buf.resv.tryLock();
  before?.unlock();
  expect(await rejected(buf.moveNotify(before as HeldLock))).toMatchObject({ code: 'ENOLCK' });
});
