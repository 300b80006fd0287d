// SPDX-License-Identifier: MIT
/** Buffers that only their maker writes to, over a stand-in for memory files. */
import { describe, expect, it } from 'vitest';
import {
  type BufferName,
  type DmaBuf,
  openShare,
  Phase,
  phaseOf,
  type SealedMemory,
} from '../../../src/buf/index.js';
import { fail } from '../../../src/errors.js';
import { DmaBufFile, mmapBuffer, PROT_READ, PROT_WRITE } from '../../../src/file/index.js';
import { nth, type Rig, type Rigs, rejected, rigs, thrown } from './rig.js';

const SIZE = 5000;

/** What a broker would hold, by name. */
class Files implements SealedMemory {
  readonly published = new Map<string, SharedArrayBuffer>();
  /** Names that were asked for. */
  readonly asked: string[] = [];
  closed = 0;
  /** Until it resolves nothing is published or opened. */
  gate: Promise<void> = Promise.resolve();
  /** Blocking calls that find nobody. */
  absent = 0;
  refusal: Error | null = null;

  make(): ReturnType<SealedMemory['make']> {
    const memory = new SharedArrayBuffer(65536);
    let key = '';
    return {
      memory,
      publish: async (name) => {
        await this.gate;
        if (this.refusal !== null) throw this.refusal;
        key = nameOf(name);
        this.published.set(key, memory);
      },
      close: () => {
        this.closed++;
        this.published.delete(key);
      },
    };
  }

  async open(_op: string, name: BufferName): Promise<SharedArrayBuffer> {
    this.asked.push(nameOf(name));
    await this.gate;
    return this.#find(name);
  }

  openWithin(op: string, name: BufferName): SharedArrayBuffer {
    this.asked.push(nameOf(name));
    if (this.absent-- > 0) throw fail('ETIMEDOUT', op);
    return this.#find(name);
  }

  #find(name: BufferName): SharedArrayBuffer {
    const memory = this.published.get(nameOf(name));
    if (memory !== undefined) return memory;
    throw fail('ENOENT', 'broker', {}, { why: 'there is no such memory' });
  }
}

const nameOf = ({ row, generation }: BufferName): string => `${row}:${generation}`;

interface Stage {
  readonly all: Rigs;
  readonly a: Rig;
  readonly b: Rig;
  readonly files: Files;
}

function stage(): Stage {
  const files = new Files();
  const all = rigs(3, {}, { sealed: files });
  return { all, a: nth(all, 0), b: nth(all, 1), files };
}

const make = (rig: Rig, options = {}) => rig.buffers.sealed.make('allocSealed', SIZE, options);

/** One that `a` has made and filled, and b's handle on it. */
async function sealed({ a, b }: Stage): Promise<{ mine: DmaBuf; theirs: DmaBuf }> {
  const mine = await make(a);
  const cpu = mine.cpuAccessSync('write');
  cpu.bytes.fill(7);
  cpu.end();
  return { mine, theirs: openShare(b.buffers, 'open', mine.share()) };
}

/** A gate that is shut. @returns opens it */
function shut(files: Files): () => void {
  let open = (): void => {};
  files.gate = new Promise((resolve) => {
    open = resolve;
  });
  return open;
}

const readsSeven = (buf: DmaBuf): boolean => {
  using cpu = buf.cpuAccessSync('read');
  return cpu.bytes.length === SIZE && cpu.bytes.every((byte) => byte === 7);
};

function rowsInUse({ buffers }: Rig): number {
  let used = 0;
  for (let row = 0; row < buffers.life.used; row++) {
    if (phaseOf(buffers.life.of(row)) !== Phase.FREE) used++;
  }
  return used;
}

