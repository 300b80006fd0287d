// SPDX-License-Identifier: MIT
/** An importer in another agent than the exporter: the four cells, and what crosses. */
import { describe, expect, it } from 'vitest';
import { makeDevice } from '../../../src/buf/device.js';
import type { DmaBuf, SourceSegment } from '../../../src/buf/index.js';
import { fail } from '../../../src/errors.js';
import { abroad, allQuiet, passed, until } from './abroad.js';
import { dynamicExport, importer, staticExport } from './exporters.js';
import { rejected, thrown } from './rig.js';

/** `count` stretches of one byte, the last byte first. */
function scattered(of: DmaBuf, count: number): SourceSegment[] {
  return Array.from({ length: count }, (_, n) => ({ of, offset: count - 1 - n, length: 1 }));
}

describe('static exporter, static importer elsewhere', () => {
  it('attaches, maps and unmaps by the callbacks of the exporter, without the lock', async () => {
    const scene = abroad();
    const { buf, calls } = staticExport(scene.home);
    const there = passed(buf, scene.away);
    const att = await there.attach('enc');
    expect([att.cached, att.tryMap('to-device')]).toEqual([false, null]);
    const first = await att.map('to-device');
    const second = await att.map('from-device');
    first.bytes[0] = 7;
    expect([first.bytes.length, second.bytes[0], first === second]).toEqual([100, 7, false]);
    first.unmap();
    second.unmap();
    first.unmap();
    expect(thrown(() => first.bytes)).toMatchObject({ code: 'ESTALE' });
    await att.detach();
    expect(calls).toEqual([
      'attach enc -',
      'map enc to-device -',
      'map enc from-device -',
      'unmap enc to-device -',
      'unmap enc from-device -',
      'detach enc -',
    ]);
    using cpu = await buf.priv.home.cpuAccess('read');
    expect(cpu.bytes[0]).toBe(7);
    await allQuiet(scene, buf);
  });
});

describe('dynamic exporter, dynamic importer elsewhere', () => {
  it('maps with its own lock shown to the callbacks, which stays its own', async () => {
    const scene = abroad();
    const { buf, calls } = dynamicExport(scene.home);
    const holders: number[] = [];
    const watched = dynamicExport(scene.home, 100, {
      pin: (_att, lock) => void holders.push(lock.resv.holderSlot),
    });
    const there = passed(buf, scene.away);
    const att = await there.dynamicAttach('gpu', importer());
    {
      using lock = await there.resv.lock();
      const map = await att.map(lock, 'bidirectional');
      expect(map.bytes.length).toBe(100);
      expect([lock.held, att.tryMap(lock, 'to-device') === map]).toEqual([true, true]);
      map.unmap(lock);
      expect(thrown(() => map.bytes)).toMatchObject({ code: 'ESTALE' });
    }
    await att.detach();
    expect(calls).toEqual([
      'attach gpu -',
      'map gpu bidirectional lock +',
      'unmap gpu bidirectional lock +',
      'detach gpu -',
    ]);
    const other = passed(watched.buf, scene.away);
    const pinned = await other.dynamicAttach('gpu', importer());
    const lock = await other.resv.lock();
    await pinned.pin(lock);
    lock.unlock();
    expect(holders).toEqual([scene.away.agent.slot]);
    await pinned.detach();
    await allQuiet(scene, buf, watched.buf);
  });

  it('pins and unpins as often as it asks', async () => {
    const scene = abroad();
    const { buf, calls } = dynamicExport(scene.home);
    const there = passed(buf, scene.away);
    const att = await there.dynamicAttach('gpu', importer());
    const lock = await there.resv.lock();
    const pins = [await att.pin(lock), await att.pin(lock)];
    for (const pin of [...pins, ...pins]) pin.unpin(lock);
    lock.unlock();
    await until(() => calls.length === 5);
    await att.detach();
    expect(calls).toEqual([
      'attach gpu -',
      'pin gpu lock +',
      'pin gpu lock +',
      'unpin gpu lock +',
      'unpin gpu lock +',
      'detach gpu -',
    ]);
    await allQuiet(scene, buf);
  });

  it('what is open at its detach ends in one hold of the lock', async () => {
    const scene = abroad();
    const { buf, calls } = dynamicExport(scene.home);
    const there = passed(buf, scene.away);
    const att = await there.dynamicAttach('gpu', importer());
    const lock = await there.resv.lock();
    const map = await att.map(lock, 'to-device');
    await att.pin(lock);
    lock.unlock();
    await att.detach();
    expect(thrown(() => map.bytes)).toMatchObject({ code: 'ESTALE' });
    expect(await rejected(att.map(lock, 'to-device'))).toMatchObject({ code: 'ESTALE' });
    expect(calls.slice(3)).toEqual([
      'unmap gpu to-device lock +',
      'unpin gpu lock +',
      'detach gpu -',
    ]);
    await allQuiet(scene, buf);
  });
});

