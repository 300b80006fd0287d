// SPDX-License-Identifier: MIT
/** What once went wrong in Linux, tried here; the table in SEMANTICS.md says which. */
import { describe, expect, it } from 'vitest';
import { openShare, type SourceSegment } from '../../../src/buf/index.js';
import { fail } from '../../../src/errors.js';
import type { Timeline } from '../../../src/fence/index.js';
import type { Usage } from '../../../src/resv/index.js';
import { interleaved } from '../interleaved.js';
import { dynamicExport, importer, staticExport } from './exporters.js';
import { nth, type Rig, rejected, rigs, thrown } from './rig.js';

const turns = async (): Promise<void> => {
  for (let turn = 0; turn < 12; turn++) await new Promise((resolve) => setImmediate(resolve));
};

/** Adds a pending fence. @returns what signals it */
async function pending(
  timeline: Timeline,
  { resv }: ReturnType<Rig['heap']['alloc']>,
  usage: Exclude<Usage, 'kernel'>,
): Promise<() => void> {
  const fence = timeline.next();
  using lock = await resv.lock();
  lock.reserve(1);
  lock.add(fence, usage);
  return () => timeline.signal(fence);
}

describe('names', () => {
  it('go with their buffer: the next one in its row has none, and old handles do not show its', () => {
    const a = nth(rigs(1), 0);
    const old = a.heap.alloc(1, { name: 'old' });
    const { row } = old;
    old.close();
    const next = a.heap.alloc(1);
    expect([next.row, next.name]).toEqual([row, null]);
    next.close();
    const named = a.heap.alloc(1, { name: 'new' });
    expect(named.row).toBe(row);
    expect(thrown(() => old.name)).toMatchObject({ code: 'ESTALE' });
  });

  it('are never torn, however often they change while one is read', async () => {
    const all = rigs(2);
    const [a, b] = [nth(all, 0), nth(all, 1)];
    const buf = a.heap.alloc(1, { name: 'a'.repeat(31) });
    const theirs = openShare(b.buffers, 'open', buf.share());
    const { rows } = a.buffers;
    for (const changes of [1, 2, 3]) {
      rows.setName(buf.row, 'a'.repeat(31));
      const letters = Int32Array.from([0x61616161])[0] ?? 0;
      const change = (): void => {
        for (let n = 0; n < changes; n++) rows.setName(buf.row, 'bcd'.charAt(n).repeat(31));
      };
      expect(interleaved(letters, change, () => theirs.name)).toMatch(
        /^(a{31}|b{31}|c{31}|d{31})$/,
      );
    }
  });
});

describe('a buffer that is being exported', () => {
  it('is seen by nobody before all of it stands', () => {
    const all = rigs(2);
    const [a, b] = [nth(all, 0), nth(all, 1)];
    const kind = {
      dynamic: false,
      caches: false,
      vmaps: false,
      mmaps: false,
      sealed: false,
      callTimeout: 5_000,
    };
    const facts = { exporter: a.agent.tag, exporterName: 'x', ...kind };
    const row = a.buffers.begin('export', { size: 7, name: 'x' }, facts);
    // Its own one first: who asks for another one would bury a buffer that nobody refers to yet.
    for (const generation of [1, 0, 2, 3]) {
      expect(b.buffers.adopt(row, generation)).toBeNull();
    }
    const { generation } = a.buffers.publish(row);
    const seen = b.buffers.adopt(row, generation);
    expect([seen?.size, seen?.name, seen?.exporter, seen?.resv.locked]).toEqual([
      7,
      'x',
      'x',
      false,
    ]);
  });
});

describe('attach and detach callbacks', () => {
  it('may take the reservation lock, and those of other buffers', async () => {
    const a = nth(rigs(1), 0);
    const other = a.heap.alloc(1);
    const both = async ({ buf }: { readonly buf: typeof other }): Promise<void> => {
      using mine = await buf.resv.lock();
      using theirs = await other.resv.lock();
      expect([mine.held, theirs.held]).toEqual([true, true]);
    };
    const { buf } = staticExport(a, 10, { attach: both, detach: both });
    for (const attaching of [buf.attach('x'), buf.dynamicAttach('y', importer())]) {
      await (await attaching).detach();
    }
    expect(buf.resv.locked).toBe(false);
  });
});

