// SPDX-License-Identifier: MIT
/**
 * What Linux asks of each of its heaps in tools/testing/selftests/dmabuf-heaps, asked here in this project's words, under the
 * kernel's names, of the system heap and of one whose buffers are an exporter's of one's own (examples/7-heap.ts).
 */
import { type DmaBuf, DmaBufError, Domain, KiB, MiB } from 'dmabuf';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { chunkHeap } from '../../examples/7-heap.js';
import { HOSTED } from '../threads/support/host.js';

let domain: Domain;
beforeEach(async () => {
  domain = await Domain.create({ heap: 64 * MiB, ...HOSTED });
});
afterEach(() => domain.close());

const codeOf = (call: () => unknown): string => {
  try {
    call();
    return 'no error';
  } catch (error) {
    return DmaBufError.is(error) ? error.code : String(error);
  }
};

describe.each(['system', 'chunks'])('dmabuf-heaps, %s', (heap) => {
  beforeEach(() => {
    if (heap === 'chunks') domain.addHeap(chunkHeap(domain, heap));
  });

  const alloc = (size: unknown, options: object = {}): DmaBuf =>
    domain.alloc(size as number, { heap, ...options });

  test('alloc_and_import: a buffer that is written, imported, and written again', async () => {
    using buf = alloc(MiB, { name: 'imported' });
    {
      using cpu = await buf.cpuAccess('write');
      cpu.bytes.fill(7);
    }
    await using importer = await buf.attach('vgem');
    using mapping = await importer.map('bidirectional');
    expect(mapping.segments.every(({ bytes }) => bytes.every((byte) => byte === 7))).toBe(true);
    {
      using cpu = await buf.cpuAccess('read-write');
      cpu.bytes.fill(8);
    }
    expect(mapping.segments.every(({ bytes }) => bytes.every((byte) => byte === 8))).toBe(true);
  });

  for (const [name, size] of [
    ['4 KiB', 4 * KiB],
    ['1 MiB', MiB],
  ] as const) {
    test(`alloc_zeroed ${name}: what 32 buffers were filled with is not in the next 32`, async () => {
      const count = 32;
      for (const fill of [0xff, null]) {
        const all = Array.from({ length: count }, () => alloc(size));
        for (const buf of all) {
          using cpu = await buf.cpuAccess('read-write');
          if (fill === null) expect(cpu.bytes.every((byte) => byte === 0)).toBe(true);
          else cpu.bytes.fill(fill);
        }
        for (const buf of all) buf.close();
        await domain.idle();
        expect(domain.heap('system').used).toBe(0);
      }
    });
  }

  test('compat older: who says less than there is to say gets a buffer', () => {
    expect(domain.heap(heap).alloc(4 * KiB).size).toBe(4 * KiB);
    expect(alloc(4 * KiB, { name: undefined, resv: undefined }).name).toBe(null);
  });

  test('compat newer: what is said beyond what is known is ignored', () => {
    const garbage = { garbage: 0xff, more: [0xff], most: { name: 7 } };
    expect(alloc(4 * KiB, garbage).size).toBe(4 * KiB);
  });

  test('errors heap fd: no heap of that name', () => {
    for (const wrong of ['', 'stdin', 'System', 0, null, {}]) {
      expect(codeOf(() => alloc(4 * KiB, { heap: wrong }))).toBe('ENOENT');
    }
  });

  test('errors heap_flags: what is no name and no reservation is refused before anything is made', () => {
    for (const wrong of [{ name: 0x11_11_11 }, { name: 'x'.repeat(32) }, { resv: 0x11_11_11 }]) {
      expect(codeOf(() => alloc(4 * KiB, wrong))).toBe('EINVAL');
      expect(codeOf(() => alloc(0, wrong))).toBe('EINVAL');
    }
    expect(domain.snapshot().buffers).toEqual([]);
  });

  test('no size is nothing, a part of a byte, or more than can be counted', () => {
    for (const wrong of [0, -1, 1.5, 2 ** 53, Number.NaN, '4096', null]) {
      expect(codeOf(() => alloc(wrong))).toBe('EINVAL');
    }
    expect(codeOf(() => alloc(64 * MiB + 1))).toBe('ENOMEM');
    expect(domain.snapshot().buffers).toEqual([]);
  });
});
