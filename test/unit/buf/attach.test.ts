// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import { openShare } from '../../../src/buf/index.js';
import { fail } from '../../../src/errors.js';
import { dynamicExport, importer, staticExport } from './exporters.js';
import { nth, rejected, rigs, thrown } from './rig.js';

describe('attach that fails', () => {
  it('in the exporter’s attach: its error comes unchanged, nothing is listed, detach is not called', async () => {
    const a = nth(rigs(1), 0);
    const { buf, calls, failing } = staticExport(a);
    failing.set('attach', fail('EBUSY', 'camera', { device: 'enc' }));
    expect(await rejected(buf.attach('enc'))).toMatchObject({ code: 'EBUSY', op: 'camera' });
    expect(calls).toEqual(['attach enc -']);
    await buf.setName('free');
    expect([...a.buffers.attachments.all()]).toEqual([]);
  });

  it('with something that is no DmaBufError: EIO with the cause', async () => {
    const { buf, failing } = staticExport(nth(rigs(1), 0));
    const cause = new Error('broken');
    failing.set('attach', cause);
    expect(await rejected(buf.attach('enc'))).toMatchObject({ code: 'EIO', cause });
  });

  it('in pin: unlocked, not listed, and the exporter’s detach is called', async () => {
    const { buf, calls, failing } = dynamicExport(nth(rigs(1), 0));
    failing.set('pin', fail('ENOMEM', 'gpu', {}));
    expect(await rejected(buf.attach('enc'))).toMatchObject({ code: 'ENOMEM' });
    expect(calls).toEqual(['attach enc -', 'pin enc lock +', 'detach enc -']);
    expect(buf.resv.locked).toBe(false);
    await buf.setName('free');
  });

  it('in map: unpinned, unlocked, not listed, and the exporter’s detach is called', async () => {
    const { buf, calls, failing } = dynamicExport(nth(rigs(1), 0));
    failing.set('map', fail('ENOMEM', 'gpu', {}));
    expect(await rejected(buf.attach('enc'))).toMatchObject({ code: 'ENOMEM' });
    expect(calls).toEqual([
      'attach enc -',
      'pin enc lock +',
      'map enc bidirectional lock +',
      'unpin enc lock +',
      'detach enc -',
    ]);
    expect(buf.resv.locked).toBe(false);
  });

  it('in map of a static exporter: detach is called without an unmap', async () => {
    const { buf, calls, failing } = staticExport(nth(rigs(1), 0));
    failing.set('map', fail('ENOMEM', 'camera', {}));
    expect(await rejected(buf.dynamicAttach('gpu', importer()))).toMatchObject({ code: 'ENOMEM' });
    expect(calls).toEqual(['attach gpu -', 'map gpu bidirectional -', 'detach gpu -']);
  });

  it('while it waits for the lock: what was mapped is unmapped, and detach is called', async () => {
    const { buf, calls } = staticExport(nth(rigs(1), 0));
    const lock = await buf.resv.lock();
    const attaching = buf.dynamicAttach('gpu', importer(), { signal: AbortSignal.timeout(1) });
    expect(await rejected(attaching)).toMatchObject({ name: 'TimeoutError' });
    expect(calls.map((call) => call.split(' ')[0])).toEqual(['attach', 'map', 'unmap', 'detach']);
    lock.unlock();
    await buf.setName('free');
  });

  it('while it waits for KERNEL fences: unmapped, unpinned, unlocked, detached', async () => {
    const a = nth(rigs(1), 0);
    const { buf, calls } = dynamicExport(a);
    using timeline = a.fences.timeline('mover');
    {
      using lock = await buf.resv.lock();
      lock.reserve(1);
      lock.addKernel(timeline.next());
    }
    expect(await rejected(buf.attach('enc', { timeout: 1 }))).toMatchObject({ code: 'ETIMEDOUT' });
    expect(calls.map((call) => call.split(' ')[0])).toEqual([
      'attach',
      'pin',
      'map',
      'unmap',
      'unpin',
      'detach',
    ]);
    expect(buf.resv.locked).toBe(false);
  });

  it('because this thread holds the lock and would block: nothing is left of it', async () => {
    const a = nth(rigs(1), 0);
    const { buf, calls } = staticExport(a);
    const lock = await buf.resv.lock();
    expect(thrown(() => buf.attachSync('enc'))).toMatchObject({ code: 'EDEADLK' });
    expect(thrown(() => a.heap.alloc(1, { resv: buf.resv }).attachSync('enc'))).toMatchObject({
      code: 'EDEADLK',
    });
    lock.unlock();
    expect(calls).toEqual(['attach enc +', 'detach enc +']);
    await buf.setName('free');
  });

  it('gives back its hold of the buffer', async () => {
    const a = nth(rigs(1), 0);
    const { buf, failing } = staticExport(a);
    failing.set('attach', fail('EBUSY', 'camera', {}));
    await rejected(buf.attach('enc'));
    buf.close();
    a.agent.flush();
    expect(a.heap.used).toBe(0);
  });
});

