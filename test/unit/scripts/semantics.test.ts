// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import { checkSemantics } from '../../../scripts/semantics.mjs';

const exists = (name: string): boolean =>
  ['unit/a.test.ts', 'conform/c.test.ts', 'model/models/b.mjs'].includes(name);
const FAULT = '| F-1 | what | why not | unit/a.test.ts |';
const MISTAKE = '| W-1 | what | why not | unit/a.test.ts |';
const problems = (...lines: string[]): string[] =>
  checkSemantics([...lines, FAULT, MISTAKE].join('\n'), exists);

describe('semantics', () => {
  it('is content with rows in order that name files', () => {
    const rows = [
      '| D-1 | here | Linux | unit/a.test.ts |',
      '| D-2 | x | y | model/models/b.mjs, z |',
      '| D-3 | x | y | conform/c.test.ts |',
    ];
    expect(problems(...rows, 'and prose (unit/a.test.ts)')).toEqual([]);
  });

  it('names a file that does not exist, a folder, and a pattern, wherever it stands', () => {
    expect(
      problems('| D-1 | x | unit/a.test.ts, unit/b.test.ts |', '(unit/heap)', 'model/models/b-*'),
    ).toEqual([
      'SEMANTICS.md:1: no file test/unit/b.test.ts',
      'SEMANTICS.md:2: no file test/unit/heap',
      'SEMANTICS.md:3: no file test/model/models/b-*',
    ]);
  });

  it('names a row whose last cell has no test, and one out of order', () => {
    expect(
      problems('| D-1 | unit/a.test.ts | some tests |', '| D-3 | x | unit/a.test.ts |'),
    ).toEqual(['SEMANTICS.md:1: D-1 names no test', 'SEMANTICS.md:2: D-3 stands where D-2 should']);
  });

  it('counts faults and mistakes by themselves, and wants a test for each', () => {
    const text = [
      FAULT,
      '| F-3 | what | unit/a.test.ts | none |',
      '| D-1 | x | unit/a.test.ts |',
      '| W-2 | what | unit/a.test.ts | none |',
    ];
    expect(checkSemantics(text.join('\n'), exists)).toEqual([
      'SEMANTICS.md:2: F-3 stands where F-2 should',
      'SEMANTICS.md:2: F-3 names no test',
      'SEMANTICS.md:4: W-2 stands where W-1 should',
      'SEMANTICS.md:4: W-2 names no test',
    ]);
  });

  it('says so when there are no rows at all', () => {
    expect(checkSemantics('# Semantics', exists)).toEqual([
      'SEMANTICS.md: no differences found',
      'SEMANTICS.md: no faults found',
      'SEMANTICS.md: no mistakes found',
    ]);
  });
});
