// SPDX-License-Identifier: MIT
/** What IGT asks in tests/prime_self_import.c about the size of a buffer's file, in this project's words, under its names. */
import { describe, expect, test } from 'vitest';
import { DmaBufFile, SEEK_END, SEEK_SET } from '../../src/file/index.js';
import { thrown } from '../unit/buf/rig.js';
import { type Rig, rigs } from '../unit/file/rig.js';

const opened = (size: number): DmaBufFile => {
  const [rig] = rigs() as [Rig];
  const ops = { map: () => [], unmap: () => {}, release: () => {} };
  return DmaBufFile.open(rig.buffers.exports.static({ exporter: 'vgem', size, priv: 0, ops }));
};

describe('prime_self_import', () => {
  test('llseek-size: a seek to the end gives the size, for 4096 << 0 … 9', () => {
    for (let shift = 0; shift <= 9; shift++) {
      const size = 4096 << shift;
      expect(opened(size).seek(0, SEEK_END)).toBe(size);
    }
  });

  test('llseek-bad: all other seeks are EINVAL', () => {
    const size = 4096;
    const file = opened(size);
    for (const [offset, whence] of [
      [-1, SEEK_END],
      [1, SEEK_SET],
      [size, SEEK_SET],
      [size + 1, SEEK_SET],
      [size - 1, SEEK_SET],
    ] as const) {
      expect(thrown(() => file.seek(offset, whence))).toMatchObject({ code: 'EINVAL' });
    }
  });
});
