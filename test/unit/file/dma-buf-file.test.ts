// SPDX-License-Identifier: MIT
/** The file of a buffer: its references, its numbers, its commands, and the order of its checks. */
import { describe, expect, it } from 'vitest';
import { type DmaBuf, openShare } from '../../../src/buf/index.js';
import {
  DMA_BUF_IOCTL_EXPORT_SYNC_FILE,
  DMA_BUF_IOCTL_IMPORT_SYNC_FILE,
  DMA_BUF_IOCTL_SYNC,
  DMA_BUF_SET_NAME_A,
  DMA_BUF_SET_NAME_B,
  DMA_BUF_SYNC_END,
  DMA_BUF_SYNC_READ,
  DMA_BUF_SYNC_RW,
  DMA_BUF_SYNC_START,
  DMA_BUF_SYNC_WRITE,
  DmaBufFile,
  POLLERR,
  POLLIN,
  POLLOUT,
  SEEK_CUR,
  SEEK_END,
  SEEK_SET,
} from '../../../src/file/index.js';
import type { Usage } from '../../../src/resv/index.js';
import { SyncFile } from '../../../src/sync/index.js';
import { abroad, allQuiet, passed, until } from '../buf/abroad.js';
import { staticExport } from '../buf/exporters.js';
import { rejected, thrown } from '../buf/rig.js';
import { type Rig, rigs } from './rig.js';

const one = (all: readonly Rig[], n = 0): Rig => {
  const rig = all[n];
  if (rig === undefined) throw new RangeError(`there is no agent ${n}`);
  return rig;
};

function stage(size = 5001) {
  const rig = one(rigs());
  const buf = rig.heap.alloc(size);
  return { rig, buf, file: DmaBufFile.open(buf) };
}

/** Adds a pending fence. @returns what signals it */
function pending(rig: Rig, { resv }: DmaBuf, usage: Exclude<Usage, 'kernel'>): () => void {
  const timeline = rig.fences.timeline('work');
  const fence = timeline.next();
  using lock = resv.lockSync();
  lock.reserve(1);
  lock.add(fence, usage);
  return () => timeline.signal(fence);
}

const code = async (call: () => unknown): Promise<string | undefined> => {
  try {
    await call();
  } catch (error) {
    return (error as { code?: string }).code;
  }
  return undefined;
};

describe('a file', () => {
  it('has a reference of its own, and the buffer lives as long as one is left', () => {
    const { rig, buf, file } = stage();
    const other = file.dup();
    buf.close();
    file.close();
    file.close();
    expect([file.closed, other.closed, rig.heap.used]).toEqual([true, false, 8192]);
    const again = DmaBufFile.get(other);
    other.close();
    expect([again.size, rig.heap.used]).toEqual([5001, 8192]);
    again.close();
    expect(rig.heap.used).toBe(0);
  });

  it('that is closed answers EBADF, whatever it is asked, and before anything else is looked at', async () => {
    const { file } = stage();
    file.close();
    const calls: Record<string, () => unknown> = {
      get: () => DmaBufFile.get(file),
      dup: () => file.dup(),
      seek: () => file.seek(7, 99),
      poll: () => file.poll(-1, Number.NaN),
      ioctl: () => file.ioctl(0),
      sync: () => file.sync(-1),
      setName: () => file.setName('x'.repeat(99)),
      exportSyncFile: () => file.exportSyncFile(9),
      importSyncFile: () => file.importSyncFile(9, null as never),
      mmap: () => file.mmap(-1, -1),
      fdinfo: () => file.fdinfo(),
      dname: () => file.dname(0),
    };
    for (const [name, call] of Object.entries(calls)) {
      expect(`${name}: ${await code(call)}`).toBe(`${name}: EBADF`);
    }
  });

  it('is opened on a buffer, and a buffer is got from a file of one', () => {
    const { rig } = stage();
    expect(thrown(() => DmaBufFile.open(null as never))).toMatchObject({ code: 'EINVAL' });
    expect(thrown(() => DmaBufFile.get(null))).toMatchObject({ code: 'EBADF' });
    const fence = rig.fences.timeline('t').next();
    const other = SyncFile.create(rig as never, fence);
    expect(thrown(() => DmaBufFile.get(other))).toMatchObject({ code: 'EINVAL' });
  });

  it('cannot be posted, and says what to do', () => {
    const { file } = stage();
    expect(() => structuredClone(file)).toThrow(/post buf\.share\(\)/);
  });
});

