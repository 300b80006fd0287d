// SPDX-License-Identifier: MIT
/** Memory files: of a size that nobody can change, and refused when they are not. */
import { closeSync, fstatSync, ftruncateSync, openSync, readlinkSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { closeDescriptor, control, duplicate } from '../../../../src/host/linux/descriptors.js';
import { createEvent } from '../../../../src/host/linux/event-descriptor.js';
import { mapForReading, mapShared } from '../../../../src/host/linux/mapped-memory.js';
import {
  checkMemoryFile,
  createMemoryFile,
  sealForReaders,
} from '../../../../src/host/linux/memory-file.js';
import { leavesNoDescriptor, own, refused } from './rig.js';

leavesNoDescriptor();

const BYTES = 65_536;
const F_GETFD = 1;
const F_GET_SEALS = 1034;
const [SEAL, SHRINK, GROW, WRITE_LATER] = [1, 2, 4, 16];
const seals = (fd: number): number => control(fd, F_GET_SEALS, 0);

describe('a memory file', () => {
  it('has the size and the name it was given, uses no memory, and closes on exec', () => {
    const fd = own(createMemoryFile('frames', 3 * BYTES));
    const { size, blocks } = fstatSync(fd);
    expect([size, blocks]).toEqual([3 * BYTES, 0]);
    expect(readlinkSync(`/proc/self/fd/${fd}`)).toContain('memfd:frames');
    expect(control(fd, F_GETFD, 0)).toBe(1);
  });

  it('can be made neither shorter nor longer, and nobody adds or removes a seal', () => {
    const fd = own(createMemoryFile('x', BYTES));
    expect(seals(fd) & 7).toBe(SEAL | SHRINK | GROW);
    expect(() => ftruncateSync(fd, BYTES - 1)).toThrow(/EPERM/);
    expect(() => ftruncateSync(fd, BYTES + 1)).toThrow(/EPERM/);
    expect(() => sealForReaders(fd)).toThrow(refused('EACCES', 'F_ADD_SEALS'));
  });

  it('of a size that there cannot be is refused, and leaves nothing behind', () => {
    expect(() => createMemoryFile('x', -1)).toThrow(refused('EINVAL', 'ftruncate'));
    expect(() => createMemoryFile('x'.repeat(250), BYTES)).toThrow(refused('EINVAL', 'memfd'));
  });
});

describe('a memory file for readers', () => {
  it('is mapped for writing before it is sealed, and by nobody afterwards', () => {
    const fd = own(createMemoryFile('x', BYTES, { forReaders: true }));
    expect(seals(fd) & 7).toBe(SHRINK | GROW);
    const mine = new Int32Array(mapShared('test', fd, BYTES));
    sealForReaders(fd);
    expect(seals(fd) & 31).toBe(SEAL | SHRINK | GROW | WRITE_LATER);
    expect(() => mapShared('test', fd, BYTES)).toThrow(refused('EACCES', 'mmap'));
    const theirs = new Int32Array(mapForReading('test', fd, BYTES));
    mine[5] = 7;
    expect(theirs[5]).toBe(7);
  });
});

describe('a descriptor that came from elsewhere', () => {
  const check = (fd: number, bytes = BYTES): void => checkMemoryFile('test', fd, bytes);

  it('is taken when it is a sealed memory file of that size, and stays open', () => {
    const fd = own(createMemoryFile('x', BYTES));
    check(fd);
    const copy = own(duplicate(fd));
    check(copy);
    expect(fstatSync(copy).size).toBe(BYTES);
  });

  it('of another size is EPROTO', () => {
    const fd = own(createMemoryFile('x', BYTES));
    for (const bytes of [0, BYTES - 1, BYTES + 1, 2 * BYTES])
      expect(() => check(fd, bytes)).toThrow(refused('EPROTO', `instead of ${bytes}`));
  });

  it('that lacks a seal is EPROTO', () => {
    const fd = own(createMemoryFile('x', BYTES, { forReaders: true }));
    expect(() => check(fd)).toThrow(refused('EPROTO', 'seals'));
    sealForReaders(fd);
    check(fd);
  });

  it('that is no memory file is EPROTO', () => {
    const file = openSync('/proc/self/stat', 'r');
    const device = openSync('/dev/zero', 'r');
    const event = createEvent();
    for (const fd of [file, device, event]) {
      expect(() => check(fd)).toThrow(refused('EPROTO', 'no memory file'));
      closeSync(fd);
    }
    expect(() => closeDescriptor(event)).toThrow(refused('EBADF'));
    expect(() => check(event)).toThrow(refused('EPROTO', 'no memory file'));
  });
});
