// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import { checkFloors } from '../../../scripts/floors.mjs';
import { makeTree } from './tree.js';

function problems(files: Readonly<Record<string, string>>): string[] {
  using tree = makeTree(files);
  return checkFloors(tree.root);
}

describe('floors', () => {
  it('is content with imports that go down through an index, and with errors below mem', () => {
    const found = problems({
      'errors.ts': 'export const x = 1;',
      'mem/index.ts': "import { x } from '../errors.js'; Atomics.load; export { x };",
      'fence/index.ts': "import { x } from '../mem/index.js'; import './row.js'; export { x };",
      'fence/row.ts': "import { x } from '../errors.js'; export { x };",
      'host/index.ts': "import 'node:fs'; await import('koffi');",
      'tools/pipeline/main.ts':
        "import { x } from 'dmabuf'; import '../draw.js'; import 'node:os';",
      'testing/index.ts': "import { x } from 'dmabuf'; export { x };",
      'testing.ts': "export { x } from './testing/index.js';",
      'index.ts': "export { x } from './domain/index.js';",
    });
    expect(found).toEqual([]);
  });

  it.each([
    ['an upward import', 'mem/a.ts', "\nimport '../fence/index.js';", 'mem is on floor 0, fence'],
    [
      'a re-export of the same floor',
      'heap/a.ts',
      "\nexport * from '../host/index.js';",
      'heap is',
    ],
    [
      'errors that import mem',
      'errors.ts',
      "\nimport '../mem/index.js';",
      'leaves the source tree',
    ],
    [
      'a floor that looks at mem',
      'errors.ts',
      "\nimport './mem/index.js';",
      'errors is on floor 0',
    ],
    [
      'a type import past the index',
      'resv/a.ts',
      "\nimport type {} from '../fence/row.js';",
      'enter',
    ],
    ['a dynamic import', 'agent/a.ts', "\nawait import('../buf/index.js');", 'agent is on floor 1'],
    ['an import type', 'mem/a.ts', "\nexport type T = import('../buf/index.js').T;", 'mem is on'],
    ['a worker file', 'fence/a.ts', "\nnew URL('../host/w.js', import.meta.url);", 'fence is on'],
    ['the platform below host', 'fence/a.ts', "\nimport 'node:fs';", 'only host and tools'],
    ['koffi below host', 'watch/a.ts', "\nawait import('koffi');", 'only host and tools'],
    ['a package', 'host/a.ts', "\nimport 'left-pad';", 'the library has no dependencies'],
    ['the package itself', 'heap/a.ts', "\nimport 'dmabuf';", 'only testing and tools'],
    [
      'tools that reach inside',
      'tools/x/a.ts',
      "\nimport '../../mem/index.js';",
      'tools imports what',
    ],
    ['tools that use an entry file', 'tools/a.ts', "\nimport '../index.js';", 'tools imports what'],
    [
      'testing that reaches inside',
      'testing/a.ts',
      "\nimport '../buf/index.js';",
      'testing imports',
    ],
    ['the platform in testing', 'testing/a.ts', "\nimport 'node:fs';", 'only host and tools'],
    [
      'a room that uses an entry file',
      'domain/a.ts',
      "\nimport '../index.js';",
      'entry on floor 8',
    ],
    ['Atomics, even in a comment', 'agent/a.ts', '\n// see Atomics.wait', 'Atomics: only mem'],
    ['a room of no floor', 'misc/a.ts', '', 'misc is on no floor'],
    ['an import of no room', 'buf/a.ts', "\nimport '../misc/index.js';", 'no such room'],
  ])('names file and line of %s', (_what, name, text, sentence) => {
    const [first, ...rest] = problems({ [name]: text });
    expect(rest).toEqual([]);
    expect(first).toContain(`src/${name}:${text === '' ? 1 : 2}: `);
    expect(first).toContain(sentence);
  });

  it('does not take an example in a comment for an import', () => {
    expect(problems({ 'buf/a.ts': "/** @example import { x } from 'dmabuf'; */" })).toEqual([]);
  });
});