describe('dynamic exporter, static importer elsewhere', () => {
  it('one mapping is pinned and made at attach, under a lock of the exporter’s agent', async () => {
    const scene = abroad();
    const { buf, calls } = dynamicExport(scene.home);
    const there = passed(buf, scene.away);
    const att = await there.attach('enc');
    expect(att.cached).toBe(true);
    const map = att.tryMap('to-device');
    expect(map).toBe(await att.map('from-device'));
    expect(map?.direction).toBe('bidirectional');
    map?.unmap();
    expect(map?.bytes.length).toBe(100);
    await att.detach();
    expect(thrown(() => map?.bytes)).toMatchObject({ code: 'ESTALE' });
    expect(calls).toEqual([
      'attach enc -',
      'pin enc lock +',
      'map enc bidirectional lock +',
      'unmap enc bidirectional lock +',
      'unpin enc lock +',
      'detach enc -',
    ]);
    const holders: number[] = [];
    const pin = (): void => void holders.push(watched.buf.resv.holderSlot);
    const watched = dynamicExport(scene.home, 1, { pin });
    await using other = await passed(watched.buf, scene.away).attach('enc');
    expect([other.cached, holders]).toEqual([true, [scene.home.agent.slot]]);
    await other.detach();
    await allQuiet(scene, buf, watched.buf);
  });
});

describe('static exporter, dynamic importer elsewhere', () => {
  it('one mapping is made at attach without the lock; to map it the importer shows the lock', async () => {
    const scene = abroad();
    const { buf, calls } = staticExport(scene.home);
    const there = passed(buf, scene.away);
    const att = await there.dynamicAttach('gpu', importer());
    expect(att.cached).toBe(true);
    const lock = await there.resv.lock();
    const map = att.tryMap(lock, 'to-device');
    expect(map).toBe(await att.map(lock, 'from-device'));
    map?.unmap(lock);
    lock.unlock();
    expect(await rejected(att.map(lock, 'to-device'))).toMatchObject({ code: 'ENOLCK' });
    expect(map?.bytes.length).toBe(100);
    await att.detach();
    expect(calls).toEqual([
      'attach gpu -',
      'map gpu bidirectional -',
      'unmap gpu bidirectional -',
      'detach gpu -',
    ]);
    await allQuiet(scene, buf);
  });
});

describe('an exporter that caches, elsewhere', () => {
  it('maps once for all who ask, and refuses another direction without a call', async () => {
    const scene = abroad();
    const { buf, calls } = staticExport(scene.home, 100, { cacheMapping: true });
    const there = passed(buf, scene.away);
    const att = await there.attach('enc');
    const maps = await Promise.all([att.map('to-device'), att.map('to-device')]);
    expect(maps[0]).toBe(maps[1]);
    maps[0].unmap();
    for (const direction of ['bidirectional', 'from-device'] as const) {
      expect(await rejected(att.map(direction))).toMatchObject({ code: 'EBUSY' });
    }
    expect([att.cached, att.tryMap('to-device')]).toEqual([true, maps[0]]);
    await att.detach();
    expect(calls).toEqual([
      'attach enc -',
      'map enc to-device -',
      'unmap enc to-device -',
      'detach enc -',
    ]);
    await allQuiet(scene, buf);
  });
});

