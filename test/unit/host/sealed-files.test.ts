// SPDX-License-Identifier: MIT
/** Memory files that their maker alone can write to, with a stand-in for the broker. */
import { closeSync, openSync, writeSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { BufferName, SealedFile } from '../../../src/buf/index.js';
import { DmaBufError, fail } from '../../../src/errors.js';
import {
  closeDescriptor,
  duplicate,
  openDescriptors,
} from '../../../src/host/linux/descriptors.js';
import { functions, insist, whyNotLinux } from '../../../src/host/linux/library.js';
import { addressOf, mapForReading, mapShared } from '../../../src/host/linux/mapped-memory.js';
import { createMemoryFile } from '../../../src/host/linux/memory-file.js';
import { type Keeper, SealedFiles } from '../../../src/host/sealed-files.js';
import type { SizedFile } from '../../../src/host/station-memory.js';
import { thrown } from '../buf/rig.js';

insist();
const OP = 'test';
const UNIT = 65_536;
const READ_WRITE = 3;
const MADV_REMOVE = 9;
const PUNCH_HOLE = 3;
const NAME: BufferName = { row: 3, generation: 4 };
const nameOf = ({ row, generation }: BufferName): string => `${row}:${generation}`;
const calls = functions<{
  mprotect: (at: bigint, bytes: number, protection: number) => number;
  madvise: (at: bigint, bytes: number, advice: number) => number;
  fallocate: (fd: number, mode: number, offset: number, bytes: number) => number;
}>({
  mprotect: 'int mprotect(uintptr_t at, size_t bytes, int protection)',
  madvise: 'int madvise(uintptr_t at, size_t bytes, int advice)',
  fallocate: 'int fallocate(int fd, int mode, int64_t offset, int64_t bytes)',
});

/** Holds what it is given, as a broker does. */
class Broker implements Keeper {
  readonly held = new Map<string, SizedFile>();
  /** What its calls reject with, one after the other. */
  readonly failures: Error[] = [];

  async publish(name: BufferName, { descriptor, bytes }: SizedFile): Promise<void> {
    this.#fail();
    this.held.set(nameOf(name), { descriptor: duplicate(descriptor), bytes });
  }

  withdraw(name: BufferName): void {
    const file = this.held.get(nameOf(name));
    this.held.delete(nameOf(name));
    if (file !== undefined) closeDescriptor(file.descriptor);
  }

  async fetch(name: BufferName): Promise<SizedFile> {
    this.#fail();
    const file = this.held.get(nameOf(name));
    if (file === undefined) throw fail('ENOENT', 'broker');
    return { descriptor: duplicate(file.descriptor), bytes: file.bytes };
  }

  #fail(): void {
    const failure = this.failures.shift();
    if (failure !== undefined) throw failure;
  }

  end(): void {
    for (const { descriptor } of this.held.values()) closeDescriptor(descriptor);
    this.held.clear();
  }
}

const ended = (): Error => fail('EPIPE', 'broker');

let files: SealedFiles;
let broker: Broker;
let before: number;

beforeEach(() => {
  before = openDescriptors();
  files = new SealedFiles('/nowhere');
  broker = new Broker();
  files.connect(broker);
});

afterEach(() => {
  files.close();
  broker.end();
  expect(openDescriptors()).toBe(before);
});

async function published(size = UNIT): Promise<SealedFile> {
  const file = files.make(OP, size);
  await file.publish(NAME, {});
  return file;
}

const codeOf = async (promise: Promise<unknown>): Promise<string> => {
  try {
    await promise;
    return '';
  } catch (error) {
    return DmaBufError.is(error) ? error.code : String(error);
  }
};

