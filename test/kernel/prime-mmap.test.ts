// SPDX-License-Identifier: MIT
/**
 * What IGT asks in tests/prime_mmap.c about mapping the file of an exported object, in this project's words, under its names. A child process
 * is another agent here.
 */
import { beforeEach, describe, expect, test } from 'vitest';
import { type DmaBuf, openShare } from '../../src/buf/index.js';
import {
  DMA_BUF_IOCTL_SYNC,
  DMA_BUF_SYNC_END,
  DMA_BUF_SYNC_START,
  DMA_BUF_SYNC_WRITE,
  DmaBufFile,
  type FileMapping,
  PAGE_SIZE,
  PROT_READ,
  PROT_WRITE,
} from '../../src/file/index.js';
import { staticExport } from '../unit/buf/exporters.js';
import { rejected } from '../unit/buf/rig.js';
import { type Rig, rigs } from '../unit/file/rig.js';

const SIZE = 16 * PAGE_SIZE;
const PATTERN = Uint8Array.from([1, 2, 3, 5, 8, 13, 21, 34]);

let rig: Rig;
let child: Rig;
let object: DmaBuf;
beforeEach(() => {
  [rig, child] = rigs(2) as [Rig, Rig];
  object = rig.heap.alloc(SIZE);
});

async function fill(buf: DmaBuf): Promise<void> {
  using cpu = await buf.cpuAccess('write');
  cpu.bytes.set(PATTERN);
}

const seen = (map: FileMapping): Uint8Array => map.copyOut({ length: PATTERN.length });

async function read(buf: DmaBuf): Promise<Uint8Array> {
  using cpu = await buf.cpuAccess('read');
  return cpu.copyOut({ length: PATTERN.length });
}

/** The file of the object, in the child. */
const inherited = (readOnly = false): DmaBufFile => {
  using theirs = openShare(child.buffers, 'open', object.share({ readOnly }));
  return DmaBufFile.open(theirs);
};

describe('prime_mmap', () => {
  test('correct: what the object contains is seen', async () => {
    await fill(object);
    using file = DmaBufFile.open(object);
    using map = await file.mmap(0, SIZE, PROT_READ);
    expect(seen(map)).toEqual(PATTERN);
    map.munmap();
    expect(await rejected(Promise.resolve().then(() => map.bytes))).toMatchObject({
      code: 'ESTALE',
    });
  });

  test('map_unmap: it can be mapped, unmapped, and mapped again', async () => {
    await fill(object);
    using file = DmaBufFile.open(object);
    for (let times = 0; times < 3; times++) {
      using map = await file.mmap(0, SIZE, PROT_READ);
      expect(seen(map)).toEqual(PATTERN);
    }
  });

  test('reprime: what is mapped survives its file, and a second export shows the same', async () => {
    await fill(object);
    const file = DmaBufFile.open(object);
    using map = await file.mmap(0, SIZE, PROT_READ);
    file.close();
    expect(seen(map)).toEqual(PATTERN);
    using again = DmaBufFile.open(object);
    using other = await again.mmap(0, SIZE, PROT_READ);
    expect(seen(other)).toEqual(PATTERN);
  });

  test('forked: a child maps the file that it was given', async () => {
    await fill(object);
    using file = inherited();
    using map = await file.mmap(0, SIZE, PROT_READ);
    expect(seen(map)).toEqual(PATTERN);
  });

  test('correct_cpu_write: what is written is seen, if the file may be written', async () => {
    using file = DmaBufFile.open(object);
    using map = await file.mmap(0, SIZE, PROT_READ | PROT_WRITE);
    map.bytes.set(PATTERN);
    expect(await read(object)).toEqual(PATTERN);
    using readOnly = inherited(true);
    expect(await rejected(readOnly.mmap(0, SIZE, PROT_READ | PROT_WRITE))).toMatchObject({
      code: 'EACCES',
    });
  });

  test('forked_cpu_write: what a child writes is seen here', async () => {
    using file = inherited();
    using map = await file.mmap(0, SIZE);
    map.bytes.set(PATTERN);
    expect(await read(object)).toEqual(PATTERN);
  });

  test('refcounting: the handle may be closed before the file is mapped', async () => {
    await fill(object);
    using file = DmaBufFile.open(object);
    object.close();
    using map = await file.mmap(0, SIZE, PROT_READ);
    expect(seen(map)).toEqual(PATTERN);
  });

  test('dup: a file that was dup’ed can be mapped, and outlives the first', async () => {
    await fill(object);
    const file = DmaBufFile.open(object);
    using other = file.dup();
    file.close();
    using map = await other.mmap(0, SIZE, PROT_READ);
    expect(seen(map)).toEqual(PATTERN);
  });

  test('userptr: memory that its exporter does not let be mapped is refused', async () => {
    const { buf } = staticExport(rig, SIZE);
    using file = DmaBufFile.open(buf);
    expect(await rejected(file.mmap(0, SIZE))).toMatchObject({ code: 'EINVAL' });
  });

  test('errors: EBADF of a closed file; EINVAL of twice the size, and of all of it from its middle on', async () => {
    const closed = DmaBufFile.open(object);
    closed.close();
    expect(await rejected(closed.mmap(0, SIZE))).toMatchObject({ code: 'EBADF' });
    using file = DmaBufFile.open(object);
    expect(await rejected(file.mmap(0, 2 * SIZE))).toMatchObject({ code: 'EINVAL' });
    expect(await rejected(file.mmap(SIZE / 2, SIZE))).toMatchObject({ code: 'EINVAL' });
  });

  test('invalid_sync_flags: -1, 0, the end of nothing, and an unknown bit are EINVAL', async () => {
    using file = DmaBufFile.open(object);
    for (const flags of [-1, 0, DMA_BUF_SYNC_END, 8]) {
      const asked = file.ioctl(DMA_BUF_IOCTL_SYNC, { flags });
      expect(await rejected(asked)).toMatchObject({ code: 'EINVAL' });
    }
    for (const half of [DMA_BUF_SYNC_START, DMA_BUF_SYNC_END]) {
      const flags = half | DMA_BUF_SYNC_WRITE;
      expect(await file.ioctl(DMA_BUF_IOCTL_SYNC, { flags })).toBe(0);
    }
  });

  test('aperture_limit: all that there is can be mapped at once, twice', async () => {
    const { size } = rig.heap;
    using rest = rig.heap.alloc(size - rig.heap.used);
    using file = DmaBufFile.open(rest);
    using one = await file.mmap(0, rest.size);
    using other = await file.mmap(0, rest.size);
    one.bytes.set(PATTERN, rest.size - PATTERN.length);
    expect(other.bytes.subarray(-PATTERN.length)).toEqual(PATTERN);
  });
});
