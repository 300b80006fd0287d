// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import {
  type DmaBuf,
  type ExportedBuf,
  openShare,
  Phase,
  phaseOf,
  type SourceSegment,
} from '../../../src/buf/index.js';
import { fail } from '../../../src/errors.js';
import { staticExport } from './exporters.js';
import { nth, type Rig, rejected, rigs, thrown } from './rig.js';

const ops = { map: () => [], unmap() {}, release() {} };
const dynamicOps = { ...ops, pin() {}, unpin() {} };

function exporting(rig: Rig, more: object): unknown {
  const info = { exporter: 'x', size: 1, priv: 1, ops, ...more };
  return rig.buffers.exports.static(info);
}

describe('export', () => {
  it('refuses what is missing or wrong, and leaves nothing behind', () => {
    const a = nth(rigs(1), 0);
    const without = (name: keyof typeof ops): object => ({ ops: { ...ops, [name]: undefined } });
    const cases = [
      without('map'),
      without('unmap'),
      without('release'),
      { ops: { ...ops, map: [] } },
      { ops: null },
      { ops: undefined },
      ...['attach', 'detach', 'beginCpuAccess', 'endCpuAccess'].map((name) => ({
        ops: { ...ops, [name]: true },
      })),
      { ops: { ...ops, cacheMapping: 'yes' } },
      { priv: undefined },
      { exporter: 7 },
      { exporter: undefined },
      { exporter: 'x'.repeat(32) },
      { name: 'x'.repeat(32) },
      { name: 7 },
      { size: -1 },
      { size: 1.5 },
      { size: Number.NaN },
      { size: 2 ** 53 },
      { size: '1' },
      { size: undefined },
      { callTimeout: -1 },
      { callTimeout: '1' },
      { callTimeout: Number.NaN },
      { resv: {} },
      { resv: null },
    ];
    for (const more of cases) {
      const told = { code: 'EINVAL', op: 'Domain.export' };
      expect(
        thrown(() => exporting(a, more)),
        JSON.stringify(more),
      ).toMatchObject(told);
    }
    expect(thrown(() => exporting(a, { callTimeout: -1 })).message).toContain(
      'callTimeout must be',
    );
    for (let row = 0; row < a.buffers.life.used; row++) {
      expect(phaseOf(a.buffers.life.of(row))).toBe(Phase.FREE);
    }
  });

  it('takes what is right: an empty buffer, any private data, no limit of time, names of 31 bytes', () => {
    const a = nth(rigs(1), 0);
    const [exporter, name] = ['e'.repeat(31), 'n'.repeat(31)];
    for (const priv of [null, 0, '']) {
      const more = { exporter, name, priv, size: 0, callTimeout: Infinity };
      const buf = exporting(a, more) as ExportedBuf<unknown>;
      const told = [buf.exporter, buf.name, buf.priv, buf.size, buf.dynamic];
      expect(told).toEqual([exporter, name, priv, 0, false]);
    }
    exporting(a, { ops: { ...ops, cacheMapping: true } });
  });

  it('of nothing gives mappings of nothing', async () => {
    const buf = exporting(nth(rigs(1), 0), { size: 0 }) as DmaBuf;
    const att = await buf.attach('x');
    const map = await att.map('to-device');
    expect([map.bytes.length, map.segments, map.copyOut().length]).toEqual([0, [], 0]);
    using cpu = await buf.cpuAccess('read');
    expect(cpu.as(Float64Array)).toHaveLength(0);
  });

  it('of memory that moves needs pin and unpin, and cannot cache', () => {
    const { exports } = nth(rigs(1), 0).buffers;
    const info = { exporter: 'x', size: 1, priv: 1 };
    const without = (name: keyof typeof dynamicOps) => ({ ...dynamicOps, [name]: undefined });
    const wrong = [
      ...(['map', 'unmap', 'pin', 'unpin', 'release'] as const).map(without),
      { ...dynamicOps, cacheMapping: true },
    ];
    for (const given of wrong) {
      const call = (): unknown => exports.dynamic({ ...info, ops: given });
      expect(thrown(call)).toMatchObject({ code: 'EINVAL', op: 'Domain.dynamicExport' });
    }
    expect(exports.dynamic({ ...info, ops: dynamicOps }).dynamic).toBe(true);
  });

  it('of memory that stays has no pin, no unpin, and nothing that could move it', () => {
    const a = nth(rigs(1), 0);
    for (const name of ['pin', 'unpin'] as const) {
      const error = thrown(() => exporting(a, { ops: { ...ops, [name]: () => {} } }));
      expect(error).toMatchObject({ code: 'EINVAL' });
      expect(error.message).toContain('dynamicExport');
    }
    expect('moveNotify' in (exporting(a, {}) as object)).toBe(false);
  });

  it('takes a reservation of one’s own, and only of one’s own agent', async () => {
    const all = rigs(2);
    const [a, b] = [nth(all, 0), nth(all, 1)];
    const resv = a.reservations.create();
    const [one, two] = [a.heap.alloc(1, { resv }), a.heap.alloc(1, { resv })];
    expect([one.resv, two.resv]).toEqual([resv, resv]);
    const lock = one.resv.tryLock();
    expect(two.resv.locked).toBe(true);
    lock?.unlock();
    for (const call of [() => b.heap.alloc(1, { resv }), () => exporting(b, { resv })]) {
      expect(thrown(call)).toMatchObject({ code: 'EXDEV' });
    }
    expect((exporting(a, { resv }) as DmaBuf).resv === resv).toBe(true);
    one.close();
    expect(two.resv.tryLock()?.held).toBe(true);
  });
});