it('to attach, or to rename, while one holds the lock is to wait for oneself', async () => {
  const buf = nth(rigs(1), 0).heap.alloc(8);
  const lock = await buf.resv.lock();
  const late = { timeout: 1 };
  expect(await rejected(buf.attach('enc', late))).toMatchObject({ code: 'ETIMEDOUT' });
  expect(await rejected(buf.setName('x', late))).toMatchObject({ code: 'ETIMEDOUT' });
  expect(thrown(() => buf.attachSync('enc'))).toMatchObject({ code: 'EDEADLK' });
  const named = buf.setName('frame');
  const attached = buf.attach('enc');
  lock.unlock();
  await named;
  expect([buf.name, (await attached).device.name]).toEqual(['frame', 'enc']);
});

describe('attachments', () => {
  it('keep the buffer when all handles are closed', async () => {
    const a = nth(rigs(1), 0);
    const buf = a.heap.alloc(16);
    const att = buf.attachSync('enc');
    const map = att.mapSync('to-device');
    buf.close();
    expect(map.bytes.length).toBe(16);
    expect(a.heap.used).toBe(4096);
    await att.detach();
    expect(a.heap.used).toBe(0);
  });

  it('of a dynamic importer refuse what is no lock, saying what to pass', async () => {
    const { buf } = dynamicExport(nth(rigs(1), 0));
    const att = await buf.dynamicAttach('enc', importer());
    using lock = await buf.resv.lock();
    const mapping = await att.map(lock, 'to-device');
    for (const no of [undefined, null, {}, buf.resv, 'lock'] as never[]) {
      const told = { code: 'EINVAL', message: expect.stringContaining('buf.resv.lock()') };
      expect(thrown(() => att.tryMap(no, 'to-device'))).toMatchObject(told);
      expect(thrown(() => mapping.unmap(no))).toMatchObject(told);
      expect(await rejected(att.map(no, 'to-device'))).toMatchObject(told);
      expect(await rejected(att.pin(no))).toMatchObject(told);
    }
  });

  it('show what they are, with their mappings and pins, in every agent', async () => {
    const all = rigs(2);
    const [a, b] = [nth(all, 0), nth(all, 1)];
    const { buf } = dynamicExport(a);
    const enc = await buf.dynamicAttach('enc', importer());
    const heap = a.heap.alloc(1);
    const theirs = openShare(b.buffers, 'open', heap.share());
    const att = theirs.attachSync('disk');
    att.mapSync('to-device');
    {
      using lock = await buf.resv.lock();
      await enc.map(lock, 'to-device');
      await enc.map(lock, 'from-device');
      await enc.pin(lock);
    }
    const shown = [...b.buffers.attachments.all()].map((view) => ({ ...view, generation: 0 }));
    expect(shown).toEqual([
      {
        buffer: buf.row,
        generation: 0,
        owner: a.agent.tag,
        device: 'enc',
        dynamic: true,
        mapped: 2,
        pinned: 1,
      },
      {
        buffer: heap.row,
        generation: 0,
        owner: b.agent.tag,
        device: 'disk',
        dynamic: false,
        mapped: 1,
        pinned: 0,
      },
    ]);
    await Promise.all([enc.detach(), att.detach()]);
    expect([...a.buffers.attachments.all()]).toEqual([]);
  });

  it('a Device says what it takes, and too many segments are EBUSY', async () => {
    const all = rigs(1);
    const a = nth(all, 0);
    const { makeDevice } = await import('../../../src/buf/index.js');
    const { buf, calls } = staticExport(a, 100, {
      map: ({ buf: { priv } }) => [
        { of: priv.home, offset: 50, length: 50 },
        { of: priv.home, offset: 0, length: 50 },
      ],
    });
    const picky = makeDevice('device', 'picky', { maxSegments: 1 });
    expect([picky.name, picky.caps]).toEqual(['picky', { maxSegments: 1, peerToPeer: false }]);
    const att = await buf.attach(picky);
    expect(await rejected(att.map('to-device'))).toMatchObject({ code: 'EBUSY' });
    expect(calls.at(-1)).toBe('unmap picky to-device -');
    const free = await buf.attach('free');
    const map = await free.map('to-device');
    expect(map.segments.map(({ offset, length }) => [offset, length])).toEqual([
      [0, 50],
      [50, 50],
    ]);
    expect(thrown(() => map.bytes)).toMatchObject({ code: 'EINVAL' });
  });

  it('to a buffer whose exporter has gone are refused with EOWNERDEAD', () => {
    const all = rigs(3);
    const [a, b] = [nth(all, 0), nth(all, 1)];
    const { buf } = staticExport(a);
    const theirs = openShare(b.buffers, 'open', buf.share());
    expect(theirs.exporter).toBe('camera');
    all.bury(a);
    expect(thrown(() => theirs.attachSync('x'))).toMatchObject({ code: 'EOWNERDEAD' });
    expect(thrown(() => theirs.cpuAccessSync('read'))).toMatchObject({ code: 'EOWNERDEAD' });
  });
});

