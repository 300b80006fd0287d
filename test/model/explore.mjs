// SPDX-License-Identifier: MIT
// @ts-check
/**
 * model/explore — searches all models for bugs, and their planted faults for proof that it would find one.
 *
 *   node test/model/explore.mjs [--seconds N] [--seed S] [--only NAME] [--jobs N] [--json]
 *   node test/model/explore.mjs --replay NAME:SCHEDULE [--planted FAULT]
 *
 * One line per model; with --json the last line is one object. Exit code 1: a bug; 3: no bug, but a planted fault was not
 * found in that time.
 */

import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { findModels } from './engine/catalogue.mjs';
import { replay } from './engine/index.mjs';
import { exploreAll } from './engine/lanes.mjs';

/** @import {Answer} from './engine/lanes.mjs' */

const USAGE =
  'usage: explore.mjs [--seconds N] [--seed S] [--only NAME] [--jobs N] [--json] | --replay NAME:SCHEDULE [--planted FAULT]';

const print = (/** @type {string} */ line) => process.stdout.write(`${line}\n`);
const count = (/** @type {number} */ n) => n.toLocaleString('en-US');

/** @param {Answer} answer */
function reach({ bound, complete }) {
  if (bound === null) return 'every schedule run';
  return `${complete ? 'complete' : 'NOT complete'}, bound ${bound < 0 ? 'none' : bound}`;
}

/** @param {Answer} answer */
function show(answer) {
  const { name, schedules, steps, kills, bugs, planted, failure } = answer;
  const faults = Object.entries(planted);
  const found = faults.filter(([, yes]) => yes).length;
  print(
    `${name}: ${count(schedules)} schedules, ${count(steps)} steps, ${count(kills)} kills, ${bugs} bugs, ` +
      `${reach(answer)}, planted faults found ${found}/${faults.length}`,
  );
  for (const [fault, yes] of faults) if (!yes) print(`  planted fault not found: ${fault}`);
  if (failure === null) return;
  print(`  ${failure.message}`);
  if (failure.schedule === '') return;
  print(
    `  found by ${failure.search}, schedule ${count(failure.at)}: replay(model, '${failure.schedule}')`,
  );
  for (const line of answer.trace) print(`  ${line}`);
}

/** What --json says about a model. @param {Answer} answer */
function figures({ name, schedules, steps, kills, bugs, complete, bound, planted }) {
  return { name, schedules, steps, kills, bugs, complete, bound, planted };
}

/** @param {string} value @param {string} option */
function positive(value, option) {
  const n = Number(value);
  if (!(n > 0)) throw new RangeError(`--${option} must be a positive number, not ${value}`);
  return n;
}

/** @param {{ seconds: string, seed: string, jobs: string, json: boolean, only?: string | undefined }} options */
async function search(options) {
  const models = (await findModels()).filter(
    ({ model }) => options.only === undefined || model.name.startsWith(options.only),
  );
  if (models.length === 0) throw new RangeError(`no model is named ${options.only ?? 'anything'}`);
  const answers = await exploreAll(
    models.map(({ file, model }) => ({ file, name: model.name })),
    {
      seconds: positive(options.seconds, 'seconds'),
      seed: Number(options.seed),
      lanes: Math.ceil(positive(options.jobs, 'jobs')),
    },
    show,
  );
  const total = answers.reduce((sum, { bugs }) => sum + bugs, 0);
  const missed = answers.some(({ planted }) => Object.values(planted).includes(false));
  if (options.json) print(JSON.stringify({ models: answers.map(figures), bugs: total }));
  if (total > 0) return 1;
  return missed ? 3 : 0;
}

/** @param {string} what @param {string | undefined} planted */
async function replayOne(what, planted) {
  const colon = what.lastIndexOf(':');
  const name = what.slice(0, colon);
  const found = (await findModels()).find(({ model }) => model.name === name);
  if (found === undefined) throw new RangeError(`no model is named ${name}`);
  const { message, fits, trace } = replay(
    found.model,
    what.slice(colon + 1),
    planted === undefined ? {} : { planted },
  );
  for (const line of trace) print(line);
  if (!fits) print('the schedule does not fit this code: it was followed as far as possible');
  print(message ?? 'no bug');
  return message === null ? 0 : 1;
}

async function main() {
  const { values } = parseArgs({
    options: {
      seconds: { type: 'string', default: '20' },
      seed: { type: 'string', default: '1' },
      only: { type: 'string' },
      jobs: { type: 'string', default: String(Math.min(2, availableParallelism())) },
      json: { type: 'boolean', default: false },
      replay: { type: 'string' },
      planted: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    print(USAGE);
    return;
  }
  process.exitCode = await (values.replay === undefined
    ? search(values)
    : replayOne(values.replay, values.planted));
}

try {
  await main();
} catch (error) {
  // What was asked for makes no sense; anything else is a defect and keeps its stack.
  const known = error instanceof RangeError || error instanceof SyntaxError;
  if (!known && !(error instanceof TypeError && 'code' in error)) throw error;
  process.stderr.write(`${error.message}\n${USAGE}\n`);
  process.exitCode = 2;
}