describe('seek', () => {
  it.each([0, 1, 4096, 5001])('tells a size of %i, and moves nothing', (size) => {
    const rig = one(rigs());
    const file = DmaBufFile.open(size === 0 ? staticExport(rig, 0).buf : rig.heap.alloc(size));
    for (let times = 0; times < 2; times++) {
      expect([file.seek(0, SEEK_END), file.seek(0, SEEK_SET)]).toEqual([size, 0]);
    }
  });

  it.each([
    [-1, SEEK_END],
    [1, SEEK_SET],
    [0, SEEK_CUR],
    [0, 17],
    [0.5, SEEK_SET],
    [Number.NaN, SEEK_END],
  ])('refuses (%d, %d)', (offset, whence) => {
    expect(thrown(() => stage().file.seek(offset, whence))).toMatchObject({ code: 'EINVAL' });
  });
});

describe('poll', () => {
  it('looks, with 0, and tells what of it is ready', async () => {
    const { rig, buf, file } = stage();
    expect(await file.poll(POLLIN | POLLOUT, 0)).toBe(POLLIN | POLLOUT);
    const read = pending(rig, buf, 'read');
    expect(await file.poll(POLLIN | POLLOUT, 0)).toBe(POLLIN);
    expect(await file.poll(POLLOUT, 0)).toBe(0);
    const wrote = pending(rig, buf, 'write');
    expect(await file.poll(POLLIN | POLLOUT, 0)).toBe(0);
    read();
    wrote();
    expect(await file.poll(POLLIN | POLLOUT, 0)).toBe(POLLIN | POLLOUT);
  });

  it('waits for the first of what was asked for, though the file is closed meanwhile', async () => {
    const { rig, buf, file } = stage();
    const read = pending(rig, buf, 'read');
    const wrote = pending(rig, buf, 'write');
    const both = file.poll(POLLIN | POLLOUT);
    const out = file.poll(POLLOUT);
    file.close();
    buf.close();
    wrote();
    expect(await both).toBe(POLLIN);
    read();
    expect(await out).toBe(POLLOUT);
    expect(rig.heap.used).toBe(0);
  });

  it('gives 0 when time runs out, or nothing was asked for, and the reason of an abort', async () => {
    const { rig, buf, file } = stage();
    pending(rig, buf, 'write');
    expect(await file.poll(POLLIN, 1)).toBe(0);
    expect(await file.poll(POLLERR)).toBe(0);
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(file.poll(POLLIN, -1, { signal })).rejects.toThrow('enough');
    expect(await code(() => file.poll(0.5, 0))).toBe('EINVAL');
    expect(await code(() => file.poll(POLLIN, Number.NaN))).toBe('EINVAL');
    expect(rig.buffers.holders(buf.row)).toBe(2);
  });

  it('is POLLERR once the domain was left', async () => {
    const { rig, file } = stage();
    rig.agent.leave(new Error('left'));
    expect(await file.poll(POLLIN)).toBe(POLLERR);
  });
});

