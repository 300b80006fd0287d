// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import { verdict } from '../../../bench/lib/verdict.mjs';

const row = { name: 'a row', against: ['a', 'b'], limit: { 1: 0.5, 2: 0.25 } };
const round = (ours: number, a: number, b: number) => ({
  ours: { ns: ours },
  a: { ns: a },
  b: { ns: b },
});

describe('a row of the benchmark', () => {
  it('forms the ratio inside each round, with the best of several references', () => {
    const rounds = [round(10, 100, 50), round(40, 100, 400), round(9, 30, 10)];
    const result = verdict(row, { placement: '2', rounds });
    // 0.2, 0.4, 0.9; the ratio of the medians would be 10 / 50.
    expect(result).toMatchObject({ ratio: 0.4, min: 0.2, max: 0.9, ours: 10, reference: 50 });
  });

  it('is judged by the limit of its placement', () => {
    const rounds = [round(40, 100, 100)];
    expect(verdict(row, { placement: '1', rounds }).missed).toEqual([]);
    expect(verdict(row, { placement: '2', rounds }).missed).toEqual(['ratio']);
  });

  it('shows what it does not compare with as peers', () => {
    const rounds = [{ ...round(10, 100, 100), other: { ns: 40 } }];
    expect(verdict(row, { placement: '1', rounds }).peers).toEqual({ other: 0.25 });
  });

  it('judges other facts by their worst round', () => {
    const demanding = { ...row, require: { share: { atLeast: 0.2 }, lost: { atMost: 0 } } };
    const rounds = [0.4, 0.1].map((share) => ({
      ...round(10, 100, 100),
      ours: { ns: 10, share, lost: 0 },
    }));
    expect(verdict(demanding, { placement: '1', rounds }).missed).toEqual(['share 0.1 < 0.2']);
  });

  it('keeps the reference and names the error when a case fails', () => {
    const rounds = [{ ...round(0, 100, 50), ours: { error: 'no such module' } }];
    const result = verdict(row, { placement: '1', rounds });
    expect(result).toMatchObject({ ours: null, ratio: null, reference: 50, missed: [] });
    expect(result.errors).toEqual(['ours: no such module']);
  });
});
