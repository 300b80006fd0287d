// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import { compare, renderPage } from '../../../scripts/kernel-tests.mjs';

const suites = (...tests: (readonly [string, string?])[]) => [
  { name: 'dma_resv', of: 'st-dma-resv.c', tests },
];
const file = 'test/kernel/dma-resv.test.ts';
const test = (...titles: string[]) => ({ file, titles });
const problems = (...given: Parameters<typeof compare>): string[] => compare(...given).problems;

describe('kernel tests', () => {
  it('a name is covered by the tests whose titles begin with it, in its suite', () => {
    const found = [
      test('dma_resv', 'add: one'),
      test('dma_resv, read', 'and so on', 'add: another | one'),
      test('dma_resv, read', 'adding by ourselves'),
    ];
    const { rows, problems: none } = compare(suites(['add']), found);
    expect(none).toEqual([]);
    const page = renderPage(rows);
    expect(page).toContain('1 names: 1 covered, 0 not applicable, 0 missing.');
    expect(page).toContain(`| \`add\` | [${file}](../${file}) › dma_resv › add: one, and 1 more |`);
  });

  it('a name without test or reason is missing, and one with both is a contradiction', () => {
    const given = suites(['add'], ['drop', 'nobody drops']);
    expect(problems(given, [])).toEqual(['dma_resv add: no test, and no reason']);
    const both = [test('dma_resv', 'add: one'), test('dma_resv', 'drop: one')];
    expect(problems(given, both)).toEqual(['dma_resv drop: a test, and a reason why not']);
    const page = renderPage(compare(given, []).rows);
    expect(page).toContain('| `drop` | not applicable: nobody drops |');
    expect(page).toContain('| `add` | **missing** |');
  });

  it('a title that claims a name of nobody is told, and one of another suite counts for nothing', () => {
    const given = suites(['add']);
    const found = [test('dma_resv', 'add: one'), test('dma_resv', 'ad: two')];
    expect(problems(given, found)).toEqual([`${file}: dma_resv has no test "ad"`]);
    for (const other of ['dma_resv_list', 'dma', 'x, dma_resv']) {
      expect(problems(given, [test(other, 'add: one')])).toEqual([
        'dma_resv add: no test, and no reason',
      ]);
    }
  });
});
