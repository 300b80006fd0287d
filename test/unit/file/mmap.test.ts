// SPDX-License-Identifier: MIT
/** What of a buffer can be mapped by its file, and for how long. */
import { describe, expect, it } from 'vitest';
import { openShare } from '../../../src/buf/index.js';
import { fail } from '../../../src/errors.js';
import {
  DmaBufFile,
  mmapBuffer,
  PAGE_SIZE,
  PROT_READ,
  PROT_WRITE,
} from '../../../src/file/index.js';
import { abroad, allQuiet, passed, until } from '../buf/abroad.js';
import { dynamicExport, staticExport } from '../buf/exporters.js';
import { type Rig as BufRig, rejected, thrown } from '../buf/rig.js';
import { type Rig, rigs } from './rig.js';

const SIZE = 3 * PAGE_SIZE;

function stage(size = SIZE) {
  const [rig] = rigs() as [Rig];
  const buf = rig.heap.alloc(size);
  return { rig, buf, file: DmaBufFile.open(buf) };
}

/** An exporter whose file can be mapped, and what it was asked for. */
function mappable(rig: BufRig, size = SIZE) {
  const asked: unknown[] = [];
  const { buf, failing } = staticExport(rig, size, {
    mmap: ({ priv: { home }, resv }, range) => {
      asked.push({ ...range, locked: resv.locked });
      const error = failing.get('mmap');
      if (error !== undefined) throw error;
      return [{ of: home, ...range }];
    },
  });
  return { buf, asked, failing, home: buf.priv.home };
}

describe('a mapping', () => {
  it('is the memory itself, and the part of it that was asked for', async () => {
    const { buf, file } = stage();
    using cpu = await buf.cpuAccess('write');
    using map = await file.mmap(PAGE_SIZE, PAGE_SIZE);
    map.bytes[0] = 7;
    expect([cpu.bytes[PAGE_SIZE], map.size, map.offset]).toEqual([7, PAGE_SIZE, PAGE_SIZE]);
    cpu.bytes[2 * PAGE_SIZE - 1] = 9;
    expect(map.bytes.at(-1)).toBe(9);
  });

  it('keeps the buffer, after its file and all else was closed', async () => {
    const { rig, buf, file } = stage();
    const map = await file.mmap(0, SIZE);
    file.close();
    buf.close();
    map.bytes.fill(3);
    const next = rig.heap.alloc(SIZE);
    using seen = await next.cpuAccess('read');
    expect([seen.bytes[0], map.bytes[0]]).toEqual([0, 3]);
    seen.end();
    next.close();
    expect(rig.heap.used).toBe(SIZE);
    map.munmap();
    map.munmap();
    expect([rig.heap.used, map.closed]).toEqual([0, true]);
    expect(thrown(() => map.bytes)).toMatchObject({ code: 'ESTALE' });
  });

  it('takes no lock, and waits for no fence', async () => {
    const { rig, buf, file } = stage();
    const fence = rig.fences.timeline('t').next();
    using lock = await buf.resv.lock();
    lock.reserve(1);
    lock.add(fence, 'write');
    using map = await file.mmap(0, SIZE, PROT_READ, { timeout: 0 });
    // No page is protected: PROT_READ is a promise of its caller.
    map.bytes[0] = 1;
    expect([map.size, map.bytes[0]]).toEqual([SIZE, 1]);
  });

  it('that was forgotten is told as a leak, and given back', async () => {
    const { rig, buf, file } = stage();
    await file.mmap(0, SIZE);
    file.close();
    buf.close();
    rig.buffers.close();
    expect(rig.leaks).toMatchObject([{ kind: 'FileMapping' }]);
    expect(rig.heap.used).toBe(0);
  });

  it('cannot be posted', async () => {
    using map = await stage().file.mmap(0, SIZE);
    expect(() => structuredClone(map)).toThrow(/FileMapping cannot be posted/);
  });
});