describe('what crosses', () => {
  it('more segments than one message has room for, in order', async () => {
    const scene = abroad();
    const { home } = scene;
    const map = ({ buf: { priv } }: { readonly buf: { readonly priv: { home: DmaBuf } } }) =>
      scattered(priv.home, 200);
    const { buf } = staticExport(home, 200, { map });
    {
      using cpu = buf.priv.home.cpuAccessSync('write');
      for (let n = 0; n < 200; n++) cpu.bytes[199 - n] = n;
    }
    const wanted = Uint8Array.from({ length: 200 }, (_, n) => n);
    const there = passed(buf, scene.away);
    const att = await there.attach('enc');
    const mapped = await att.map('to-device');
    expect([mapped.segments.length, mapped.copyOut()]).toEqual([200, wanted]);
    const kept = await there.dynamicAttach('gpu', importer());
    {
      using lock = await there.resv.lock();
      expect(kept.tryMap(lock, 'to-device')?.copyOut()).toEqual(wanted);
    }
    const narrow = makeDevice('test', 'narrow', { maxSegments: 199 });
    const refused = await there.attach(narrow);
    expect(await rejected(refused.map('to-device'))).toMatchObject({
      code: 'EBUSY',
      at: { device: 'narrow', segments: 200, maxSegments: 199 },
    });
    for (const each of [att, kept, refused]) await each.detach();
    await allQuiet(scene, buf);
  });

  it('no bytes at all', async () => {
    const scene = abroad();
    const { buf } = staticExport(scene.home, 0, { map: () => [] });
    const there = passed(buf, scene.away);
    const att = await there.attach('enc');
    const map = await att.map('to-device');
    expect([map.size, map.segments, map.copyOut().length]).toEqual([0, [], 0]);
    await att.detach();
    await allQuiet(scene, buf);
  });

  const errors = ['attach', 'map', 'pin', 'begin', 'detach'] as const;

  it.each(errors)(
    'the error of %s: a DmaBufError as it was thrown, others as the cause of an EIO',
    async (name) => {
      const scene = abroad();
      const { buf, failing } = dynamicExport(scene.home);
      const there = passed(buf, scene.away);
      const ask = async (): Promise<void> => {
        if (name === 'begin') {
          (await there.cpuAccess('read')).end();
          return;
        }
        const att = await there.dynamicAttach('gpu', importer());
        try {
          using lock = await there.resv.lock();
          if (name === 'map') await att.map(lock, 'to-device');
          if (name === 'pin') await att.pin(lock);
          if (name === 'detach') lock.unlock();
        } finally {
          await att.detach();
        }
      };
      failing.set(
        name,
        fail('EBUSY', 'camera', { device: 'enc', lanes: 3 }, { why: 'out of reach' }),
      );
      expect(await rejected(ask())).toMatchObject({
        name: 'DmaBufError',
        code: 'EBUSY',
        op: 'camera',
        at: { device: 'enc', lanes: 3 },
        message: 'EBUSY: camera: out of reach (device enc, lanes 3)',
      });
      failing.set(name, new RangeError('no lane'));
      const foreign = await rejected(ask());
      expect([foreign.code, String(foreign.cause)]).toEqual(['EIO', 'Error: RangeError: no lane']);
      failing.set(name, 'just words');
      const thrownWords = await rejected(ask());
      expect([thrownWords.code, String(thrownWords.cause)]).toEqual(['EIO', 'Error: just words']);
      await ask();
      await allQuiet(scene, buf);
    },
  );

  it('not the errors of unmap, unpin and endCpuAccess: they stay with the exporter', async () => {
    const scene = abroad();
    const { buf, failing } = dynamicExport(scene.home);
    for (const name of ['unmap', 'unpin', 'end']) failing.set(name, new Error(name));
    const there = passed(buf, scene.away);
    const att = await there.dynamicAttach('gpu', importer());
    {
      using lock = await there.resv.lock();
      (await att.map(lock, 'to-device')).unmap(lock);
      (await att.pin(lock)).unpin(lock);
    }
    (await there.cpuAccess('read')).end();
    await until(() => scene.home.errors.length === 3);
    await att.detach();
    const causes = scene.home.errors.splice(0).map((error) => (error as Error).cause);
    expect(causes.map(String).toSorted()).toEqual(['Error: end', 'Error: unmap', 'Error: unpin']);
    await allQuiet(scene, buf);
  });
});

