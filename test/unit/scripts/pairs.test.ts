// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import { checkPairs } from '../../../scripts/pairs.mjs';
import { makeTree } from './tree.js';

const header =
  '// SPDX-License-Identifier: MIT\n/**\n * Pairs  P3 row, then word ↔ word, then rows\n */\n';

function problems(files: Readonly<Record<string, string>>): string[] {
  using tree = makeTree(files);
  return checkPairs(tree.root);
}

describe('pairs', () => {
  it('is content with two sides, in whatever files', () => {
    const files = { 'a.ts': `${header}a(); // P3 → b()\n`, 'b/c.ts': '// P3\nb();\n' };
    expect(problems(files)).toEqual([]);
  });

  it('names a pair with one side, and where that is', () => {
    expect(problems({ 'a.ts': `${header}a(); // P3\n` })).toEqual([
      'src/a.ts: pair P3 is marked only at src/a.ts:5',
    ]);
  });

  it('names a pair with no side; a longer number or a string is none', () => {
    const files = { 'a.ts': `${header}a(); // P31\nb('P3');\n` };
    expect(problems(files)).toContain('src/a.ts: pair P3 is marked nowhere');
  });

  it('names a side whose pair no header explains', () => {
    expect(problems({ 'a.ts': '/** a */\na(); // P4\nb(); // P4\n' })).toEqual([
      'src/a.ts:2, src/a.ts:3: no module header names pair P4',
    ]);
  });
});
