// SPDX-License-Identifier: MIT
/**
 * What Linux asks of udmabuf in tools/testing/selftests/drivers/dma-buf, as far as it has a meaning here: a buffer made of ranges of
 * memory that is there already. That memory is here a heap buffer, which an exporter of one's own hands out in pieces.
 */
import { type DmaBuf, DmaBufError, Domain, KiB, MiB, type SourceSegment } from 'dmabuf';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { HOSTED } from '../threads/support/host.js';

let domain: Domain;
beforeEach(async () => {
  domain = await Domain.create({ heap: 64 * MiB, ...HOSTED });
});
afterEach(() => domain.close());

/** A buffer over these ranges. */
const over = (segments: readonly SourceSegment[], size: number): DmaBuf =>
  domain.export({
    exporter: 'udmabuf',
    size,
    priv: null,
    ops: { map: () => segments, unmap() {}, release() {} },
  });

async function mapped(buf: DmaBuf): Promise<readonly Uint8Array[]> {
  const importer = await buf.attach('importer');
  return (await importer.map('bidirectional')).segments.map(({ bytes }) => bytes);
}

/** Every other page of the memory, the last one first. */
function scattered(memory: DmaBuf, page: number, count: number): SourceSegment[] {
  const at = Array.from({ length: count }, (_, n) => 2 * (count - 1 - n) * page);
  return at.map((offset) => ({ of: memory, offset, length: page }));
}

async function fill(memory: DmaBuf, page: number, first: number): Promise<void> {
  using cpu = await memory.cpuAccess('write');
  for (let n = 0; n * page < cpu.bytes.length; n++) {
    cpu.bytes.fill(first + n, n * page, (n + 1) * page);
  }
}

describe('udmabuf', () => {
  test('memfd: what is no memory of the domain is refused', async () => {
    const wrong = [0, null, new SharedArrayBuffer(4096), { size: 4096 }];
    for (const of of wrong) {
      const segments = [{ of: of as never, offset: 0, length: 4096 }];
      using buf = over(segments, 4096);
      const code = await mapped(buf).catch((error: unknown) =>
        DmaBufError.is(error) ? error.code : error,
      );
      expect(code).toBe('EIO');
    }
  });

  test('valid: one range is a buffer', async () => {
    using memory = domain.alloc(16 * KiB);
    using buf = over([{ of: memory, offset: 4 * KiB, length: 8 * KiB }], 8 * KiB);
    expect((await mapped(buf)).map(({ length }) => length)).toEqual([8 * KiB]);
  });

  for (const [name, page] of [
    ['4 KiB', 4 * KiB],
    ['2 MiB', 2 * MiB],
  ] as const) {
    const count = 8;

    test(`list ${name}: the buffer is the memory, piece by piece, and stays it when that is written anew`, async () => {
      using memory = domain.alloc(2 * count * page);
      await fill(memory, page, 1);
      using buf = over(scattered(memory, page, count), count * page);
      const pieces = await mapped(buf);
      for (const first of [1, 101]) {
        await fill(memory, page, first);
        for (const [n, bytes] of pieces.entries()) {
          expect(bytes.every((byte) => byte === first + 2 * (count - 1 - n))).toBe(true);
        }
      }
    });
  }

  test('list before write: the same of memory that nobody has touched yet', async () => {
    const [page, count] = [2 * MiB, 8];
    using memory = domain.alloc(2 * count * page);
    using buf = over(scattered(memory, page, count), count * page);
    const pieces = await mapped(buf);
    expect(pieces.every((bytes) => bytes[0] === 0 && bytes.at(-1) === 0)).toBe(true);
    await fill(memory, page, 1);
    expect(pieces.map((bytes) => bytes[page - 1])).toEqual([15, 13, 11, 9, 7, 5, 3, 1]);
  });
});