describe('what is open', () => {
  it('is ended by the detach of its attachment', async () => {
    const { buf, calls } = dynamicExport(nth(rigs(1), 0));
    const att = await buf.dynamicAttach('gpu', importer());
    const lock = await buf.resv.lock();
    const map = await att.map(lock, 'to-device');
    await att.pin(lock);
    lock.unlock();
    await att.detach();
    expect(calls.slice(3)).toEqual([
      'unmap gpu to-device lock +',
      'unpin gpu lock +',
      'detach gpu -',
    ]);
    expect(thrown(() => map.bytes)).toMatchObject({ code: 'ESTALE' });
  });

  it('keeps the buffer from being released', async () => {
    const a = nth(rigs(1), 0);
    const { buf, calls } = staticExport(a);
    const att = await buf.attach('enc');
    const access = await buf.cpuAccess('read');
    buf.close();
    access.end();
    await a.buffers.idle();
    expect(calls).not.toContain('release');
    await att.detach();
    await a.buffers.idle();
    expect(calls.at(-1)).toBe('release');
  });
});

describe('a direction', () => {
  it.each(['none', '', undefined])('that is none is refused: %s', async (none) => {
    const { buf, calls } = staticExport(nth(rigs(1), 0));
    const att = await buf.attach('enc');
    expect(await rejected(att.map(none as never))).toMatchObject({ code: 'EINVAL' });
    expect(calls).toEqual(['attach enc -']);
  });
});

describe('the direction of a kept mapping', () => {
  it('is that of the first map, and nothing else is served until detach', async () => {
    const { buf, calls } = staticExport(nth(rigs(1), 0), 100, { cacheMapping: true });
    const att = await buf.attach('enc');
    expect(att.tryMap('to-device')).toBeNull();
    const map = await att.map('to-device');
    expect(att.cached).toBe(true);
    map.unmap();
    expect(att.tryMap('to-device')).toBe(map);
    for (const direction of ['from-device', 'bidirectional'] as const) {
      expect(thrown(() => att.tryMap(direction))).toMatchObject({ code: 'EBUSY' });
      expect(thrown(() => att.mapSync(direction))).toMatchObject({ code: 'EBUSY' });
    }
    expect(calls).toEqual(['attach enc -', 'map enc to-device -']);
    await att.detach();
    expect(calls.slice(2)).toEqual(['unmap enc to-device -', 'detach enc -']);
  });

  it('the first map is made once, whoever asks meanwhile', async () => {
    const a = nth(rigs(1), 0);
    const finish: (() => void)[] = [];
    const { buf, calls } = staticExport(a, 100, {
      cacheMapping: true,
      map: async ({ buf: { priv } }) => {
        calls.push('map');
        await new Promise<void>((resolve) => finish.push(resolve));
        return [{ of: priv.home, offset: 0, length: 100 }];
      },
    });
    const att = await buf.attach('enc');
    const asked = [att.map('bidirectional'), att.map('to-device'), att.map('from-device')];
    expect(thrown(() => att.mapSync('to-device'))).toMatchObject({ code: 'EDEADLK' });
    for (const resolve of finish) resolve();
    const [first, ...others] = await Promise.all(asked);
    for (const other of others) expect(other).toBe(first);
    expect(calls.filter((call) => call === 'map')).toHaveLength(1);
  });

  it('a first map that failed is tried again by the next', async () => {
    const { buf, calls, failing } = staticExport(nth(rigs(1), 0), 100, { cacheMapping: true });
    const att = await buf.attach('enc');
    failing.set('map', fail('ENOMEM', 'camera', {}));
    expect(await rejected(att.map('to-device'))).toMatchObject({ code: 'ENOMEM' });
    expect((await att.map('from-device')).direction).toBe('from-device');
    expect(calls.filter((call) => call.startsWith('map'))).toHaveLength(2);
  });
});