describe('CPU access from another agent', () => {
  it.each(['read', 'write', 'read-write'] as const)(
    'to %s begins and ends with the exporter’s hooks',
    async (intent) => {
      const scene = abroad();
      const { buf, calls } = staticExport(scene.home);
      const there = passed(buf, scene.away);
      expect(there.tryCpuAccess(intent)).toBeNull();
      const cpu = await there.cpuAccess(intent);
      cpu.bytes.fill(9);
      cpu.end();
      cpu.end();
      expect(thrown(() => cpu.bytes)).toMatchObject({ code: 'ESTALE' });
      await until(() => calls.length === 6);
      expect(calls.slice(0, 3)).toEqual([
        `begin ${intent} -`,
        'attach cpu -',
        'map cpu bidirectional -',
      ]);
      expect(calls.slice(3).toSorted()).toEqual([
        'detach cpu -',
        `end ${intent} -`,
        'unmap cpu bidirectional -',
      ]);
      expect(buf.priv.home.cpuAccessSync('read').bytes[99]).toBe(9);
      await allQuiet(scene, buf);
    },
  );

  it('ends when its agent dies', async () => {
    const scene = abroad();
    const { buf, calls } = dynamicExport(scene.home);
    const there = passed(buf, scene.away);
    await there.cpuAccess('write');
    scene.all.bury(scene.away);
    await until(() => calls.length === 8);
    expect(calls.slice(0, 5)).toEqual([
      'begin write -',
      'attach cpu -',
      'pin cpu lock +',
      'map cpu bidirectional lock +',
      'unmap cpu bidirectional lock +',
    ]);
    expect(calls.slice(5).toSorted()).toEqual(['detach cpu -', 'end write -', 'unpin cpu lock +']);
  });
});

describe('what others see', () => {
  it('each attachment once, with the tag of the importer, and what it has open', async () => {
    const scene = abroad();
    const { home, away } = scene;
    const { buf } = dynamicExport(home);
    const there = passed(buf, away);
    const att = await there.dynamicAttach('gpu', importer());
    const lock = await there.resv.lock();
    await att.map(lock, 'to-device');
    await att.map(lock, 'from-device');
    await att.pin(lock);
    lock.unlock();
    for (const rig of [home, away]) {
      const { row, generation } = buf;
      expect([...rig.buffers.attachments.all()]).toEqual([
        {
          buffer: row,
          generation,
          owner: away.agent.tag,
          device: 'gpu',
          dynamic: true,
          mapped: 2,
          pinned: 1,
        },
      ]);
    }
    expect(await rejected(buf.setName('new'))).toMatchObject({ code: 'EBUSY' });
    await att.detach();
    await buf.setName('new');
    expect(there.name).toBe('new');
    await allQuiet(scene, buf);
  });
});

describe('a buffer that moves', () => {
  it('is stale at once elsewhere; a note follows, and a new map shows the new place', async () => {
    const scene = abroad();
    const { home, away } = scene;
    const { buf, calls } = dynamicExport(home);
    const there = passed(buf, away);
    const seen = importer();
    const att = await there.dynamicAttach('gpu', seen);
    const before = att.generation;
    let map = await there.resv.lock().then(async (lock) => {
      const made = await att.map(lock, 'to-device');
      lock.unlock();
      return made;
    });
    map.bytes.fill(1);
    const old = map.bytes;
    const mine = await buf.resv.lock();
    const moving = buf.moveNotify(mine);
    expect([map.stale, att.generation > before, seen.moves]).toEqual([true, true, 0]);
    expect(thrown(() => map.bytes)).toMatchObject({ code: 'ESTALE' });
    await moving;
    const near = buf.priv.home;
    buf.priv.home = home.heap.alloc(100);
    near.close();
    mine.unlock();
    await until(() => seen.moves === 1);
    const lock = await there.resv.lock();
    expect(att.tryMap(lock, 'to-device')).toBeNull();
    const again = await att.map(lock, 'to-device');
    expect([again.bytes[0], old[0], again.stale]).toEqual([0, 1, false]);
    map.unmap(lock);
    map = again;
    lock.unlock();
    await until(() => calls.includes('unmap gpu to-device lock +'));
    await att.detach();
    expect(calls.filter((call) => call.startsWith('unmap'))).toHaveLength(2);
    await allQuiet(scene, buf);
  });

  it('does not, while it is pinned from elsewhere, or mapped there by a static importer', async () => {
    const scene = abroad();
    const { buf, calls } = dynamicExport(scene.home);
    const there = passed(buf, scene.away);
    const att = await there.dynamicAttach('gpu', importer());
    const move = async (): Promise<{ readonly code?: string }> => {
      using lock = await buf.resv.lock();
      return await rejected(buf.moveNotify(lock));
    };
    const lock = await there.resv.lock();
    const pin = await att.pin(lock);
    lock.unlock();
    expect(await move()).toMatchObject({ code: 'EBUSY' });
    pin[Symbol.dispose]();
    await until(() => calls.includes('unpin gpu lock +'));
    expect(await move()).toMatchObject({ message: 'it did not reject' });
    const fixed = await there.attach('scan-out');
    expect(await move()).toMatchObject({ code: 'EBUSY' });
    await fixed.detach();
    await att.detach();
    await allQuiet(scene, buf);
  });
});