describe('a sealed buffer, for the agent that made it', () => {
  it('is zeroed, has its name, and is written and mapped like any other', async () => {
    const { a } = stage();
    using buf = await make(a, { name: 'frame' });
    expect([buf.size, buf.name, buf.exporter, buf.dynamic]).toEqual([
      SIZE,
      'frame',
      'sealed',
      false,
    ]);
    using cpu = buf.tryCpuAccess('read-write');
    expect(cpu?.bytes.every((byte) => byte === 0)).toBe(true);
    await using attached = await buf.attach('encoder');
    using mapping = await attached.map('bidirectional');
    mapping.bytes.fill(3);
    expect(cpu?.bytes.every((byte) => byte === 3)).toBe(true);
  });

  it('needs a domain of processes', async () => {
    const { buffers } = nth(rigs(1), 0);
    const making = buffers.sealed.make('allocSealed', SIZE, {});
    expect(await rejected(making)).toMatchObject({ code: 'ENOTSUP' });
    expect(buffers.life.used).toBe(0);
  });

  it('is not there when its memory could not be published, and leaves nothing behind', async () => {
    const { a, files } = stage();
    files.refusal = fail('ENFILE', 'broker', {}, { why: 'the broker holds too much' });
    expect(await rejected(make(a))).toMatchObject({ code: 'ENFILE' });
    expect([files.closed, rowsInUse(a)]).toEqual([1, 0]);
  });

  it('is not there when its agent has left meanwhile', async () => {
    const { a, b, files } = stage();
    const open = shut(files);
    const making = make(a);
    a.buffers.close();
    a.agent.leave(new Error('left'));
    open();
    expect(await rejected(making)).toMatchObject({ code: 'ESTALE' });
    expect([files.closed, files.published.size, rowsInUse(b)]).toEqual([1, 0, 0]);
  });
});

describe('a sealed buffer, for all others', () => {
  it('is read-only, however its handle came', async () => {
    const on = stage();
    const { theirs } = await sealed(on);
    for (const buf of [theirs, theirs.dup()]) {
      for (const intent of ['write', 'read-write'] as const) {
        const error = await rejected(buf.cpuAccess(intent));
        expect(error).toMatchObject({ code: 'EACCES' });
        expect(error.message).toContain('sealed');
        expect(thrown(() => buf.cpuAccessSync(intent))).toMatchObject({ code: 'EACCES' });
      }
      await using attached = await buf.attach('display');
      for (const direction of ['bidirectional', 'from-device'] as const) {
        expect(await rejected(attached.map(direction))).toMatchObject({ code: 'EACCES' });
      }
    }
  });

  it('stays writable for its maker, also when it comes back to it', async () => {
    const on = stage();
    const { theirs } = await sealed(on);
    const again = openShare(on.a.buffers, 'open', theirs.share());
    // The share was made from a handle that may only read.
    expect(thrown(() => again.cpuAccessSync('write')).message).toContain('EACCES');
    const { mine } = await sealed(on);
    expect(mine.cpuAccessSync('write').bytes).toHaveLength(SIZE);
  });

  it('is opened by the first CPU access, once, and costs nothing more from then on', async () => {
    const on = stage();
    const { theirs } = await sealed(on);
    expect(theirs.tryCpuAccess('read')).toBeNull();
    using cpu = await theirs.cpuAccess('read');
    expect(cpu.bytes.every((byte) => byte === 7)).toBe(true);
    expect(readsSeven(theirs)).toBe(true);
    expect(theirs.tryCpuAccess('read')?.bytes).toHaveLength(SIZE);
    expect(on.files.asked).toHaveLength(1);
  });

  it('is opened by an attachment', async () => {
    const on = stage();
    const { theirs } = await sealed(on);
    await using attached = await theirs.attach('display');
    using mapping = await attached.map('to-device');
    expect(mapping.bytes.every((byte) => byte === 7)).toBe(true);
    expect(on.files.asked).toHaveLength(1);
  });

  it('is opened when its file is mapped, and that only for reading', async () => {
    const on = stage();
    const { theirs } = await sealed(on);
    using shown = await mmapBuffer(theirs, 0, 1);
    expect([shown.bytes.length, shown.bytes[0]]).toEqual([4096, 7]);
    const writing = DmaBufFile.open(theirs).mmap(0, 4096, PROT_READ | PROT_WRITE);
    expect(await rejected(writing)).toMatchObject({ code: 'EACCES' });
  });

  it('is opened once for all who ask meanwhile', async () => {
    const on = stage();
    const { theirs } = await sealed(on);
    const open = shut(on.files);
    const accesses = [1, 2, 3].map(() => theirs.cpuAccess('read'));
    open();
    for (const cpu of await Promise.all(accesses)) expect(cpu.bytes[0]).toBe(7);
    expect(on.files.asked).toHaveLength(1);
  });

  it('is opened by a call that blocks, which waits while nobody answers', async () => {
    const on = stage();
    const { theirs } = await sealed(on);
    on.files.absent = 2;
    expect(readsSeven(theirs)).toBe(true);
    expect(on.files.asked).toHaveLength(3);
  });

  it('a call that blocks gives up in time', async () => {
    const on = stage();
    const { theirs } = await sealed(on);
    on.files.absent = Infinity;
    const call = () => theirs.cpuAccessSync('read', { timeout: 1 });
    expect(thrown(call)).toMatchObject({ code: 'ETIMEDOUT' });
  });

  it('one who gives up does not spoil it for the others, and keeps the row until it has come', async () => {
    const on = stage();
    const { mine, theirs } = await sealed(on);
    const open = shut(on.files);
    const giving = new AbortController();
    const [first, second] = [
      theirs.cpuAccess('read', { signal: giving.signal }),
      theirs.cpuAccess('read'),
    ];
    giving.abort(new Error('enough'));
    expect((await rejected(first)).message).toBe('enough');
    mine.close();
    open();
    expect((await second).bytes[0]).toBe(7);
  });

  it('a failure is told, and the next one tries again', async () => {
    const on = stage();
    const { theirs } = await sealed(on);
    const kept = new Map(on.files.published);
    on.files.published.clear();
    expect(await rejected(theirs.cpuAccess('read'))).toMatchObject({ code: 'ENOENT' });
    for (const [name, memory] of kept) on.files.published.set(name, memory);
    expect((await theirs.cpuAccess('read')).bytes[0]).toBe(7);
  });
});

