// SPDX-License-Identifier: MIT
/** Callbacks that go on after their caller has given up: what they bring is undone, and nothing overtakes that. */
import { describe, expect, it } from 'vitest';
import type { AttachmentInfo, SourceSegment } from '../../../src/buf/index.js';
import type { HeldLock } from '../../../src/resv/index.js';
import { dynamicExport, type Home, importer, staticExport } from './exporters.js';
import { abortable, gate } from './gate.js';
import { nth, rejected, rigs } from './rig.js';

describe('a callback that goes on', () => {
  it('is followed by the exporter’s detach, when it maps without the lock', async () => {
    const { passed, open } = gate();
    const { buf, calls } = staticExport(nth(rigs(1), 0), 10, {
      map: async ({ buf: { priv } }) => {
        await passed;
        return [{ of: priv.home, offset: 0, length: 10 }];
      },
    });
    const att = await buf.attach('enc');
    const { signal, reason, abort } = abortable();
    const mapping = att.map('to-device', { signal });
    abort();
    expect(await rejected(mapping)).toBe(reason);
    const detaching = att.detach();
    await Promise.resolve();
    expect(calls).toEqual(['attach enc -']);
    await open();
    await detaching;
    expect(calls).toEqual(['attach enc -', 'unmap enc to-device -', 'detach enc -']);
  });

  it('keeps the buffer: release comes after what had to be undone', async () => {
    for (const name of ['attach', 'beginCpuAccess'] as const) {
      const a = nth(rigs(1), 0);
      const { passed, open } = gate();
      const { buf, calls } = staticExport(a, 10, { [name]: () => passed });
      const { signal, reason, abort } = abortable();
      const asking =
        name === 'attach' ? buf.attach('enc', { signal }) : buf.cpuAccess('read', { signal });
      abort();
      expect(await rejected(asking)).toBe(reason);
      buf.close();
      a.agent.flush();
      expect(calls).toEqual([]);
      await open();
      expect(calls).toEqual([name === 'attach' ? 'detach enc' : 'end read', 'release']);
    }
  });

  it('keeps the buffer, when it is a detach that takes too long', async () => {
    const a = nth(rigs(1), 0);
    const { passed, open } = gate();
    const released: string[] = [];
    const buf = a.buffers.exports.static({
      exporter: 'x',
      size: 1,
      priv: null,
      callTimeout: 1,
      ops: {
        detach: () => passed,
        map: () => [],
        unmap() {},
        release: () => void released.push('release'),
      },
    });
    const att = await buf.attach('enc');
    buf.close();
    expect(await rejected(att.detach())).toMatchObject({ code: 'ETIMEDOUT' });
    a.agent.flush();
    expect(released).toEqual([]);
    await open();
    expect(released).toEqual(['release']);
  });

  it('that does not end in its time does not keep detach() waiting: it is followed by the detach when it ends', async () => {
    const a = nth(rigs(1), 0);
    const { passed, open } = gate();
    const calls: string[] = [];
    const buf = a.buffers.exports.static({
      exporter: 'x',
      size: 10,
      priv: null,
      callTimeout: 1,
      ops: {
        map: async () => {
          await passed;
          throw new Error('broken');
        },
        unmap() {},
        detach: () => void calls.push('detach'),
        release: () => void calls.push('release'),
      },
    });
    const att = await buf.attach('enc');
    expect(await rejected(att.map('to-device'))).toMatchObject({ code: 'ETIMEDOUT' });
    expect(await rejected(att.detach())).toMatchObject({
      code: 'ETIMEDOUT',
      op: 'Attachment.detach',
    });
    expect(calls).toEqual([]);
    buf.close();
    await open();
    await a.buffers.idle();
    expect(calls).toEqual(['detach', 'release']);
  });

  it('that fails at last leaves nothing to undo', async () => {
    const a = nth(rigs(1), 0);
    const { passed, open } = gate();
    const { buf, calls } = staticExport(a, 10, {
      attach: async () => {
        await passed;
        throw new Error('broken');
      },
    });
    const { signal, abort } = abortable();
    const attaching = buf.attach('enc', { signal });
    abort();
    await rejected(attaching);
    await open();
    expect(calls).toEqual([]);
    buf.close();
    a.agent.flush();
    expect(calls).toEqual(['release']);
  });

  it('has its lock to the end, though who asked for it has gone', async () => {
    const a = nth(rigs(1), 0);
    const home = a.heap.alloc(10);
    const { passed, open } = gate();
    const shown: boolean[] = [];
    const calls: string[] = [];
    const late = async (lock: HeldLock): Promise<void> => {
      await passed;
      shown.push(lock.held);
      lock.reserve(1);
    };
    const buf = a.buffers.exports.dynamic({
      exporter: 'x',
      size: 10,
      priv: null,
      ops: {
        map: async (_att, _direction, lock): Promise<SourceSegment[]> => {
          await late(lock);
          return [{ of: home, offset: 0, length: 10 }];
        },
        unmap: (_att, _segments, _direction, { held }) => void calls.push(`unmap ${held}`),
        pin() {},
        unpin: (_att, { held }) => void calls.push(`unpin ${held}`),
        detach: () => void calls.push(`detach ${buf.resv.locked}`),
        release() {},
      },
    });
    const { signal, abort } = abortable();
    const attaching = buf.attach('enc', { signal });
    abort();
    await rejected(attaching);
    expect([buf.resv.locked, calls]).toEqual([true, []]);
    await open();
    expect(shown).toEqual([true]);
    expect(calls).toEqual(['unmap true', 'unpin true', 'detach false']);
    expect(buf.resv.locked).toBe(false);
  });

  it('is no hindrance for its agent to leave', async () => {
    const all = rigs(2);
    const a = nth(all, 0);
    const never = new Promise<SourceSegment[]>(() => {});
    const map = (_att: AttachmentInfo<Home>): Promise<SourceSegment[]> => never;
    const { buf } = staticExport(a, 10, { map });
    const att = await buf.attach('enc');
    const { signal, abort } = abortable();
    const mapping = att.map('to-device', { signal });
    abort();
    await rejected(mapping);
    const detaching = att.detach();
    const reason = new Error('left');
    a.buffers.close();
    a.agent.leave(reason);
    expect(await rejected(detaching)).toBe(reason);
    expect(nth(all, 1).heap.used).toBe(0);
  });

  it('does not keep a dynamic importer from detaching, whose lock it needs for the undoing', async () => {
    const a = nth(rigs(1), 0);
    const home = a.heap.alloc(10);
    const { passed, open } = gate();
    const calls: string[] = [];
    const buf = a.buffers.exports.dynamic({
      exporter: 'x',
      size: 10,
      priv: null,
      ops: {
        map: async (): Promise<SourceSegment[]> => {
          await passed;
          return [{ of: home, offset: 0, length: 10 }];
        },
        unmap: (_att, _segments, _direction, { held }) => void calls.push(`unmap ${held}`),
        pin() {},
        unpin() {},
        detach: () => void calls.push('detach'),
        release() {},
      },
    });
    const att = await buf.dynamicAttach('gpu', importer());
    const lock = await buf.resv.lock();
    const { signal, abort } = abortable();
    const mapping = att.map(lock, 'to-device', { signal });
    abort();
    await rejected(mapping);
    lock.unlock();
    const detaching = att.detach();
    await open();
    await detaching;
    expect(calls).toEqual(['unmap true', 'detach']);
  });

  it('keeps the buffer where it is, when it pins, until that is undone', async () => {
    const a = nth(rigs(1), 0);
    const { passed, open } = gate();
    const { buf, calls } = dynamicExport(a, 10, { pin: () => passed });
    const att = await buf.dynamicAttach('gpu', importer());
    const lock = await buf.resv.lock();
    expect(await rejected(att.pin(lock, { timeout: 0 }))).toMatchObject({ code: 'ETIMEDOUT' });
    await open();
    expect(await rejected(buf.moveNotify(lock))).toMatchObject({ code: 'EBUSY' });
    lock.unlock();
    await a.buffers.idle();
    expect(calls).toEqual(['attach gpu -', 'unpin gpu lock +']);
    using again = await buf.resv.lock();
    await buf.moveNotify(again);
  });
});
