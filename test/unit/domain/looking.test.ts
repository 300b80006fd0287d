// SPDX-License-Identifier: MIT
import { describe, expect, test } from 'vitest';
import { Domain } from '../../../src/index.js';
import { interleaved } from '../interleaved.js';

const small = { heap: 2 ** 20, debug: false } as const;

describe('snapshot', () => {
  test('shows references, tickets, messages, attachments, lock and fences of a buffer', async () => {
    await using domain = await Domain.create(small);
    using buf = domain.alloc(5000, { name: 'frame' });
    using again = buf.dup();
    using timeline = domain.timeline('render');
    using channel = domain.channel('c');
    await channel.send(again);
    buf.share();
    await using attachment = await buf.attach('screen');
    using map = await attachment.map('to-device');
    using lock = await buf.resv.lock();
    lock.reserve(2);
    lock.add(timeline.next(), 'read');
    const done = timeline.next();
    lock.add(done, 'write');
    timeline.signal(done);
    const { buffers, members, heaps, bytesCopied } = domain.snapshot();
    expect(buffers).toHaveLength(1);
    expect(buffers[0]).toMatchObject({
      id: buf.id,
      name: 'frame',
      exporter: 'system',
      size: 5000,
      inFlight: 2,
      attachments: [{ device: 'screen', member: 'main', dynamic: false, mapped: 1, pinned: 0 }],
      lock: { holder: 'main', waiters: [] },
    });
    expect(buffers[0]?.refs['main']).toBeGreaterThanOrEqual(2);
    expect(buffers[0]?.lock?.forMs).toBeGreaterThanOrEqual(0);
    expect(buffers[0]?.fences.every(({ timeline: name }) => name === 'render')).toBe(true);
    expect(members).toMatchObject([
      { name: 'main', as: 'thread', watched: true, waitingFor: null },
    ]);
    expect(heaps).toEqual([{ name: 'system', size: 2 ** 20, used: 8192 }]);
    expect(bytesCopied).toBe(0);
    map.copyOut({ length: 100 });
    expect(domain.snapshot().bytesCopied).toBe(100);
    map.unmap();
    lock.unlock();
    channel.tryReceive()?.done();
  });

  test('shows no buffer that has gone while it was looked at, and no mixture with the next one', async () => {
    await using domain = await Domain.create(small);
    for (const replaced of [false, true]) {
      const old = domain.alloc(4711, { name: 'old' });
      const { buffers } = interleaved(
        4711,
        () => {
          old.close();
          if (replaced) domain.alloc(100, { name: 'new' });
        },
        () => domain.snapshot(),
      );
      expect(buffers).toEqual([]);
    }
  });
});

describe('bufinfo', () => {
  test('is the text of debugfs: header, a line per buffer, fences, devices, totals', async () => {
    await using domain = await Domain.create(small);
    using one = domain.alloc(4096, { name: 'one' });
    using two = domain.alloc(100);
    await using attachment = await one.attach('screen');
    const text = await domain.bufinfo();
    const lines = text.split('\n');
    expect(lines.slice(0, 2)).toEqual(['', 'Dma-buf Objects:']);
    expect(text).toContain(`00004096\t00000000\t00000000\t00000001\tsystem\t0000000${one.id}\tone`);
    expect(text).toContain(`\tsystem\t0000000${two.id}\t<none>`);
    expect(text).toContain('\tAttached Devices:\n\tscreen\nTotal 1 devices attached');
    expect(text).toContain('Total 2 objects, 4196 bytes');
    void attachment;
  });

  test('names the newest buffer first', async () => {
    await using domain = await Domain.create(small);
    using old = domain.alloc(1, { name: 'old' });
    using young = domain.alloc(1, { name: 'young' });
    expect(young.id).toBeGreaterThan(old.id);
    expect((await domain.bufinfo()).match(/(?:old|young)$/gm)).toEqual(['young', 'old']);
  });

  test('waits for a reservation that is held, and gives up in time', async () => {
    await using domain = await Domain.create(small);
    using buf = domain.alloc(1);
    const lock = await buf.resv.lock();
    await expect(domain.bufinfo({ timeout: 1 })).rejects.toMatchObject({ code: 'ETIMEDOUT' });
    const text = domain.bufinfo();
    lock.unlock();
    expect(await text).toContain('Total 1 objects');
  });
});

describe('stall', () => {
  test('a wait that takes long is told once, with who would have to act', async () => {
    await using domain = await Domain.create({ ...small, stallAfter: 5 });
    using timeline = domain.timeline('slow');
    const fence = timeline.next();
    const stalled = new Promise<{ op: string; waitingFor: string; graph: string }>((resolve) => {
      domain.on('stall', resolve);
    });
    const wait = fence.wait();
    const { op, waitingFor } = await stalled;
    expect(op).toBe('Fence.wait');
    expect(waitingFor).toBe('fence slow:1, owed by main');
    const waits = (): unknown => domain.snapshot().members[0]?.waitingFor;
    expect(waits()).toBe(waitingFor);
    timeline.signal(fence);
    await wait;
    expect(waits()).toBeNull();
  });

  test('a loop over readiness says what it would take', async () => {
    await using domain = await Domain.create(small);
    using frame = domain.alloc(8, { name: 'frame' });
    const loop = frame.readiness();
    await loop.next();
    const waits = (): unknown => domain.snapshot().members[0]?.waitingFor;
    const step = loop.next();
    await new Promise((resolve) => setImmediate(resolve));
    expect(waits()).toBe(`a new fence of buffer ${frame.id} "frame"`);
    await loop.return?.();
    await step;
    expect(waits()).toBeNull();
  });
});