describe('the end of a sealed buffer', () => {
  it('is the last put, wherever that is: its maker withdraws the memory', async () => {
    const on = stage();
    const { mine, theirs } = await sealed(on);
    mine.close();
    await on.a.buffers.idle();
    expect(on.files.closed).toBe(0);
    theirs.close();
    on.a.agent.serveNotes(-1);
    expect([on.files.closed, rowsInUse(on.a)]).toEqual([1, 0]);
  });

  it('its maker leaves: who has opened it keeps it, and nobody else opens it', async () => {
    const on = stage();
    const { all, a } = on;
    const { mine, theirs } = await sealed(on);
    const late = openShare(nth(all, 2).buffers, 'open', mine.share());
    expect(readsSeven(theirs)).toBe(true);
    a.buffers.close();
    a.agent.leave(new Error('left'));
    expect([on.files.closed, readsSeven(theirs)]).toEqual([1, true]);
    expect(await rejected(late.cpuAccess('read'))).toMatchObject({ code: 'EOWNERDEAD' });
    expect(await rejected(late.attach('x'))).toMatchObject({ code: 'EOWNERDEAD' });
    for (const buf of [late, theirs]) buf.close();
    expect(rowsInUse(on.b)).toBe(0);
  });

  it('its maker dies while somebody opens it: EOWNERDEAD', async () => {
    const on = stage();
    const { theirs } = await sealed(on);
    const open = shut(on.files);
    const opening = theirs.cpuAccess('read');
    on.files.published.clear();
    on.all.bury(on.a);
    open();
    expect(await rejected(opening)).toMatchObject({ code: 'EOWNERDEAD' });
    theirs.close();
    expect(rowsInUse(on.b)).toBe(0);
  });

  it('its maker has died: EOWNERDEAD, though the broker may not know it yet', async () => {
    const on = stage();
    const { theirs } = await sealed(on);
    on.all.bury(on.a);
    expect(await rejected(theirs.cpuAccess('read'))).toMatchObject({ code: 'EOWNERDEAD' });
    expect(on.files.asked).toEqual([]);
    theirs.close();
  });

  it('its maker dies before it is published: the row is free again', async () => {
    const on = stage();
    shut(on.files);
    void make(on.a).catch(() => {});
    on.all.bury(on.a);
    expect(rowsInUse(on.b)).toBe(0);
  });
});