describe('readiness', () => {
  it('to read comes with the last writer, to write with the last reader too', async () => {
    const a = nth(rigs(1), 0);
    const buf = a.heap.alloc(8);
    using timeline = a.fences.timeline('writer');
    using readers = a.fences.timeline('readers');
    const wrote = await pending(timeline, buf, 'write');
    const read = await pending(readers, buf, 'read');
    const ready: string[] = [];
    const asked = [
      buf.readable().then(() => ready.push('readable')),
      buf.writable().then(() => ready.push('writable')),
    ];
    await turns();
    expect(ready).toEqual([]);
    wrote();
    await turns();
    expect(ready).toEqual(['readable']);
    read();
    await Promise.all(asked);
    expect(ready).toEqual(['readable', 'writable']);
  });

  it('is that of the buffer that was asked, though its handle is closed and its row used again', async () => {
    const a = nth(rigs(1), 0);
    const buf = a.heap.alloc(8);
    using timeline = a.fences.timeline('first');
    using others = a.fences.timeline('second');
    const signal = await pending(timeline, buf, 'write');
    const readable = buf.readable();
    const { resv } = buf;
    const waiting = rejected(resv.wait('write'));
    await turns();
    buf.close();
    expect(a.heap.used).toBe(4096);
    signal();
    await readable;
    await turns();
    expect(a.heap.used).toBe(0);
    const next = a.heap.alloc(8);
    expect(next.row).toBe(resv.row);
    await pending(others, next, 'write');
    expect(await waiting).toMatchObject({ message: 'it did not reject' });
    expect(await rejected(resv.wait('write'))).toMatchObject({ code: 'ESTALE' });
  });

  it('of a reservation whose buffer is closed meanwhile is ESTALE, and not that of the next buffer', async () => {
    const a = nth(rigs(1), 0);
    const buf = a.heap.alloc(8);
    using timeline = a.fences.timeline('first');
    using others = a.fences.timeline('second');
    const signal = await pending(timeline, buf, 'write');
    const waiting = rejected(buf.resv.wait('write'));
    await turns();
    buf.close();
    await pending(others, a.heap.alloc(8), 'write');
    signal();
    expect(await waiting).toMatchObject({ code: 'ESTALE' });
  });
});

describe('tables', () => {
  it('are the importer’s own: an exporter may give the same one twice', async () => {
    const a = nth(rigs(1), 0);
    const home = a.heap.alloc(10);
    const same: readonly SourceSegment[] = Object.freeze([
      Object.freeze({ of: home, offset: 0, length: 10 }),
    ]);
    const { buf } = staticExport(a, 10, { map: () => same });
    const att = await buf.attach('x');
    const [one, two] = [await att.map('to-device'), await att.map('from-device')];
    expect(Object.isFrozen(one.segments) && Object.isFrozen(one.segments[0])).toBe(true);
    one.bytes.fill(3);
    one.unmap();
    expect(two.bytes).toEqual(new Uint8Array(10).fill(3));
    expect(Object.keys(two.segments[0] ?? {}).toSorted()).toEqual(['bytes', 'length', 'offset']);
  });
});

describe('a call that fails', () => {
  it('gives back its own hold of the buffer, and nobody else’s', async () => {
    for (const make of [staticExport, dynamicExport]) {
      const a = nth(rigs(1), 0);
      const { buf, failing } = make(a);
      const holders = a.buffers.holders(buf.row);
      const calls = {
        attach: () => buf.attach('x'),
        map: () => buf.cpuAccess('read'),
        begin: () => buf.cpuAccess('write'),
      };
      for (const [name, call] of Object.entries(calls)) {
        failing.set(name, fail('ENOMEM', 'exporter'));
        expect(await rejected(call())).toMatchObject({ code: 'ENOMEM' });
        await a.buffers.idle();
        expect(a.buffers.holders(buf.row), name).toBe(holders);
      }
      expect(buf.closed).toBe(false);
      buf.close();
      a.agent.flush();
      expect(a.heap.used).toBe(0);
    }
  });
});

describe('an attach that fails', () => {
  it('is the end of nothing but itself: the buffer goes on for all others, and for the same device', async () => {
    const a = nth(rigs(1), 0);
    let refusals = 2;
    const { buf } = staticExport(a, 10, {
      attach: () => {
        if (refusals-- > 0) throw fail('EBUSY', 'exporter');
      },
    });
    for (const attaching of [() => buf.attach('x'), () => buf.dynamicAttach('x', importer())]) {
      expect(await rejected(attaching())).toMatchObject({ code: 'EBUSY' });
    }
    const attachment = await buf.attach('x');
    expect((await attachment.map('to-device')).bytes).toHaveLength(10);
    expect((await buf.cpuAccess('write')).bytes).toHaveLength(10);
    expect(buf.resv.locked).toBe(false);
  });
});

describe('an access of the CPU', () => {
  it('waits for fences without the lock: others take it meanwhile, and rename the buffer', async () => {
    const all = rigs(2);
    const [a, b] = [nth(all, 0), nth(all, 1)];
    const own = a.heap.alloc(10);
    for (const buf of [own, dynamicExport(a, 10).buf]) {
      const signal = await pending(
        b.fences.timeline('line'),
        openShare(b.buffers, 'open', buf.share()),
        'write',
      );
      const access = buf.cpuAccess('read');
      await turns();
      const theirs = openShare(b.buffers, 'open', buf.share());
      (await theirs.resv.lock({ timeout: 1000 })).unlock();
      if (buf === own) await theirs.setName('meanwhile', { timeout: 1000 });
      signal();
      (await access).end();
    }
    expect(own.name).toBe('meanwhile');
  });

  it('ends without waiting for anything, though fences were added and the lock is held', async () => {
    const a = nth(rigs(1), 0);
    const { buf, calls } = staticExport(a, 10);
    const cpu = await buf.cpuAccess('read-write');
    const timeline = a.fences.timeline('line');
    const signal = await pending(timeline, buf, 'read');
    using lock = await buf.resv.lock();
    cpu.end();
    expect(calls.filter((call) => call.startsWith('end'))).toHaveLength(1);
    expect([lock.held, buf.resv.test('read')]).toEqual([true, false]);
    signal();
  });
});