describe.skipIf(whyNotLinux() !== null)('the memory of a sealed buffer', () => {
  it('is written by its maker, and read by who opens it', async () => {
    const made = await published(UNIT + 1);
    const theirs = await files.open(OP, NAME, UNIT + 1);
    new Uint8Array(made.memory).fill(7);
    expect([theirs.byteLength, theirs === made.memory]).toEqual([2 * UNIT, false]);
    expect(new Uint8Array(theirs).every((byte) => byte === 7)).toBe(true);
    made.close();
  });

  it('cannot be mapped for writing by who has its descriptor, not even by its maker', async () => {
    const plain = createMemoryFile(OP, UNIT);
    expect(mapShared(OP, plain, UNIT).byteLength).toBe(UNIT);
    closeDescriptor(plain);
    const made = await published();
    const { descriptor } = await broker.fetch(NAME);
    expect(thrown(() => mapShared(OP, descriptor, UNIT))).toMatchObject({ code: 'EACCES' });
    const again = openSync(`/proc/self/fd/${descriptor}`, 'r+');
    expect(thrown(() => mapShared(OP, again, UNIT))).toMatchObject({ code: 'EACCES' });
    expect(thrown(() => writeSync(again, 'x'))).toMatchObject({ code: 'EPERM' });
    closeSync(again);
    closeDescriptor(descriptor);
    made.close();
  });

  it('cannot be made writable by who has mapped it for reading', async () => {
    const made = await published();
    const { descriptor } = await broker.fetch(NAME);
    const memory = mapForReading(OP, descriptor, UNIT);
    expect(calls().mprotect(addressOf(memory), UNIT, READ_WRITE)).toBe(-1);
    expect(calls().mprotect(addressOf(made.memory), UNIT, READ_WRITE)).toBe(0);
    closeDescriptor(descriptor);
    made.close();
  });

  it('cannot be emptied by who has it, by its mapping or by its descriptor', async () => {
    const plain = createMemoryFile(OP, UNIT);
    expect(calls().fallocate(plain, PUNCH_HOLE, 0, UNIT)).toBe(0);
    closeDescriptor(plain);
    const made = await published();
    new Uint8Array(made.memory).fill(7);
    const { descriptor } = await broker.fetch(NAME);
    const memory = mapForReading(OP, descriptor, UNIT);
    expect(calls().madvise(addressOf(memory), UNIT, MADV_REMOVE)).toBe(-1);
    expect(calls().fallocate(descriptor, PUNCH_HOLE, 0, UNIT)).toBe(-1);
    expect(new Uint8Array(memory).every((byte) => byte === 7)).toBe(true);
    closeDescriptor(descriptor);
    made.close();
  });

  it('is not opened when it has another size than its buffer', async () => {
    const made = await published(3 * UNIT);
    expect(await codeOf(files.open(OP, NAME, 2 * UNIT))).toBe('EPROTO');
    made.close();
  });

  it('is not to be had any more when its maker has closed it; who has it keeps it', async () => {
    const made = await published();
    new Uint8Array(made.memory).fill(7);
    const theirs = await files.open(OP, NAME, UNIT);
    made.close();
    made.close();
    expect(broker.held.size).toBe(0);
    expect(new Uint8Array(theirs)[UNIT - 1]).toBe(7);
  });

  it('has at most 4 GiB', () => {
    expect(thrown(() => files.make(OP, 2 ** 32 + 1))).toMatchObject({ code: 'ENOMEM' });
  });
});

describe.skipIf(whyNotLinux() !== null)('brokers come and go', () => {
  it('what was published is published to the next one, what was closed is not', async () => {
    const [kept, closed] = [await published(), files.make(OP, UNIT)];
    await closed.publish({ row: 5, generation: 6 }, {});
    closed.close();
    const next = new Broker();
    files.disconnect();
    files.connect(next);
    expect([...next.held.keys()]).toEqual([nameOf(NAME)]);
    next.end();
    kept.close();
  });

  it('who publishes waits for the next one, until it is too late for him', async () => {
    files.disconnect();
    const made = files.make(OP, UNIT);
    expect(await codeOf(made.publish(NAME, { timeout: 1 }))).toBe('ETIMEDOUT');
    const abort = new AbortController();
    const aborted = made.publish(NAME, { signal: abort.signal });
    abort.abort(new Error('enough'));
    expect(await codeOf(aborted)).toBe('Error: enough');
    const publishing = made.publish(NAME, {});
    files.connect(broker);
    await publishing;
    expect(broker.held.size).toBe(1);
    made.close();
  });

  it('one that ends while it is asked: the next one is asked', async () => {
    broker.failures.push(ended());
    const made = await published();
    broker.failures.push(ended());
    expect((await files.open(OP, NAME, UNIT)).byteLength).toBe(UNIT);
    made.close();
  });

  it('one that has just begun may not know of everything yet', async () => {
    const made = files.make(OP, UNIT);
    const opening = files.open(OP, NAME, UNIT);
    await made.publish(NAME, {});
    expect((await opening).byteLength).toBe(UNIT);
    made.close();
  });

  it('who opens while there is none waits, and is told when the domain is closed here', async () => {
    files.disconnect();
    const opening = files.open(OP, NAME, UNIT);
    files.close();
    expect(await codeOf(opening)).toBe('ESTALE');
  });

  it('what it refuses, its maker is told, and nothing is left', async () => {
    broker.failures.push(fail('ENFILE', 'broker'));
    const made = files.make(OP, UNIT);
    expect(await codeOf(made.publish(NAME, {}))).toBe('ENFILE');
    made.close();
  });
});
