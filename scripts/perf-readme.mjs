// SPDX-License-Identifier: MIT
/**
 * Writes the README's performance section, between its two markers, from the last complete run of
 * the benchmark. `--check` writes nothing and fails when the README says something else.
 */

import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { complaints, showRatio, showTime } from '../bench/lib/report.mjs';
import { experiments } from '../bench/rows.mjs';
import { isMain, projectRoot, report } from './source-tree.mjs';

const RESULTS = 'bench/results/latest.json';
const BEGIN = '<!-- perf:begin -->';
const END = '<!-- perf:end -->';

const cell = (row) =>
  row === undefined
    ? ''
    : `**${showRatio(row.ratio)}** (${showTime(row.ours)} / ${showTime(row.reference)})`;

/** One line per row, both placements side by side. */
function tableOf(rows) {
  const names = [...new Set(rows.map((row) => row.name))];
  const lines = names.map((name) => {
    const find = (placement) =>
      rows.find((row) => row.name === name && row.placement === placement);
    const one = find('1');
    const two = find('2');
    const against = (one ?? two).against.join(' or ');
    return `| ${name} | ${against} | ${cell(one)} | ${cell(two)} |`;
  });
  return ['| what | compared with | one core | two cores |', '|---|---|---|---|', ...lines];
}

/** What was measured beside the comparison: what users would pick instead. */
function peersOf(rows) {
  const lines = rows.flatMap((row) => {
    const peers = Object.entries(row.peers).filter(([name]) => !name.startsWith('bare '));
    if (row.placement === '1' || peers.length === 0) return [];
    return [`| ${row.name} | ${peers.map(([name, x]) => `${name} ${showRatio(x)}`).join(', ')} |`];
  });
  return ['| what, on two cores | ours / others |', '|---|---|', ...lines];
}

function missedOf(rows) {
  const missed = complaints(rows);
  if (missed.length === 0) return ['Every row is within its limit.'];
  return ['Not within their limits:', '', ...missed.map((line) => `- ${line}`)];
}

/** The section, without its markers. */
export function renderPerformance({ date, machine, rounds, rows }) {
  const { cpu, cores, kernel, arch, node } = machine;
  return [
    `Measured on ${date}: ${cpu}, ${cores} cores, ${kernel} ${arch}, Node ${node}. Our time over the other's time`,
    `(both in parentheses), median of ${rounds} rounds; less is better, 1/25 is twenty-five times as fast. "One core": both`,
    'parties share one; "hot": one hand-off after the other; "asleep", "parked": one per 5 ms, the other side sleeps. The parties are',
    'threads of one process, unless the row speaks of processes.',
    '',
    ...tableOf(rows),
    '',
    ...peersOf(rows),
    '',
    ...missedOf(rows),
    '',
    `All figures: [${RESULTS}](${RESULTS}).`,
  ].join('\n');
}

/** @throws when the markers are not there, once each and in order */
export function replaceSection(readme, section) {
  const pieces = readme.split(BEGIN);
  const rest = pieces[1]?.split(END);
  if (pieces.length !== 2 || rest?.length !== 2) {
    throw new Error(`README.md needs ${BEGIN} and, after it, ${END}, once each`);
  }
  return `${pieces[0]}${BEGIN}\n${section}\n${END}${rest[1]}`;
}

function main() {
  const file = path.join(projectRoot, 'README.md');
  const readme = readFileSync(file, 'utf8');
  const result = JSON.parse(readFileSync(path.join(projectRoot, RESULTS), 'utf8'));
  const wanted = replaceSection(readme, renderPerformance(result));
  if (!process.argv.includes('--check')) {
    writeFileSync(file, wanted);
    console.log(`README.md: performance section of ${result.date}, ${result.rows.length} rows`);
    return;
  }
  const measured = new Set(result.rows.map(({ name }) => name));
  const missing = experiments
    .flatMap(({ rows }) => rows)
    .filter(({ name }) => !measured.has(name))
    .map(({ name }) => `${RESULTS} has no figures for "${name}": npm run bench`);
  const stale = `README.md does not say what ${RESULTS} says: node scripts/perf-readme.mjs`;
  report(
    [...missing, ...(wanted === readme ? [] : [stale])],
    'README.md says what the benchmark measured',
  );
}

if (isMain(import.meta.url)) main();
