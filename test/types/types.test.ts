// SPDX-License-Identifier: MIT
/** The compiler as judge of the public types: right.ts compiles, and nothing of wrong.ts does. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const here = fileURLToPath(new URL('.', import.meta.url));
const compiler = path.join(here, '../../node_modules/@typescript/native/bin/tsc');

function compile(project: string): { status: number | null; output: string } {
  const run = spawnSync(process.execPath, [compiler, '-p', project, '--pretty', 'false'], {
    encoding: 'utf8',
  });
  return { status: run.status, output: run.stdout + run.stderr };
}

/** Compiles `text` as a program beside the others, so that it finds the package the same way. */
function compileText(text: string): { status: number | null; output: string } {
  const folder = mkdtempSync(path.join(here, '.made-'));
  try {
    writeFileSync(path.join(folder, 'made.ts'), text);
    const config = { extends: '../tsconfig.json', files: ['made.ts'] };
    writeFileSync(path.join(folder, 'tsconfig.json'), JSON.stringify(config));
    return compile(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const wrong = readFileSync(path.join(here, 'wrong.ts'), 'utf8').split('\n');
const directives = wrong.flatMap((line, index) =>
  line.trimStart().startsWith('// @ts-expect-error') ? [index] : [],
);

describe('public types', () => {
  it('compile what is right and refuse what is wrong', () => {
    expect(compile(here)).toEqual({ status: 0, output: '' });
  });

  it('refuse each of the wrong programs by itself', () => {
    const bare = wrong.map((line, index) => (directives.includes(index) ? '' : line)).join('\n');
    const { status, output } = compileText(bare);
    const lines = new Set(
      [...output.matchAll(/made\.ts\((\d+),/g)].map((match) => Number(match[1])),
    );
    // A line number counts from 1, and the refused line follows its directive.
    expect([...lines].toSorted((a, b) => a - b)).toEqual(directives.map((index) => index + 2));
    expect(directives).toHaveLength(40);
    expect(status).not.toBe(0);
  });

  it('control: a directive over a program that compiles is an error', () => {
    const { status, output } = compileText('// @ts-expect-error\nexport const fine = 1;\n');
    expect(status).not.toBe(0);
    expect(output).toContain('TS2578');
  });
});
