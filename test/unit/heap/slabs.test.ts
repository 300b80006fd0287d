// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import { HeapLayout, HeapSection, PAGE } from '../../../src/heap/heap-layout.js';
import type { HeapMemory } from '../../../src/heap/index.js';
import { nth, type Rig, type Rigs, rigs, thrown } from '../buf/rig.js';

const MIB = 2 ** 20;

interface Part {
  readonly slab: number;
  readonly offset: number;
  readonly bytes: number;
}

/** Slabs whose memory can be given back, and what was. */
class Memory implements HeapMemory {
  readonly slabs: readonly SharedArrayBuffer[];
  readonly slabBytes: number;
  readonly given: Part[] = [];
  /** Runs while memory is being given back. */
  meanwhile = (): void => {};

  constructor(...slabs: readonly number[]) {
    this.slabs = slabs.map((bytes) => new SharedArrayBuffer(bytes));
    this.slabBytes = slabs[0] ?? 0;
  }

  get bytes(): number {
    return this.slabs.reduce((sum, { byteLength }) => sum + byteLength, 0);
  }

  discard(slab: number, offset: number, bytes: number): void {
    this.given.push({ slab, offset, bytes });
    this.meanwhile();
    const memory = this.slabs[slab];
    if (memory === undefined) throw new RangeError(`no slab ${slab}`);
    new Uint8Array(memory, offset, bytes).fill(0);
  }

  /** What was given back since somebody asked. */
  news(): Part[] {
    return this.given.splice(0);
  }
}

function made(memory: HeapMemory & { readonly bytes: number }, agents = 1): Rigs {
  return rigs(agents, { pages: memory.bytes / PAGE }, {}, [], memory);
}

/** A buffer, and where it lies; filled, so that whatever is not zeroed shows. */
function taken({ heap }: Rig, size: number, memory: HeapMemory) {
  const buf = heap.alloc(size);
  using cpu = buf.cpuAccessSync('write');
  const { bytes } = cpu;
  const zero = bytes.every((byte) => byte === 0);
  bytes.fill(255);
  return {
    buf,
    slab: memory.slabs.findIndex((each) => each === bytes.buffer),
    offset: bytes.byteOffset,
    zero,
  };
}

