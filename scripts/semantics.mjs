// SPDX-License-Identifier: MIT
/**
 * SEMANTICS.md says for each promise which test holds it. This script fails for a test that does not exist, for a difference (D-n),
 * a fault of Linux (F-n) or a likely mistake (W-n) that names none, and for numbers that are not 1, 2, 3 and so on.
 */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { isMain, projectRoot, report } from './source-tree.mjs';

const FILE = 'SEMANTICS.md';
const SERIES = { D: 'differences', F: 'faults', W: 'mistakes' };
const ROW = /^\| (D|F|W)-(\d+) \|(.*)\|$/;
const TEST = /(?<![\w/.-])(?:conform|kernel|model|processes|threads|types|unit)\/[\w./*-]*[\w*]/g;

/**
 * @param text   what SEMANTICS.md says.
 * @param exists whether there is such a file below test/.
 * @returns one sentence per mistake.
 */
export function checkSemantics(text, exists) {
  const problems = [];
  const rows = { D: 0, F: 0, W: 0 };
  for (const [index, line] of text.split('\n').entries()) {
    const at = `${FILE}:${index + 1}`;
    const tests = line.match(TEST) ?? [];
    for (const test of tests) if (!exists(test)) problems.push(`${at}: no file test/${test}`);
    const row = ROW.exec(line);
    if (row === null) continue;
    const [, series, number, cells] = row;
    const next = ++rows[series];
    const name = `${series}-${number}`;
    if (Number(number) !== next)
      problems.push(`${at}: ${name} stands where ${series}-${next} should`);
    if (!TEST.test(cells.split('|').at(-1))) problems.push(`${at}: ${name} names no test`);
    TEST.lastIndex = 0;
  }
  for (const [series, what] of Object.entries(SERIES)) {
    if (rows[series] === 0) problems.push(`${FILE}: no ${what} found`);
  }
  return problems;
}

if (isMain(import.meta.url)) {
  const text = readFileSync(path.join(projectRoot, FILE), 'utf8');
  const exists = (name) => /\.\w+$/.test(name) && existsSync(path.join(projectRoot, 'test', name));
  report(checkSemantics(text, exists), 'semantics: every promise names tests that exist');
}