describe('what can be mapped of a file', () => {
  it('is whole pages, and not the last part of one', async () => {
    const { file } = stage(2 * PAGE_SIZE + 100);
    for (const [offset, length, pages] of [
      [0, 1, 1],
      [0, PAGE_SIZE + 1, 2],
      [PAGE_SIZE, PAGE_SIZE, 1],
    ] as const) {
      using map = await file.mmap(offset, length);
      expect(map.size).toBe(pages * PAGE_SIZE);
    }
    for (const [offset, length] of [
      [0, 2 * PAGE_SIZE + 1],
      [PAGE_SIZE, 2 * PAGE_SIZE],
      [2 * PAGE_SIZE, 100],
      [2 ** 48, PAGE_SIZE],
      [Number.MAX_SAFE_INTEGER - 4095, PAGE_SIZE],
      [100, PAGE_SIZE],
      [0, 0],
      [-PAGE_SIZE, PAGE_SIZE],
      [0, -1],
      [0, 0.5],
    ] as const) {
      expect(await rejected(file.mmap(offset, length))).toMatchObject({ code: 'EINVAL' });
    }
    expect(await rejected(file.mmap(0, PAGE_SIZE, 8))).toMatchObject({ code: 'EINVAL' });
  });

  it('of a read-only share is not to be written', async () => {
    const [here, there] = rigs(2) as [Rig, Rig];
    const buf = here.heap.alloc(SIZE);
    const theirs = openShare(there.buffers, 'open', buf.share({ readOnly: true }));
    const file = DmaBufFile.open(theirs);
    expect(await rejected(file.mmap(0, SIZE))).toMatchObject({ code: 'EACCES' });
    expect(await rejected(file.mmap(0, SIZE, PROT_WRITE))).toMatchObject({ code: 'EACCES' });
    expect(await rejected(file.mmap(0, 0))).toMatchObject({ code: 'EINVAL' });
    using map = await file.mmap(0, SIZE, PROT_READ);
    expect(map.size).toBe(SIZE);
  });

  it('is what the exporter offers: it is asked for each mapping, with no lock held', async () => {
    const [rig] = rigs() as [Rig];
    const { buf, asked, home } = mappable(rig);
    const file = DmaBufFile.open(buf);
    using cpu = await home.cpuAccess('write');
    using map = await file.mmap(PAGE_SIZE, 2 * PAGE_SIZE);
    cpu.bytes[PAGE_SIZE] = 5;
    expect(map.bytes[0]).toBe(5);
    expect(asked).toEqual([{ offset: PAGE_SIZE, length: 2 * PAGE_SIZE, locked: false }]);
  });

  it('is nothing where the exporter has no mmap, before ranges are looked at', async () => {
    const [rig] = rigs() as [Rig];
    const { buf } = staticExport(rig, SIZE);
    const file = DmaBufFile.open(buf);
    expect(await rejected(file.mmap(0, PAGE_SIZE))).toMatchObject({ code: 'EINVAL' });
    expect(await rejected(mmapBuffer(buf, 2n ** 64n - 1n, 2))).toMatchObject({ code: 'EINVAL' });
  });

  it('stays as it was when the exporter fails, or gives too little', async () => {
    const [rig] = rigs() as [Rig];
    const { buf, failing } = mappable(rig);
    const file = DmaBufFile.open(buf);
    const holders = rig.buffers.holders(buf.row);
    failing.set('mmap', fail('ENOMEM', 'exporter'));
    expect(await rejected(file.mmap(0, PAGE_SIZE))).toMatchObject({ code: 'ENOMEM' });
    const short = staticExport(rig, SIZE, { mmap: () => [] });
    expect(await rejected(mmapBuffer(short.buf, 0, 1))).toMatchObject({ code: 'EIO' });
    expect([rig.buffers.holders(buf.row), rig.buffers.holders(short.buf.row)]).toEqual([
      holders,
      1,
    ]);
    expect(buf.closed).toBe(false);
  });

  it('may come later, or too late', async () => {
    const [rig] = rigs() as [Rig];
    const answers: (() => void)[] = [];
    const { buf } = staticExport(rig, SIZE, {
      mmap: ({ priv: { home } }, range) =>
        new Promise((resolve) => answers.push(() => resolve([{ of: home, ...range }]))),
    });
    const mapping = mmapBuffer(buf, 0, 1);
    await Promise.resolve();
    answers[0]?.();
    const map = await mapping;
    expect(map.size).toBe(PAGE_SIZE);
    map.munmap();
    const abort = new AbortController();
    const late = rejected(mmapBuffer(buf, 0, 1, { signal: abort.signal }));
    await Promise.resolve();
    abort.abort(new Error('enough'));
    expect(await late).toMatchObject({ message: 'enough' });
    answers[1]?.();
    await new Promise((resolve) => setImmediate(resolve));
    expect(rig.buffers.holders(buf.row)).toBe(1);
  });

  it('is asked of an exporter in another agent, and held by this one until it is unmapped', async () => {
    const scene = abroad();
    const { buf, home, asked } = mappable(scene.home, 200 * PAGE_SIZE);
    const theirs = passed(buf, scene.away);
    const file = DmaBufFile.open(theirs);
    theirs.close();
    const map = await file.mmap(PAGE_SIZE, PAGE_SIZE);
    await scene.away.buffers.idle();
    file.close();
    buf.close();
    home.close();
    map.bytes.fill(7);
    expect([asked, scene.home.heap.used]).toEqual([
      [{ offset: PAGE_SIZE, length: PAGE_SIZE, locked: false }],
      200 * PAGE_SIZE,
    ]);
    map.munmap();
    await until(() => scene.home.heap.used === 0);
    await allQuiet(scene);
  });

  it('outlives the agent of its exporter; nothing new can be mapped then', async () => {
    const scene = abroad();
    const { buf } = mappable(scene.home);
    const theirs = passed(buf, scene.away);
    const map = await mmapBuffer(theirs, 0, 1);
    scene.all.bury(scene.home);
    map.bytes.fill(7);
    expect(map.bytes[0]).toBe(7);
    expect(await rejected(mmapBuffer(theirs, 0, 1))).toMatchObject({ code: 'EOWNERDEAD' });
    theirs.close();
    const { used } = scene.away.heap;
    map.munmap();
    expect([used, scene.away.heap.used]).toEqual([SIZE, 0]);
  });

  it('crosses in as many messages as its segments need, and not at all where there is no mmap', async () => {
    const scene = abroad();
    const pages = 40;
    const scattered = staticExport(scene.home, pages * PAGE_SIZE, {
      mmap: ({ priv: { home } }, { length }) =>
        Array.from({ length: pages }, (_, n) => ({
          of: home,
          offset: (pages - 1 - n) * PAGE_SIZE,
          length: length / pages,
        })),
    });
    using cpu = await scattered.buf.priv.home.cpuAccess('write');
    for (let n = 0; n < pages; n++) cpu.bytes[n * PAGE_SIZE] = n;
    using map = await mmapBuffer(passed(scattered.buf, scene.away), 0, pages);
    const firsts = map.segments.map(({ bytes }) => bytes[0]);
    expect(firsts).toEqual(Array.from({ length: pages }, (_, n) => pages - 1 - n));
    const plain = passed(staticExport(scene.home, SIZE).buf, scene.away);
    expect(await rejected(mmapBuffer(plain, 0, 1))).toMatchObject({ code: 'EINVAL' });
  });

  it('is not found where mmap is no function', () => {
    const [rig] = rigs() as [Rig];
    expect(thrown(() => staticExport(rig, SIZE, { mmap: 7 as never }))).toMatchObject({
      code: 'EINVAL',
    });
  });

  it('is stale once the exporter has moved it, and its old memory is kept until it is unmapped', async () => {
    const [rig] = rigs() as [Rig];
    const { buf } = dynamicExport(rig, SIZE, {
      mmap: ({ priv: { home } }, range) => [{ of: home, ...range }],
    });
    const map = await mmapBuffer(buf, 0, 3);
    const old = buf.priv.home;
    buf.priv.home = rig.heap.alloc(SIZE);
    {
      using lock = await buf.resv.lock();
      await buf.moveNotify(lock);
    }
    old.close();
    expect(thrown(() => map.bytes)).toMatchObject({ code: 'ESTALE' });
    expect(rig.heap.used).toBe(2 * SIZE);
    map.munmap();
    expect(rig.heap.used).toBe(SIZE);
    using again = await mmapBuffer(buf, 0, 3);
    expect(again.bytes[0]).toBe(0);
  });
});

