// SPDX-License-Identifier: MIT
/** The first programs of the README, as they stand there: with a thread, and with a process, by the two lines that it names. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { beforeAll, expect, test } from 'vitest';
import { runProgram } from '../threads/support/run-program.js';

const root = new URL('../../', import.meta.url);
/** Inside of the project, where its name leads to it. */
const folder = new URL('temp/readme/', root);
const readme = readFileSync(new URL('README.md', root), 'utf8');
const [main = '', worker = '', others = ''] = Array.from(
  readme.matchAll(/^```ts\n(.*?)^```/gms),
  ([, code]) => code ?? '',
);

/** What a line declares: a line that declares the same takes its place. */
const declared = (line: string): string => line.slice(0, line.indexOf('=') + 1);

function withOthers(): string {
  const lines = others.trim().split('\n');
  expect(lines).toHaveLength(2);
  return lines.reduce((code, line) => {
    const old = code.split('\n').filter((each) => each.startsWith(declared(line)));
    expect(old).toHaveLength(1);
    return code.replace(old[0] ?? '', line);
  }, main);
}

function write(name: string, code: string): void {
  const compilerOptions = { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext };
  const { outputText } = ts.transpileModule(code, { compilerOptions });
  writeFileSync(path.join(fileURLToPath(folder), `${name}.js`), outputText);
}

beforeAll(() => {
  mkdirSync(folder, { recursive: true });
  write('worker', worker);
  write('main', main);
  write('main-of-processes', withOthers());
});

test.each(['main', 'main-of-processes'])('%s hands a buffer over', async (name) => {
  const outcome = await runProgram(new URL(`${name}.js`, folder));
  expect(outcome).toEqual({ code: 0, lines: ['7'], errors: '' });
});
