// SPDX-License-Identifier: MIT
// @ts-check
/**
 * kill/main — `npm run kill-test -- [--kills N] [--seed S] [--as process|thread] [--founder] [--fault NAME] [--json]`: members that
 * work in one domain are killed at random, and nothing may be lost, leaked, or left waiting.
 *
 * Ends with the figures, in words or as one JSON object. Exit code 1 when any of corruptions, stuckWaiters, leakedBuffers and
 * leakedFds is not 0.
 */
import { parseArgs } from 'node:util';
import { Domain } from 'dmabuf';
import { campaign } from './campaign.mjs';
import { FAULTS } from './faults.mjs';
import { Tally } from './tally.mjs';

const KILLS = 300;
/** Milliseconds that a wait may take, where each takes well under one unless somebody has died. */
const PATIENCE = 10_000;

const USAGE = `npm run kill-test -- [--kills N] [--seed S] [--as process|thread] [--founder] [--json]

  --kills N     how many members are killed (${KILLS})
  --seed S      the same choices again; when they come about is up to the machine
  --as KIND     what members are: process (by SIGKILL), or thread (by terminate())
  --founder     the domain's first broker dies, too, and whoever follows may
  --json        last line of stdout: the figures as one JSON object
  --patience MS how long a wait may take before it is stuck (${PATIENCE})
  --fault NAME  plants a fault, which is to be found: ${Object.keys(FAULTS).join(', ')}`;

class BadOption extends Error {}

/** @param {string} line */
const print = (line) => void process.stdout.write(`${line}\n`);
/** @param {string} line */
const complain = (line) => void process.stderr.write(`${line}\n`);

/** @param {string} name @param {string} text */
function count(name, text) {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value > 0 && value < 2 ** 31) return value;
  throw new BadOption(`--${name} ${text}: must be a whole number, 1 or more`);
}

/** @template {string} T @param {string} name @param {string} text @param {readonly T[]} names */
function oneOf(name, text, names) {
  const found = names.find((each) => each === text);
  if (found !== undefined) return found;
  throw new BadOption(`--${name} ${text}: must be one of ${names.join(', ')}`);
}

/** @param {readonly string[]} args */
function orders(args) {
  const { values } = parseArgs({
    args: [...args],
    options: {
      kills: { type: 'string', default: String(KILLS) },
      seed: { type: 'string', default: String(1 + (Date.now() % 0x7fff_fffe)) },
      as: { type: 'string', default: 'process' },
      patience: { type: 'string', default: String(PATIENCE) },
      fault: { type: 'string' },
      founder: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  return {
    kills: count('kills', values.kills),
    seed: count('seed', values.seed),
    as: oneOf('as', values.as, /** @type {const} */ (['process', 'thread'])),
    patience: count('patience', values.patience),
    fault:
      values.fault === undefined ? undefined : oneOf('fault', values.fault, Object.keys(FAULTS)),
    founder: values.founder,
    json: values.json,
    help: values.help,
  };
}

/** @param {readonly string[]} args @returns {Promise<number>} exit code */
async function main(args) {
  const { json, help, ...given } = orders(args);
  if (help) {
    print(USAGE);
    return 0;
  }
  const { seed, as } = given;
  const support = Domain.support()[as === 'process' ? 'processes' : 'threads'];
  if (!support.ok) throw new BadOption(`--as ${as}: ${support.why}: ${support.remedy}`);
  print(`kill-test: --seed ${seed} --as ${as}`);
  const { [given.fault ?? '']: fault } = FAULTS;
  const tally = new Tally(print, complain, fault?.shows ?? null);
  await campaign(given, tally);
  const { joining, lost } = tally;
  print(
    `joining when killed: ${joining}; with a lock: ${lost.locks}, an open fence: ${lost.fences}`,
  );
  const figures = tally.json;
  if (json) print(JSON.stringify(figures));
  else for (const [name, value] of Object.entries(figures)) print(`${name}: ${value}`);
  return tally.isClean ? 0 : 1;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  const { message, code } = /** @type {Error & { code?: string }} */ (error);
  if (!(error instanceof BadOption) && !code?.startsWith('ERR_PARSE_ARGS')) throw error;
  complain(`kill-test: ${message}`);
  process.exitCode = 1;
}