describe('a heap of slabs', () => {
  it('has the pages of all slabs, and each buffer lies in one of them', () => {
    const memory = new Memory(4 * PAGE, 4 * PAGE, 2 * PAGE);
    const a = nth(made(memory), 0);
    expect([a.heap.size, a.heap.largestFree]).toEqual([10 * PAGE, 4 * PAGE]);
    const fill = () =>
      [3, 3, 2, 1, 1].map((pages) => ({ ...taken(a, pages * PAGE, memory), pages }));
    for (const { buf } of fill()) buf.close();
    const places = fill().map(({ slab, offset, zero, pages }) => {
      expect(zero).toBe(true);
      return [slab, offset / PAGE, pages];
    });
    const covered = places.flatMap(([slab = 0, first = 0, pages = 0]) =>
      Array.from({ length: pages }, (_, page) => slab * 4 + first + page),
    );
    expect(covered.toSorted((x, y) => x - y)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    for (const [slab = 0, first = 0, pages = 0] of places) {
      expect((first + pages) * PAGE).toBeLessThanOrEqual(memory.slabs[slab]?.byteLength ?? 0);
    }
  });

  it('free neighbours in two slabs are two runs: what fits in neither is ENOMEM', () => {
    const memory = new Memory(4 * PAGE, 4 * PAGE);
    const a = nth(made(memory), 0);
    for (const buf of [1, 1, 1, 1, 1, 1, 1, 1].map(() => a.heap.alloc(PAGE))) buf.close();
    expect([a.heap.used, a.heap.largestFree]).toEqual([0, 4 * PAGE]);
    const two = [a.heap.alloc(4 * PAGE), a.heap.alloc(4 * PAGE)];
    for (const buf of two) buf.close();
    expect(a.heap.largestFree).toBe(4 * PAGE);
  });

  it('a buffer larger than a slab is ENOMEM, and the error says how large one can be', () => {
    const memory = new Memory(4 * PAGE, 4 * PAGE);
    const { heap } = nth(made(memory), 0);
    const error = thrown(() => heap.alloc(4 * PAGE + 1));
    expect(error).toMatchObject({ code: 'ENOMEM', at: { largestFree: 4 * PAGE } });
    expect(error.message).toContain(`a slab has ${4 * PAGE} bytes`);
  });

  it('a heap of one slab that is too small says so, and nothing of slabs', () => {
    const { heap } = nth(made(new Memory(4 * PAGE)), 0);
    expect(thrown(() => heap.alloc(5 * PAGE)).message).toContain('make the domain with a larger');
  });
});

describe('memory that is given back', () => {
  it('is that of freed runs of 1 MiB and more, and of no smaller ones', () => {
    const memory = new Memory(4 * MIB, 4 * MIB);
    const a = nth(made(memory), 0);
    const [large, small] = [taken(a, MIB, memory), taken(a, MIB - PAGE, memory)];
    expect(memory.news()).toEqual([]);
    small.buf.close();
    expect(memory.news()).toEqual([]);
    large.buf.close();
    expect(memory.news()).toEqual([{ slab: large.slab, offset: large.offset, bytes: MIB }]);
  });

  it('is that of the freed run alone: free and used neighbours keep theirs', () => {
    const memory = new Memory(4 * MIB);
    const a = nth(made(memory), 0);
    const [free, before, large, behind] = [
      taken(a, PAGE, memory),
      taken(a, PAGE, memory),
      taken(a, MIB, memory),
      taken(a, PAGE, memory),
    ];
    expect([before.offset, large.offset, behind.offset]).toEqual([PAGE, 2 * PAGE, 2 * PAGE + MIB]);
    free.buf.close();
    large.buf.close();
    expect(memory.news()).toEqual([{ slab: 0, offset: 2 * PAGE, bytes: MIB }]);
    for (const { buf } of [before, behind]) {
      using cpu = buf.cpuAccessSync('read');
      expect(cpu.bytes.every((byte) => byte === 255)).toBe(true);
    }
  });

  it('is nobody else’s before it is given back, and the heap’s lock is free meanwhile', () => {
    const memory = new Memory(2 * MIB);
    const all = made(memory, 2);
    const [a, b] = [nth(all, 0), nth(all, 1)];
    const lock = all.arena.base(HeapSection) + HeapLayout.at.lock;
    const { buf } = taken(a, 2 * MIB - PAGE, memory);
    const seen: unknown[] = [];
    memory.meanwhile = () => {
      seen.push(Atomics.load(all.arena.words, lock), b.heap.largestFree);
    };
    buf.close();
    expect(seen).toEqual([0, PAGE]);
    expect(b.heap.largestFree).toBe(2 * MIB);
  });

  it('of the dead is given back by who recovers', () => {
    const memory = new Memory(2 * MIB);
    const all = made(memory, 2);
    const [a, b] = [nth(all, 0), nth(all, 1)];
    taken(b, 2 * MIB, memory);
    all.bury(b);
    expect(memory.news()).toEqual([{ slab: 0, offset: 0, bytes: 2 * MIB }]);
    expect(a.heap.largestFree).toBe(2 * MIB);
  });

  it('is that of a free run as a whole, when small ones have left 1 MiB in it; nobody gets in meanwhile', () => {
    const memory = new Memory(2 * MIB);
    const all = made(memory);
    const a = nth(all, 0);
    const lock = all.arena.base(HeapSection) + HeapLayout.at.lock;
    const inside: boolean[] = [];
    memory.meanwhile = () => inside.push(Atomics.load(all.arena.words, lock) !== 0);
    const small = Array.from({ length: 8 }, () => taken(a, MIB / 4, memory));
    for (const { buf } of small.slice(0, 3)) buf.close();
    expect(memory.news()).toEqual([]);
    small[3]?.buf.close();
    expect(memory.news()).toEqual([{ slab: 0, offset: 0, bytes: MIB }]);
    for (const { buf } of small.slice(4)) buf.close();
    expect(memory.news()).toEqual([{ slab: 0, offset: 0, bytes: 2 * MIB }]);
    expect(inside).toEqual([true, true]);
  });

  it('is not that of a free run again and again: only when there is as much anew', () => {
    const memory = new Memory(4 * MIB);
    const a = nth(made(memory), 0);
    for (let round = 0; round < 255; round++) taken(a, PAGE, memory).buf.close();
    expect(memory.news()).toEqual([]);
    taken(a, PAGE, memory).buf.close();
    expect(memory.news()).toEqual([{ slab: 0, offset: 0, bytes: 4 * MIB }]);
    for (let round = 0; round < 255; round++) taken(a, PAGE, memory).buf.close();
    expect(memory.news()).toEqual([]);
  });

  it('is zero when it is handed out again, and so is what small ones left behind', () => {
    const memory = new Memory(2 * MIB);
    const a = nth(made(memory), 0);
    taken(a, 2 * MIB, memory).buf.close();
    const small = Array.from({ length: 3 }, () => taken(a, MIB / 4, memory));
    for (const { buf } of small) buf.close();
    const again = taken(a, PAGE, memory);
    const large = taken(a, MIB + PAGE, memory);
    expect([again.zero, large.zero]).toEqual([true, true]);
    for (const { buf } of [again, large]) buf.close();
    memory.news();
    expect(taken(a, 2 * MIB, memory).zero).toBe(true);
    // Nobody has written to it to make it zero: it costs nothing until somebody writes.
    expect(memory.news()).toEqual([{ slab: 0, offset: 0, bytes: 2 * MIB }]);
  });

  it('is not touched, and not given back either, while it was never handed out', () => {
    const memory = new Memory(4 * MIB);
    const a = nth(made(memory), 0);
    expect(taken(a, 2 * MIB, memory).zero).toBe(true);
    expect(memory.news()).toEqual([]);
  });
});