describe('a command', () => {
  it.each([0, 0x6200, 0x4008_6209, 0x4008_6300, Number.NaN, '1' as never])(
    'that is not known is ENOTTY: %s',
    async (cmd) => {
      expect(await code(() => stage().file.ioctl(cmd, { flags: 1 }))).toBe('ENOTTY');
    },
  );

  it('is known by its number as _IOWR(b, 2, 8) gives it, which JavaScript makes negative', async () => {
    const { file } = stage();
    const cmd = (3 << 30) | (8 << 16) | ('b'.charCodeAt(0) << 8) | 2;
    const arg: { flags: number; fd: SyncFile | null } = { flags: DMA_BUF_SYNC_READ, fd: null };
    expect([cmd < 0, await file.ioctl(cmd, arg)]).toEqual([true, 0]);
    expect(arg.fd?.status).toBe(1);
    arg.fd?.close();
  });

  it.each([
    [DMA_BUF_IOCTL_SYNC, 'x'],
    [DMA_BUF_IOCTL_SYNC, undefined],
    [DMA_BUF_SET_NAME_A, undefined],
    [DMA_BUF_SET_NAME_B, { flags: 1 }],
    [DMA_BUF_IOCTL_EXPORT_SYNC_FILE, null],
    [DMA_BUF_IOCTL_IMPORT_SYNC_FILE, 'x'],
  ])('%i whose argument cannot be read is EFAULT', async (cmd, arg) => {
    expect(await code(() => stage().file.ioctl(cmd, arg as never))).toBe('EFAULT');
  });
});

describe('SYNC', () => {
  it.each([-1, 0, 4, 8, 9, 1.5, 2 ** 31 + 1, Number.NaN, '1' as never])(
    'refuses flags of %s, and calls nobody',
    async (flags) => {
      const rig = one(rigs());
      const { buf, calls } = staticExport(rig);
      const file = DmaBufFile.open(buf);
      expect(await code(() => file.sync(flags))).toBe('EINVAL');
      expect(await code(() => file.ioctl(DMA_BUF_IOCTL_SYNC, { flags }))).toBe('EINVAL');
      expect(calls).toEqual([]);
    },
  );

  it('calls the exporter with the direction, for the end too, begun or not, and maps nothing', async () => {
    const rig = one(rigs());
    const { buf, calls } = staticExport(rig);
    const file = DmaBufFile.open(buf);
    for (const flags of [DMA_BUF_SYNC_READ, DMA_BUF_SYNC_WRITE, DMA_BUF_SYNC_RW]) {
      await file.sync(DMA_BUF_SYNC_END | flags);
      expect(await file.ioctl(DMA_BUF_IOCTL_SYNC, { flags: DMA_BUF_SYNC_START | flags })).toBe(0);
    }
    file.close();
    expect(calls).toEqual([
      'end read -',
      'begin read -',
      'end write -',
      'begin write -',
      'end read-write -',
      'begin read-write -',
    ]);
  });

  it('gives what the hooks throw, at the end too', async () => {
    const rig = one(rigs());
    const { buf, failing } = staticExport(rig);
    const file = DmaBufFile.open(buf);
    failing.set('begin', new Error('no'));
    expect(await code(() => file.sync(DMA_BUF_SYNC_READ))).toBe('EIO');
    failing.set('end', new Error('no'));
    expect(await code(() => file.sync(DMA_BUF_SYNC_READ | DMA_BUF_SYNC_END))).toBe('EIO');
    expect(rig.buffers.holders(buf.row)).toBe(2);
  });

  it('waits at the start, after the hook, for writers, or for readers too; not at the end', async () => {
    const rig = one(rigs());
    const { buf, calls } = staticExport(rig);
    const file = DmaBufFile.open(buf);
    const done = pending(rig, buf, 'read');
    await file.sync(DMA_BUF_SYNC_READ);
    expect(await code(() => file.sync(DMA_BUF_SYNC_WRITE, { timeout: 0 }))).toBe('ETIMEDOUT');
    await file.sync(DMA_BUF_SYNC_END | DMA_BUF_SYNC_WRITE);
    expect(calls).toEqual(['begin read -', 'begin write -', 'end write -']);
    const writing = file.sync(DMA_BUF_SYNC_WRITE);
    done();
    await writing;
  });

  it('of a heap buffer only waits', async () => {
    const { rig, buf, file } = stage();
    const done = pending(rig, buf, 'write');
    const reading = file.sync(DMA_BUF_SYNC_READ);
    done();
    await reading;
    await file.sync(DMA_BUF_SYNC_END | DMA_BUF_SYNC_READ);
  });

  it('reaches an exporter in another agent; what was begun there ends with its end, or with the file', async () => {
    const scene = abroad();
    const { buf, calls } = staticExport(scene.home);
    const theirs = passed(buf, scene.away);
    const file = DmaBufFile.open(theirs);
    await file.sync(DMA_BUF_SYNC_READ);
    await file.sync(DMA_BUF_SYNC_WRITE);
    await file.sync(DMA_BUF_SYNC_END | DMA_BUF_SYNC_READ);
    await file.sync(DMA_BUF_SYNC_END | DMA_BUF_SYNC_READ);
    await until(() => calls.length === 3);
    file.close();
    await until(() => calls.length === 4);
    expect(calls).toEqual(['begin read -', 'begin write -', 'end read -', 'end write -']);
    theirs.close();
    await allQuiet(scene, buf);
  });
});

