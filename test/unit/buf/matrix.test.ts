// SPDX-License-Identifier: MIT
/** The four cells of exporter and importer, and who holds the reservation lock around which callback. */
import { describe, expect, it } from 'vitest';
import { dynamicExport, importer, staticExport } from './exporters.js';
import { nth, rigs } from './rig.js';

describe('static exporter, static importer', () => {
  it('every map is a fresh one in its own direction, and nothing runs under the lock', async () => {
    const { buf, calls } = staticExport(nth(rigs(1), 0));
    const att = await buf.attach('enc');
    expect([att.cached, att.tryMap('to-device')]).toEqual([false, null]);
    const first = await att.map('to-device');
    const second = att.mapSync('from-device');
    expect(first).not.toBe(second);
    first.unmap();
    second.unmap();
    first.unmap();
    await att.detach();
    expect(calls).toEqual([
      'attach enc -',
      'map enc to-device -',
      'map enc from-device -',
      'unmap enc to-device -',
      'unmap enc from-device -',
      'detach enc -',
    ]);
  });
});

describe('dynamic exporter, dynamic importer', () => {
  it('map and unmap run under the lock of the importer, each time', async () => {
    const { buf, calls } = dynamicExport(nth(rigs(1), 0));
    const att = await buf.dynamicAttach('gpu', importer());
    expect(att.cached).toBe(false);
    const lock = await buf.resv.lock();
    expect(att.tryMap(lock, 'to-device')).toBeNull();
    const first = await att.map(lock, 'to-device');
    const second = att.mapSync(lock, 'from-device');
    expect(first).not.toBe(second);
    expect(att.tryMap(lock, 'to-device')).toBe(first);
    first.unmap(lock);
    second.unmap(lock);
    lock.unlock();
    await att.detach();
    expect(calls).toEqual([
      'attach gpu -',
      'map gpu to-device lock +',
      'map gpu from-device lock +',
      'unmap gpu to-device lock +',
      'unmap gpu from-device lock +',
      'detach gpu -',
    ]);
  });

  it('pin and unpin run under the lock of the importer, as often as asked', async () => {
    const { buf, calls } = dynamicExport(nth(rigs(1), 0));
    const att = await buf.dynamicAttach('gpu', importer());
    {
      using lock = await buf.resv.lock();
      const pins = [await att.pin(lock), await att.pin(lock)];
      for (const pin of [...pins, ...pins]) pin.unpin(lock);
    }
    expect(calls.slice(1)).toEqual([
      'pin gpu lock +',
      'pin gpu lock +',
      'unpin gpu lock +',
      'unpin gpu lock +',
    ]);
  });
});

describe('dynamic exporter, static importer', () => {
  it('one mapping is pinned and made at attach, BIDIRECTIONAL, under a lock that the importer never sees', async () => {
    const { buf, calls } = dynamicExport(nth(rigs(1), 0));
    const att = await buf.attach('enc');
    expect(att.cached).toBe(true);
    const map = att.tryMap('to-device');
    expect(map).toBe(await att.map('from-device'));
    expect(map).toBe(att.mapSync('bidirectional'));
    expect(map?.direction).toBe('bidirectional');
    map?.unmap();
    map?.unmap();
    expect(map?.bytes.length).toBe(100);
    await att.detach();
    expect(calls).toEqual([
      'attach enc -',
      'pin enc lock +',
      'map enc bidirectional lock +',
      'unmap enc bidirectional lock +',
      'unpin enc lock +',
      'detach enc -',
    ]);
  });
});

describe('static exporter, dynamic importer', () => {
  it('one mapping is made at attach, BIDIRECTIONAL and without the lock; to map it the importer shows the lock', async () => {
    const { buf, calls } = staticExport(nth(rigs(1), 0));
    const att = await buf.dynamicAttach('gpu', importer());
    expect(att.cached).toBe(true);
    const lock = await buf.resv.lock();
    const map = att.tryMap(lock, 'to-device');
    expect(map).toBe(await att.map(lock, 'from-device'));
    expect(map?.direction).toBe('bidirectional');
    map?.unmap(lock);
    const pin = await att.pin(lock);
    pin.unpin(lock);
    lock.unlock();
    expect(map?.stale).toBe(false);
    expect(map?.bytes.length).toBe(100);
    await att.detach();
    expect(calls).toEqual([
      'attach gpu -',
      'map gpu bidirectional -',
      'unmap gpu bidirectional -',
      'detach gpu -',
    ]);
  });

  it('the same for a heap buffer, in whichever agent', () => {
    const all = rigs(2);
    const [a, b] = [nth(all, 0), nth(all, 1)];
    const buf = a.heap.alloc(64);
    const theirs = b.buffers.adopt(buf.row, buf.generation);
    const att = theirs?.dynamicAttachSync('gpu', importer());
    const lock = theirs?.resv.tryLock();
    if (lock === undefined || lock === null) throw new Error('the lock should be free');
    const map = att?.tryMap(lock, 'to-device');
    map?.bytes.fill(7);
    map?.unmap(lock);
    lock.unlock();
    using cpu = buf.cpuAccessSync('read');
    expect(cpu.bytes).toEqual(new Uint8Array(64).fill(7));
  });
});

describe('what ends with detach', () => {
  it('mappings and pins that are still open are undone in its hold of the lock', async () => {
    const { buf, calls } = dynamicExport(nth(rigs(1), 0));
    const att = await buf.dynamicAttach('gpu', importer());
    const lock = await buf.resv.lock();
    const map = await att.map(lock, 'to-device');
    await att.pin(lock);
    lock.unlock();
    await att.detach();
    expect(() => map.bytes).toThrow('ESTALE');
    expect(calls.slice(-3)).toEqual([
      'unmap gpu to-device lock +',
      'unpin gpu lock +',
      'detach gpu -',
    ]);
  });

  it('nothing can be mapped from the moment it was asked for, and it happens once', async () => {
    const { buf, calls } = staticExport(nth(rigs(1), 0));
    const att = await buf.attach('enc');
    const lock = await buf.resv.lock();
    const detaching = att.detach();
    expect(() => att.mapSync('to-device')).toThrow('ESTALE');
    expect(calls).toEqual(['attach enc -']);
    lock.unlock();
    await Promise.all([detaching, att.detach(), att[Symbol.asyncDispose]()]);
    expect(calls).toEqual(['attach enc -', 'detach enc -']);
  });

  it('`using` detaches at once while the lock is free', () => {
    const { buf, calls } = dynamicExport(nth(rigs(1), 0));
    {
      using att = buf.attachSync('enc');
      expect(att.device.name).toBe('enc');
    }
    expect(calls.at(-1)).toBe('detach enc -');
  });
});
