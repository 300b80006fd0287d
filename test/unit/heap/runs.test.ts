// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import { classOf } from '../../../src/heap/free-runs.js';
import { CLASSES, PageKind } from '../../../src/heap/heap-layout.js';
import { pageTable, problems, shape } from './page-table.js';

describe('runs of pages', () => {
  it('take splits a run and give merges it again', () => {
    const runs = pageTable(16);
    const a = runs.take(4, 0);
    const b = runs.take(4, 0);
    expect(shape(runs)).toBe('claimed 4, claimed 4, free 8');
    runs.give(a);
    expect(shape(runs)).toBe('free 4, claimed 4, free 8');
    runs.give(b);
    expect(shape(runs)).toBe('free 16');
    expect(runs.used).toBe(0);
  });

  it('the run that gave way is the smallest that fits', () => {
    const runs = pageTable(64);
    const taken = [3, 1, 20, 1, 7, 1].map((length) => runs.take(length, 0));
    for (const index of [0, 2, 4]) runs.give(taken[index] ?? -1);
    expect(runs.take(6, 0)).toBe(taken[4]);
    expect(runs.take(2, 0)).toBe(taken[0]);
    expect(problems(runs)).toEqual([]);
  });

  it('a long run is found although only its own class has one', () => {
    const runs = pageTable(40);
    const odd = runs.take(19, 0);
    expect(runs.take(21, 0)).toBe(odd + 19);
    runs.give(odd);
    expect(runs.take(19, 0)).toBe(odd);
  });

  it('take answers -1 when no run is long enough, and changes nothing', () => {
    const runs = pageTable(8);
    runs.take(3, 0);
    const before = shape(runs);
    expect(runs.take(6, 0)).toBe(-1);
    expect(shape(runs)).toBe(before);
  });

  it('use and claim change who has a run and nothing else', () => {
    const runs = pageTable(8);
    const first = runs.take(3, 5);
    runs.use(first);
    expect([...runs.all()][0]).toMatchObject({ kind: PageKind.USED, length: 3 });
    runs.claim(first, 7);
    expect([...runs.all()][0]).toMatchObject({ kind: PageKind.CLAIMED, length: 3, slot: 7 });
  });

  it('reclaim frees what one slot had claimed, whatever lies beside it', () => {
    const runs = pageTable(32);
    const claimed = [1, 2, 3, 4].map((slot) => runs.take(slot, slot % 2));
    runs.use(claimed[0] ?? -1);
    runs.reclaim(1);
    expect(shape(runs)).toBe('used 1, claimed 2, free 3, claimed 4, free 22');
    runs.reclaim(0);
    expect(shape(runs)).toBe('used 1, free 31');
    expect(problems(runs)).toEqual([]);
  });

  it('pages count as fresh until they are handed out for the first time', () => {
    const runs = pageTable(16);
    const first = runs.take(4, 0);
    expect(runs.fresh).toBe(4);
    runs.give(first);
    runs.take(2, 0);
    expect(runs.fresh).toBe(4);
  });

  it('classes grow with the length and never leave the table', () => {
    let last = 0;
    for (let length = 1; length < 2 ** 22; length = Math.ceil(length * 1.01)) {
      const index = classOf(length);
      expect(index).toBeGreaterThanOrEqual(last);
      expect(index).toBeLessThan(CLASSES);
      last = index;
    }
  });
});
