// SPDX-License-Identifier: MIT
import { fstatSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { PAGE } from '../../../src/heap/index.js';
import {
  closeMemory,
  insist,
  makeMemory,
  processSupport,
  type StationMemory,
} from '../../../src/host/index.js';
import { nth, type Rig, rigs } from '../buf/rig.js';

const MIB = 2 ** 20;
insist();
const made: StationMemory[] = [];

/** A heap over memory files, and how many bytes of them are in use. */
function heapOver(bytes: number): { readonly rig: Rig; readonly inUse: () => number } {
  const memory = makeMemory('test', 65_536, bytes);
  made.push(memory);
  const inUse = (): number =>
    memory.slabFiles.reduce((sum, file) => sum + fstatSync(file.descriptor).blocks * 512, 0);
  return { rig: nth(rigs(1, { pages: bytes / PAGE }, {}, [], memory.heap), 0), inUse };
}

function filled({ heap }: Rig, size: number) {
  const buf = heap.alloc(size);
  using cpu = buf.cpuAccessSync('write');
  cpu.bytes.fill(255);
  return buf;
}

afterEach(() => {
  for (const memory of made.splice(0)) closeMemory(memory);
});

describe.skipIf(!processSupport().ok)('the memory of slabs over memory files', () => {
  it('is used by what was written to, and is the system’s again when a large buffer has gone', () => {
    const { rig, inUse } = heapOver(16 * MIB);
    expect(inUse()).toBe(0);
    const [kept, gone] = [filled(rig, 3 * PAGE), filled(rig, 8 * MIB)];
    expect(inUse()).toBe(8 * MIB + 3 * PAGE);
    gone.close();
    expect(inUse()).toBe(3 * PAGE);
    using cpu = kept.cpuAccessSync('read');
    expect(cpu.bytes.every((byte) => byte === 255)).toBe(true);
  });

  it('is the system’s again, but for 1 MiB, when many small ones have gone', () => {
    const { rig, inUse } = heapOver(4 * MIB);
    const small = Array.from({ length: 64 }, () => filled(rig, MIB / 16));
    expect(inUse()).toBe(4 * MIB);
    for (const buf of small) buf.close();
    expect(inUse()).toBeLessThan(MIB);
  });

  it('is not used to make a large buffer zero', () => {
    const { rig, inUse } = heapOver(4 * MIB);
    const small = Array.from({ length: 3 }, () => filled(rig, MIB / 4));
    for (const buf of small) buf.close();
    expect(inUse()).toBe((3 * MIB) / 4);
    using buf = rig.heap.alloc(4 * MIB);
    expect(inUse()).toBeLessThan(MIB);
    using cpu = buf.cpuAccessSync('read');
    expect(cpu.bytes.every((byte) => byte === 0)).toBe(true);
  });

  it('does not grow, however often a large buffer is made and closed', () => {
    const { rig, inUse } = heapOver(4 * MIB);
    for (let round = 0; round < 50; round++) filled(rig, 2 * MIB).close();
    expect(inUse()).toBe(0);
  });
});
