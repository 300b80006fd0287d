// SPDX-License-Identifier: MIT
/**
 * npm run bench -- [--json] [--only NAME] [--rounds N]
 *
 *   --json      the rows as one JSON array on the last line, instead of a table
 *   --only      rows whose name contains NAME
 *   --rounds    default 7; fewer are for trying something out
 *
 * It reports: rows that miss their limit are listed, and the exit status stays 0. It is 1 when a
 * case failed to run, 2 when the arguments make no sense. A complete run with enough rounds becomes
 * results/latest.json, from which the README's performance section is made.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { machine } from './lib/machine.mjs';
import { complaints, table } from './lib/report.mjs';
import { runExperiments } from './lib/rounds.mjs';
import { verdict } from './lib/verdict.mjs';
import { experiments } from './rows.mjs';

const ENOUGH_ROUNDS = 7;
const RESULTS = new URL('./results/', import.meta.url);

const say = (line) => process.stderr.write(`${line}\n`);

/** @returns null when they make no sense; it has said why */
function readArguments() {
  try {
    const { values } = parseArgs({
      options: {
        json: { type: 'boolean', default: false },
        only: { type: 'string', default: '' },
        rounds: { type: 'string', default: String(ENOUGH_ROUNDS) },
      },
    });
    const rounds = Number(values.rounds);
    const selected = select(values.only);
    if (!Number.isInteger(rounds) || rounds < 1) {
      throw new Error(`--rounds wants a whole number from 1 up, not "${values.rounds}"`);
    }
    if (selected.length === 0) throw new Error(`no row's name contains "${values.only}"`);
    return { ...values, rounds, selected };
  } catch (error) {
    say(error.message);
    return null;
  }
}

/** The experiments with only the rows whose name contains `text`. */
function select(text) {
  const wanted = text.toLowerCase();
  return experiments.flatMap((experiment) => {
    const rows = experiment.rows.filter((row) => row.name.toLowerCase().includes(wanted));
    return rows.length === 0 ? [] : [{ ...experiment, rows }];
  });
}

/** Of a run in which nothing was left out. */
const countRows = () =>
  experiments.reduce((sum, { placements, rows }) => sum + placements.length * rows.length, 0);

function save(rows, rounds) {
  mkdirSync(RESULTS, { recursive: true });
  const result = { date: new Date().toISOString().slice(0, 10), machine: machine(), rounds, rows };
  writeFileSync(new URL('latest.json', RESULTS), `${JSON.stringify(result, null, 2)}\n`);
}

function main() {
  const options = readArguments();
  if (options === null) {
    process.exitCode = 2;
    return;
  }
  const { json, rounds, selected } = options;
  const runs = runExperiments(selected, rounds, say);
  const rows = runs.flatMap((run) => run.experiment.rows.map((row) => verdict(row, run)));
  const problems = complaints(rows);
  for (const problem of problems) say(problem);
  const failed = rows.some((row) => row.errors.length > 0);
  const complete = rows.length === countRows();
  if (complete && rounds >= ENOUGH_ROUNDS && !failed) save(rows, rounds);
  process.stdout.write(`${json ? JSON.stringify(rows) : table(rows)}\n`);
  process.exitCode = failed ? 1 : 0;
}

main();
