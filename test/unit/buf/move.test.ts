// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import { dynamicExport, importer } from './exporters.js';
import { nth, rejected, rigs, thrown } from './rig.js';

describe('moveNotify', () => {
  it('makes mappings stale at once, and tells importers, the newest first', async () => {
    const a = nth(rigs(1), 0);
    const { buf, calls } = dynamicExport(a);
    const order: string[] = [];
    const attachments = [];
    for (const name of ['one', 'two']) {
      const moveNotify = (): undefined => {
        calls.push(`notify ${name}`);
        order.push(name);
      };
      attachments.push(await buf.dynamicAttach(name, { moveNotify }));
    }
    const [one, two] = attachments;
    if (one === undefined || two === undefined) throw new Error('two attachments were made');
    using lock = await buf.resv.lock();
    const map = await one.map(lock, 'to-device');
    const before = one.generation;
    calls.length = 0;
    await buf.moveNotify(lock);
    expect(order).toEqual(['two', 'one']);
    expect(calls).toEqual(['notify two', 'notify one']);
    expect(map.stale).toBe(true);
    expect(thrown(() => map.bytes).message).toContain('moved');
    expect(one.generation).toBeGreaterThan(before);
    expect(one.tryMap(lock, 'to-device')).toBeNull();
    map.unmap(lock);
    expect(calls.slice(2)).toEqual(['unmap one to-device lock +']);
    const again = await one.map(lock, 'to-device');
    expect([again.stale, one.tryMap(lock, 'to-device') === again]).toEqual([false, true]);
  });

  it('needs the lock of this very reservation', async () => {
    const a = nth(rigs(1), 0);
    const { buf } = dynamicExport(a);
    const other = a.heap.alloc(1);
    using wrong = await other.resv.lock();
    expect(await rejected(buf.moveNotify(wrong))).toMatchObject({ code: 'ENOLCK' });
    const lock = await buf.resv.lock();
    lock.unlock();
    expect(await rejected(buf.moveNotify(lock))).toMatchObject({ code: 'ENOLCK' });
  });

  it('is EBUSY while somebody has pinned, or attached without being able to follow', async () => {
    const a = nth(rigs(1), 0);
    const { buf } = dynamicExport(a);
    const seen = importer();
    const att = await buf.dynamicAttach('gpu', seen);
    const lock = await buf.resv.lock();
    const pin = await att.pin(lock);
    expect(await rejected(buf.moveNotify(lock))).toMatchObject({ code: 'EBUSY' });
    pin.unpin(lock);
    await buf.moveNotify(lock);
    lock.unlock();
    const fixed = await buf.attach('scan-out');
    const again = await buf.resv.lock();
    expect(await rejected(buf.moveNotify(again))).toMatchObject({ code: 'EBUSY' });
    again.unlock();
    await fixed.detach();
    using last = await buf.resv.lock();
    await buf.moveNotify(last);
    expect(seen.moves).toBe(2);
  });

  it('reaches nobody who has detached', async () => {
    const a = nth(rigs(1), 0);
    const { buf } = dynamicExport(a);
    const [stays, goes] = [importer(), importer()];
    await buf.dynamicAttach('stays', stays);
    const leaving = await buf.dynamicAttach('goes', goes);
    await leaving.detach();
    using lock = await buf.resv.lock();
    await buf.moveNotify(lock);
    expect([stays.moves, goes.moves]).toEqual([1, 0]);
  });

  it('reaches all, also when one of them throws', async () => {
    const a = nth(rigs(1), 0);
    const { buf } = dynamicExport(a);
    const cause = new Error('importer');
    const seen = importer();
    await buf.dynamicAttach('first', seen);
    await buf.dynamicAttach('second', {
      moveNotify() {
        throw cause;
      },
    });
    using lock = await buf.resv.lock();
    expect(await rejected(buf.moveNotify(lock))).toMatchObject({ code: 'EIO', cause });
    expect(seen.moves).toBe(1);
  });

  it('mappings made in the new place show the new bytes', async () => {
    const a = nth(rigs(1), 0);
    const { buf } = dynamicExport(a);
    const att = await buf.dynamicAttach('gpu', importer());
    using lock = await buf.resv.lock();
    (await att.map(lock, 'bidirectional')).bytes.fill(1);
    await buf.moveNotify(lock);
    const next = a.heap.alloc(100);
    {
      using to = next.cpuAccessSync('write');
      to.bytes.fill(2);
    }
    buf.priv.home.close();
    buf.priv.home = next;
    expect((await att.map(lock, 'bidirectional')).bytes[99]).toBe(2);
  });
});