describe('the last put of an exported buffer', () => {
  it('releases in no critical section: not within close(), and not under a lock', async () => {
    const a = nth(rigs(1), 0);
    const { buf, calls } = staticExport(a);
    const other = a.heap.alloc(1);
    const lock = await other.resv.lock();
    buf.close();
    await Promise.resolve();
    expect(calls).toEqual([]);
    lock.unlock();
    await a.buffers.idle();
    expect(calls).toEqual(['release']);
    expect(a.heap.used).toBe(4096);
  });

  it('is over when the current job is, and not before', async () => {
    const { buf, calls } = staticExport(nth(rigs(1), 0));
    buf.close();
    expect(calls).toEqual([]);
    await Promise.resolve();
    expect(calls).toEqual(['release']);
  });

  it('happens in the agent that exported, whoever closed last', () => {
    const all = rigs(2);
    const [a, b] = [nth(all, 0), nth(all, 1)];
    const { buf, calls } = staticExport(a);
    const theirs = openShare(b.buffers, 'open', buf.share());
    a.agent.serve();
    buf.close();
    theirs.close();
    expect(calls).toEqual([]);
    expect(phaseOf(a.buffers.life.of(buf.row))).toBe(Phase.DYING);
    a.agent.serve();
    a.agent.flush();
    expect(calls).toEqual(['release']);
    expect(phaseOf(a.buffers.life.of(buf.row))).toBe(Phase.FREE);
    expect(a.heap.used).toBe(0);
  });

  it('is not stopped by who comes while it is due: nobody refers to a dying buffer again', () => {
    const all = rigs(2);
    const [a, b] = [nth(all, 0), nth(all, 1)];
    const { buf, calls } = staticExport(a);
    const { row, generation } = buf;
    const theirs = openShare(b.buffers, 'open', buf.share());
    a.agent.serve();
    buf.close();
    theirs.close();
    expect(phaseOf(a.buffers.life.of(row))).toBe(Phase.DYING);
    expect([a, b].map(({ buffers }) => buffers.adopt(row, generation))).toEqual([null, null]);
    expect(phaseOf(a.buffers.life.of(row))).toBe(Phase.DYING);
    a.agent.serve();
    a.agent.flush();
    expect(calls).toEqual(['release']);
    expect(phaseOf(a.buffers.life.of(row))).toBe(Phase.FREE);
  });

  it('runs nothing when the exporter has died: whoever closes last frees the row', () => {
    const all = rigs(2);
    const [a, b] = [nth(all, 0), nth(all, 1)];
    const { buf, calls } = staticExport(a);
    const { row } = buf;
    const theirs = openShare(b.buffers, 'open', buf.share());
    all.bury(a);
    expect(phaseOf(b.buffers.life.of(row))).toBe(Phase.LIVE);
    theirs.close();
    expect(phaseOf(b.buffers.life.of(row))).toBe(Phase.FREE);
    expect(calls).toEqual([]);
    expect(b.heap.used).toBe(0);
  });

  it('is not lost when the exporter dies before it could look', () => {
    const all = rigs(2);
    const [a, b] = [nth(all, 0), nth(all, 1)];
    const { buf } = staticExport(a);
    const { row } = buf;
    const theirs = openShare(b.buffers, 'open', buf.share());
    a.buffers.tickets.sweep();
    buf.close();
    theirs.close();
    expect(phaseOf(b.buffers.life.of(row))).toBe(Phase.DYING);
    all.bury(a);
    expect(phaseOf(b.buffers.life.of(row))).toBe(Phase.FREE);
  });

  it('an exporter that leaves takes its buffers’ callbacks with it', () => {
    const all = rigs(2);
    const [a, b] = [nth(all, 0), nth(all, 1)];
    const { buf, calls } = staticExport(a);
    const theirs = openShare(b.buffers, 'open', buf.share());
    a.buffers.close();
    a.agent.leave(new Error('left'));
    theirs.close();
    expect(phaseOf(b.buffers.life.of(buf.row))).toBe(Phase.FREE);
    expect(calls).toEqual([]);
    expect(b.heap.used).toBe(0);
  });
});