describe('SET_NAME', () => {
  it.each([DMA_BUF_SET_NAME_A, DMA_BUF_SET_NAME_B])('by number %i', async (cmd) => {
    const { buf, file } = stage();
    expect(await file.ioctl(cmd, 'x'.repeat(31))).toBe(0);
    expect(buf.name).toBe('x'.repeat(31));
    expect(await code(() => file.ioctl(cmd, 'x'.repeat(32)))).toBe('EINVAL');
    expect(await code(() => file.ioctl(cmd, 'ä'.repeat(16)))).toBe('EINVAL');
    await file.ioctl(cmd, `short\0${'x'.repeat(40)}`);
    expect(buf.name).toBe('short');
  });

  it('is EBUSY while attached, and gives up in time', async () => {
    const { buf, file } = stage();
    const att = await buf.attach('x');
    expect(await code(() => file.setName('y'))).toBe('EBUSY');
    await att.detach();
    using lock = await buf.resv.lock();
    expect(await code(() => file.setName('y', { timeout: 0 }))).toBe('ETIMEDOUT');
    expect([lock.held, buf.name]).toEqual([true, null]);
  });
});

describe('sync files', () => {
  it('are exported for what is going to be done: a snapshot', async () => {
    const { rig, buf, file } = stage();
    expect(file.exportSyncFile(DMA_BUF_SYNC_RW).poll()).toBe(true);
    const read = pending(rig, buf, 'read');
    const arg = { flags: DMA_BUF_SYNC_WRITE, fd: null as SyncFile | null };
    expect(await file.ioctl(DMA_BUF_IOCTL_EXPORT_SYNC_FILE, arg)).toBe(0);
    expect([file.exportSyncFile(DMA_BUF_SYNC_READ).poll(), arg.fd?.poll()]).toEqual([true, false]);
    pending(rig, buf, 'write');
    read();
    expect(arg.fd?.poll()).toBe(true);
  });

  it.each([0, 4, 5, -1, 2 ** 31 + 1])(
    'flags of %d are EINVAL, before the file is looked at',
    async (flags) => {
      const { file } = stage();
      const arg = { flags };
      expect(await code(() => file.ioctl(DMA_BUF_IOCTL_EXPORT_SYNC_FILE, arg))).toBe('EINVAL');
      expect(await code(() => file.ioctl(DMA_BUF_IOCTL_IMPORT_SYNC_FILE, arg))).toBe('EINVAL');
      expect(arg).toEqual({ flags });
      expect(await code(() => file.importSyncFile(flags, null as never))).toBe('EINVAL');
    },
  );

  it('leave nothing behind when the result cannot be told', async () => {
    const { rig, file } = stage();
    const arg = Object.freeze({ flags: DMA_BUF_SYNC_READ });
    expect(await code(() => file.ioctl(DMA_BUF_IOCTL_EXPORT_SYNC_FILE, arg))).toBe('EFAULT');
    expect([...rig.syncFiles.tickets.inFlight()]).toEqual([]);
    rig.syncFiles.close();
    rig.buffers.close();
    expect(rig.leaks.filter(({ kind }) => kind === 'SyncFile')).toEqual([]);
  });

  it('are imported as a writer’s, or a reader’s', async () => {
    const { rig, buf, file } = stage();
    const timeline = rig.fences.timeline('t');
    const [first, second] = [timeline.next(), rig.fences.timeline('u').next()];
    const [reads, writes] = [first, second].map((fence) => SyncFile.create(rig as never, fence));
    await file.importSyncFile(DMA_BUF_SYNC_READ, reads as SyncFile);
    expect(buf.poll()).toEqual({ readable: true, writable: false });
    const arg = { flags: DMA_BUF_SYNC_RW, fd: writes };
    expect(await file.ioctl(DMA_BUF_IOCTL_IMPORT_SYNC_FILE, arg)).toBe(0);
    expect(buf.poll()).toEqual({ readable: false, writable: false });
    expect(buf.resv.locked).toBe(false);
  });

  it('that are none, or closed, are EINVAL', async () => {
    const { rig, file } = stage();
    const closed = SyncFile.create(rig as never, rig.fences.timeline('t').next());
    closed.close();
    for (const fd of [-1, undefined, {}, file, closed]) {
      const arg = { flags: DMA_BUF_SYNC_READ, fd: fd as never };
      expect(await code(() => file.ioctl(DMA_BUF_IOCTL_IMPORT_SYNC_FILE, arg))).toBe('EINVAL');
    }
  });
});

