// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import { oneSlab } from '../../../src/heap/index.js';
import { staticExport } from './exporters.js';
import { nth, rigs, thrown } from './rig.js';

describe('bytes', () => {
  it('are a window of the right offset and length into the heap', () => {
    const memory = new SharedArrayBuffer(16 * 4096);
    const { heap } = nth(rigs(1, { pages: 16 }, {}, [], oneSlab(memory)), 0);
    heap.alloc(1);
    const { bytes } = heap.alloc(5000).cpuAccessSync('read');
    expect([bytes.byteOffset, bytes.length, bytes.buffer === memory]).toEqual([4096, 5000, true]);
  });

  it('as() gives other typed arrays over the same memory', () => {
    const { heap } = nth(rigs(1), 0);
    heap.alloc(1);
    const cpu = heap.alloc(24).cpuAccessSync('write');
    cpu.as(Float64Array)[1] = 1.5;
    expect(cpu.as(Float64Array).byteOffset).toBe(4096);
    expect(cpu.as(Float64Array, { offset: 8, length: 8 })).toEqual(new Float64Array([1.5]));
    expect(cpu.as(Uint32Array)).toHaveLength(6);
    expect(cpu.as(Int16Array, { offset: 2 })).toHaveLength(11);
  });

  it('as() and copyOut() refuse ranges that do not fit', () => {
    const cpu = nth(rigs(1), 0).heap.alloc(10).cpuAccessSync('read');
    const wrong: readonly (() => unknown)[] = [
      () => cpu.as(Float32Array),
      () => cpu.as(Float32Array, { offset: 2, length: 4 }),
      () => cpu.as(Uint8Array, { offset: 11 }),
      () => cpu.as(Uint8Array, { offset: -1 }),
      () => cpu.as(Uint8Array, { offset: 4, length: 7 }),
      () => cpu.as(Uint8Array, { length: Number.NaN }),
      () => cpu.as(DataView as unknown as typeof Uint8Array),
      () => cpu.as(undefined as unknown as typeof Uint8Array),
      () => cpu.copyOut({ offset: 0.5 }),
      () => cpu.copyOut({ length: 2 ** 53 }),
    ];
    for (const call of wrong) expect(thrown(call)).toMatchObject({ code: 'EINVAL' });
    expect(cpu.copyOut({ offset: 10 })).toEqual(new Uint8Array(0));
  });

  it('copyOut() is a private copy, and is counted for everybody', () => {
    const all = rigs(2);
    const [a, b] = [nth(all, 0), nth(all, 1)];
    const cpu = a.heap.alloc(10).cpuAccessSync('write');
    cpu.bytes.set([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    const copy = cpu.copyOut({ offset: 2, length: 3 });
    cpu.bytes.fill(0);
    expect([...copy]).toEqual([2, 3, 4]);
    expect(copy.buffer).toBeInstanceOf(ArrayBuffer);
    cpu.copyOut();
    expect(b.buffers.rows.bytesCopied).toBe(13);
  });

  it('copyOut() joins segments', async () => {
    const a = nth(rigs(1), 0);
    const { buf } = staticExport(a, 6, {
      map: ({ buf: { priv } }) => [
        { of: priv.home, offset: 4, length: 2 },
        { of: priv.home, offset: 0, length: 4 },
      ],
    });
    buf.priv.home.cpuAccessSync('write').bytes.set([1, 2, 3, 4, 5, 6]);
    const att = await buf.attach('x');
    const map = await att.map('to-device');
    expect([...map.copyOut()]).toEqual([5, 6, 1, 2, 3, 4]);
    expect([...map.copyOut({ offset: 1, length: 3 })]).toEqual([6, 1, 2]);
    expect(thrown(() => map.as(Uint8Array))).toMatchObject({ code: 'EINVAL' });
  });

  it('a mapping that was unmapped, and one whose attachment was detached, throw', async () => {
    const buf = nth(rigs(1), 0).heap.alloc(8);
    const att = buf.attachSync('x');
    const [first, second] = [att.mapSync('to-device'), att.mapSync('bidirectional')];
    first.unmap();
    expect(thrown(() => first.bytes)).toMatchObject({ code: 'ESTALE' });
    expect(second.bytes).toHaveLength(8);
    await att.detach();
    expect(thrown(() => second.bytes)).toMatchObject({ code: 'ESTALE' });
    expect(thrown(() => second.segments)).toMatchObject({ code: 'ESTALE' });
    second.unmap();
  });
});
