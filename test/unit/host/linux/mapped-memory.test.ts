// SPDX-License-Identifier: MIT
/** Memory files as SharedArrayBuffers. */
import { fstatSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import {
  addressOf,
  discard,
  isShared,
  mapForReading,
  mapShared,
} from '../../../../src/host/linux/mapped-memory.js';
import { createMemoryFile, sealForReaders } from '../../../../src/host/linux/memory-file.js';
import { leavesNoDescriptor, own, refused, start } from './rig.js';

leavesNoDescriptor();

const UNIT = 65_536;
/** Of the system's pages, at most. */
const PAGE = 65_536;
/** Bytes of a memory file that use memory. */
const used = (fd: number): number => fstatSync(fd).blocks * 512;

function file(bytes: number): number {
  return own(createMemoryFile('test', bytes));
}

describe('a mapping', () => {
  it('is a SharedArrayBuffer, shared with every other mapping of the file', () => {
    const fd = file(2 * UNIT);
    const [one, other] = [mapShared('test', fd, 2 * UNIT), mapShared('test', fd, 2 * UNIT)];
    expect(one).toBeInstanceOf(SharedArrayBuffer);
    expect(one.byteLength).toBe(2 * UNIT);
    expect(addressOf(one)).not.toBe(addressOf(other));
    const [words, same] = [new Int32Array(one), new Int32Array(other)];
    const last = words.length - 1;
    Atomics.store(words, last, 4711);
    expect(Atomics.add(same, last, 1)).toBe(4711);
    expect(Atomics.load(words, last)).toBe(4712);
  });

  it('can be posted to threads, waited on and notified there as any other', async () => {
    const memory = mapShared('test', file(UNIT), UNIT);
    const words = new Int32Array(memory);
    const script = `const { workerData } = require('node:worker_threads');
      const words = new Int32Array(workerData);
      Atomics.store(words, 0, 1); Atomics.notify(words, 0);
      Atomics.wait(words, 1, 0); Atomics.store(words, 2, 7);`;
    const worker = new Worker(script, { eval: true, workerData: memory });
    const ended = new Promise((resolve) => worker.once('exit', resolve));
    await Atomics.waitAsync(words, 0, 0).value;
    while (Atomics.notify(words, 1) === 0) await new Promise((resolve) => setImmediate(resolve));
    Atomics.store(words, 1, 1);
    await ended;
    expect(words[2]).toBe(7);
  });

  it('of no bytes, of parts of units, or of more than there can be is EINVAL', () => {
    const fd = file(UNIT);
    for (const bytes of [0, -UNIT, 1, UNIT - 1, UNIT + 1, 4 * 2 ** 30 + UNIT, 2 ** 53])
      expect(() => mapShared('test', fd, bytes)).toThrow(refused('EINVAL', 'multiple of 65536'));
  });

  it('of what is no file, or not open, says so', () => {
    expect(() => mapShared('test', 9999, UNIT)).toThrow(refused('EBADF', 'mmap'));
  });

  it('for reading shows what others write; who writes to it is killed', async () => {
    const fd = own(createMemoryFile('test', UNIT, { forReaders: true }));
    const words = new Int32Array(mapShared('test', fd, UNIT));
    sealForReaders(fd);
    words[0] = 23;
    const { end } = start('write to what is to be read', { descriptors: [fd] });
    const { how, printed } = await end;
    expect(printed).toMatch(/^read 23\nEACCES/);
    expect(printed).not.toContain('wrote');
    expect(how).toBe('SIGSEGV');
    expect(words[0]).toBe(23);
  });
});

describe('where the engine has no memory to put it over', () => {
  it.each([
    ['without WebAssembly', { execArgv: ['--jitless', '--no-warnings'] }],
    ['without address space for it', {}],
  ])('%s it is mapped as plain memory, shared all the same', async (_, options) => {
    const fd = file(UNIT);
    const words = new Int32Array(mapShared('test', fd, UNIT)).fill(41, 0, 4);
    const { end } = start('map all the same', { descriptors: [fd], ...options });
    const { how, printed } = await end;
    expect(printed.split('\n')).toEqual(['false 41', '0 0 41', 'nothing']);
    expect(how).toBe(0);
    expect([...words.subarray(0, 4)]).toEqual([42, 0, 0, 41]);
  });

  it('of others it can be said that they are shared', () => {
    expect(isShared(mapShared('test', file(UNIT), UNIT))).toBe(true);
  });
});

describe('discarding', () => {
  it('gives whole pages back to the system, and they read 0 everywhere', () => {
    const bytes = 16 * PAGE;
    const fd = file(bytes);
    const [one, other] = [mapShared('test', fd, bytes), mapShared('test', fd, bytes)];
    new Uint8Array(one).fill(255);
    expect(used(fd)).toBe(bytes);
    discard(one, 4 * PAGE, 8 * PAGE);
    expect(used(fd)).toBe(8 * PAGE);
    const seen = new Uint8Array(other);
    expect(seen.subarray(4 * PAGE, 12 * PAGE).every((byte) => byte === 0)).toBe(true);
    expect([seen[4 * PAGE - 1], seen[12 * PAGE]]).toEqual([255, 255]);
    seen[5 * PAGE] = 1;
    expect(new Uint8Array(one)[5 * PAGE]).toBe(1);
  });

  it('zeroes parts of pages, and nothing beside them', () => {
    const fd = file(4 * PAGE);
    const memory = mapShared('test', fd, 4 * PAGE);
    const bytes = new Uint8Array(memory);
    for (const [from, count] of [
      [10, 20],
      [PAGE - 10, 20],
      [PAGE + 1, 2 * PAGE],
      [0, 4 * PAGE],
      [7, 0],
      [4 * PAGE, 0],
    ] as const) {
      bytes.fill(255);
      discard(memory, from, count);
      const zeros = bytes.reduce((sum, byte) => sum + (byte === 0 ? 1 : 0), 0);
      const ends = bytes.indexOf(0) + bytes.lastIndexOf(0) + 1;
      expect([zeros, ends]).toEqual(count === 0 ? [0, -1] : [count, 2 * from + count]);
    }
  });

  it('zeroes what the system does not take back', () => {
    const fd = own(createMemoryFile('test', UNIT, { forReaders: true }));
    const memory = mapShared('test', fd, UNIT);
    const bytes = new Uint8Array(memory).fill(255);
    sealForReaders(fd);
    discard(memory, 0, UNIT);
    expect(bytes.every((byte) => byte === 0)).toBe(true);
    expect(() => discard(mapForReading('test', fd, UNIT), 0, 0)).not.toThrow();
  });
});