describe('a lock that is not the right one', () => {
  it('map, unmap, pin and unpin need the lock of the buffer, held', async () => {
    const a = nth(rigs(1), 0);
    const { buf, calls } = dynamicExport(a);
    const att = await buf.dynamicAttach('gpu', importer());
    const right = await buf.resv.lock();
    const map = await att.map(right, 'to-device');
    const pin = await att.pin(right);
    right.unlock();
    using wrong = await a.heap.alloc(1).resv.lock();
    calls.length = 0;
    for (const lock of [right, wrong]) {
      expect(await rejected(att.map(lock, 'to-device'))).toMatchObject({ code: 'ENOLCK' });
      expect(await rejected(att.pin(lock))).toMatchObject({ code: 'ENOLCK' });
      expect(thrown(() => att.mapSync(lock, 'to-device'))).toMatchObject({ code: 'ENOLCK' });
      expect(thrown(() => att.tryMap(lock, 'to-device'))).toMatchObject({ code: 'ENOLCK' });
      expect(thrown(() => map.unmap(lock))).toMatchObject({ code: 'ENOLCK' });
      expect(thrown(() => pin.unpin(lock))).toMatchObject({ code: 'ENOLCK' });
    }
    expect(calls).toEqual([]);
  });

  it('disposing uses the lock it was made under, while that is held', async () => {
    const a = nth(rigs(1), 0);
    const { buf, calls } = dynamicExport(a);
    const att = await buf.dynamicAttach('gpu', importer());
    {
      using lock = await buf.resv.lock();
      using map = await att.map(lock, 'to-device');
      using pin = await att.pin(lock);
      expect([map.stale, pin]).toEqual([false, pin]);
      calls.length = 0;
    }
    expect(calls).toEqual(['unpin gpu lock +', 'unmap gpu to-device lock +']);
  });

  it('disposing without a lock is done when the lock is next free', async () => {
    const a = nth(rigs(1), 0);
    const { buf, calls } = dynamicExport(a);
    const att = await buf.dynamicAttach('gpu', importer());
    const lock = await buf.resv.lock();
    const map = await att.map(lock, 'to-device');
    const pin = await att.pin(lock);
    lock.unlock();
    const other = await buf.resv.lock();
    calls.length = 0;
    map[Symbol.dispose]();
    pin[Symbol.dispose]();
    expect(thrown(() => map.bytes)).toMatchObject({ code: 'ESTALE' });
    expect(calls).toEqual([]);
    other.unlock();
    await a.buffers.idle();
    expect(calls).toEqual(['unmap gpu to-device lock +', 'unpin gpu lock +']);
  });

  it('the lock that a callback is given ends with the callback', async () => {
    const a = nth(rigs(1), 0);
    const kept: { held: boolean }[] = [];
    const home = a.heap.alloc(10);
    const buf = a.buffers.exports.dynamic({
      exporter: 'x',
      size: 10,
      priv: null,
      ops: {
        map: (_att, _direction, lock) => {
          kept.push(lock);
          return [{ of: home, offset: 0, length: 10 }];
        },
        unmap: (_att, _segments, _direction, lock) => void kept.push(lock),
        pin: (_att, lock) => void kept.push(lock),
        unpin: (_att, lock) => void kept.push(lock),
        release() {},
      },
    });
    const att = await buf.dynamicAttach('gpu', importer());
    using lock = await buf.resv.lock();
    const map = await att.map(lock, 'to-device');
    const pin = await att.pin(lock);
    pin.unpin(lock);
    map.unmap(lock);
    expect(kept.map(({ held }) => held)).toEqual([false, false, false, false]);
    expect(lock.held).toBe(true);
  });
});