describe('what /proc shows', () => {
  it('is one line per fact, and the name if there is one', async () => {
    const { buf, file } = stage();
    expect(file.fdinfo()).toBe('size:\t5001\ncount:\t1\nexp_name:\tsystem\n');
    expect(file.dname()).toBe('/dmabuf:');
    await buf.setName('');
    expect(file.fdinfo()).toBe('size:\t5001\ncount:\t1\nexp_name:\tsystem\nname:\t\n');
    await buf.setName('frame');
    expect([file.fdinfo().split('\n')[3], file.dname()]).toEqual(['name:\tframe', '/dmabuf:frame']);
  });

  it('counts agents and tickets', () => {
    const all = rigs(2);
    const [here, there] = [one(all), one(all, 1)];
    const buf = here.heap.alloc(8);
    const file = DmaBufFile.open(buf);
    const count = () => file.fdinfo().split('\n')[1];
    const share = buf.share();
    expect(count()).toBe('count:\t2');
    const theirs = openShare(there.buffers, 'open', share);
    expect(count()).toBe('count:\t2');
    theirs.close();
    expect(count()).toBe('count:\t1');
  });

  it('needs no lock', async () => {
    const { buf, file } = stage();
    using lock = await buf.resv.lock();
    expect([lock.held, file.dname(), file.fdinfo().length > 0]).toEqual([true, '/dmabuf:', true]);
  });

  it('is ENAMETOOLONG where there is no room for it and a NUL', async () => {
    const { buf, file } = stage();
    await buf.setName('ä');
    expect(file.dname(11)).toBe('/dmabuf:ä');
    expect(thrown(() => file.dname(10))).toMatchObject({ code: 'ENAMETOOLONG' });
    expect(thrown(() => file.dname(-1))).toMatchObject({ code: 'EINVAL' });
  });
});

describe('a file of a buffer that is gone with its domain', () => {
  it('closes all the same', async () => {
    const { rig, file } = stage();
    rig.agent.leave(new Error('left'));
    expect(await rejected(file.setName('x'))).toMatchObject({ code: 'ESTALE' });
    expect(() => file.close()).not.toThrow();
  });
});