describe('a buffer in the place of an importer’s file', () => {
  it('is mapped by pages, at any that it has', async () => {
    const { buf } = stage();
    for (const [pgoff, pages] of [
      [0, 1],
      [0n, 3n],
      [2, 1],
    ] as const) {
      using map = await mmapBuffer(buf, pgoff, pages);
      expect([map.offset, map.size]).toEqual([
        Number(pgoff) * PAGE_SIZE,
        Number(pages) * PAGE_SIZE,
      ]);
    }
  });

  it.each([
    [2, 2, 'EINVAL'],
    [0, 4, 'EINVAL'],
    [3, 1, 'EINVAL'],
    [2n ** 64n - 1n, 1, 'EOVERFLOW'],
    [2n ** 64n - 1n, 2, 'EOVERFLOW'],
    [2n ** 64n, 1, 'EINVAL'],
    [-1, 1, 'EINVAL'],
    [0.5, 1, 'EINVAL'],
    [0, 'x' as never, 'EINVAL'],
  ])('%d and %d pages are %s', async (pgoff, pages, code) => {
    expect(await rejected(mmapBuffer(stage().buf, pgoff, pages))).toMatchObject({ code });
  });

  it('is a buffer', async () => {
    expect(await rejected(mmapBuffer(null as never, 0, 1))).toMatchObject({ code: 'EINVAL' });
  });
});