describe('what an exporter hands out', () => {
  const mapping = async (sources: (home: DmaBuf, rig: Rig) => unknown): Promise<unknown> => {
    const a = nth(rigs(2), 0);
    const { buf, calls } = staticExport(a, 100, {
      map: ({ buf: { priv } }) => sources(priv.home, a) as SourceSegment[],
    });
    const att = await buf.attach('x');
    const error = await rejected(att.map('to-device'));
    const undone = calls.filter((call) => call.startsWith('unmap')).length;
    return [error.code, undone];
  };

  it('must be heap buffers, and exactly as much as the buffer has', async () => {
    expect(await mapping((of) => [{ of, offset: 0, length: 99 }])).toEqual(['EIO', 1]);
    const [all, more] = [100, 1].map((length) => ({ offset: 0, length }));
    expect(
      await mapping((of) => [
        { of, ...all },
        { of, ...more },
      ]),
    ).toEqual(['EIO', 1]);
    expect(await mapping((of) => [{ of, offset: 1, length: 100 }])).toEqual(['EIO', 1]);
    expect(await mapping((of) => [{ of, offset: -1, length: 100 }])).toEqual(['EIO', 1]);
    expect(await mapping((of) => [{ of, offset: 0, length: Number.NaN }])).toEqual(['EIO', 1]);
    expect(await mapping(() => [{ of: {}, offset: 0, length: 100 }])).toEqual(['EIO', 1]);
    expect(await mapping(() => [undefined])).toEqual(['EIO', 1]);
    expect(await mapping(() => 'memory')).toEqual(['EIO', 0]);
    expect(await mapping(() => null)).toEqual(['ENOMEM', 0]);
    const nested = (_: DmaBuf, rig: Rig): unknown => [
      { of: staticExport(rig, 100).buf, offset: 0, length: 100 },
    ];
    expect(await mapping(nested)).toEqual(['EIO', 1]);
    const closed = (_: DmaBuf, rig: Rig): unknown => {
      const of = rig.heap.alloc(100);
      of.close();
      return [{ of, offset: 0, length: 100 }];
    };
    expect(await mapping(closed)).toEqual(['EIO', 1]);
  });

  it('errors where a callback may not fail are reported, and change nothing', async () => {
    const a = nth(rigs(1), 0);
    const { buf, failing } = staticExport(a);
    for (const name of ['unmap', 'release']) failing.set(name, new Error(name));
    const att = await buf.attach('x');
    const map = await att.map('to-device');
    map.unmap();
    expect(thrown(() => map.bytes)).toMatchObject({ code: 'ESTALE' });
    const access = await buf.cpuAccess('read');
    failing.set('end', new Error('end'));
    access.end();
    await a.buffers.idle();
    failing.set('detach', fail('EIO', 'camera', {}));
    att[Symbol.dispose]();
    buf.close();
    await a.buffers.idle();
    const causes = a.errors.map((error) => (error as Error).message);
    expect(causes).toHaveLength(4);
    expect(phaseOf(a.buffers.life.of(buf.row))).toBe(Phase.FREE);
  });
});
