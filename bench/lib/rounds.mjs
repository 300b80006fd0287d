// SPDX-License-Identifier: MIT
/**
 * Runs experiments in rounds. Every case is a fresh process. Within a round the cases of an
 * experiment follow one another at once, and the ratio is formed there: whatever disturbs the
 * machine for longer disturbs both. Every round begins with another case.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { errorLine } from './error-line.mjs';
import { cpusOf, pinnedTo } from './pin.mjs';

const CHILD = fileURLToPath(new URL('./child.mjs', import.meta.url));
const TIMEOUT_MS = 30_000;

/** One process; with `whole`, all of its threads are where its parties are. @returns its result, or { error } */
function runCase(options) {
  const { whole, cpus } = options;
  return whole && cpus !== null ? pinnedTo(cpus, () => startCase(options)) : startCase(options);
}

function startCase(options) {
  const command = [...(options.flags ?? []), CHILD, JSON.stringify(options)];
  const child = spawnSync(process.execPath, command, {
    encoding: 'utf8',
    timeout: TIMEOUT_MS,
    killSignal: 'SIGKILL',
    // What users get: no debug checks, whatever the shell says.
    env: { ...process.env, NODE_ENV: 'production' },
  });
  if (child.status === 0) return JSON.parse(child.stdout.trim().split('\n').at(-1));
  if (child.error?.code === 'ETIMEDOUT') return { error: `no result after ${TIMEOUT_MS} ms` };
  return { error: errorLine(child.stderr) ?? `ended by ${child.signal ?? child.status}` };
}

/** All cases of one experiment at one placement, once: { case: { ns, … } or { error } }. */
function runRound({ experiment, cpus, rounds }) {
  const last = rounds.at(-1);
  // What failed once would only fail again, perhaps by waiting for its time-out.
  const run = (name, options) => (last?.[name]?.error ? last[name] : runCase({ ...options, cpus }));
  if (experiment.together !== undefined) {
    const result = run('ours', experiment.together);
    return result.error === undefined ? result : { ours: result };
  }
  const names = Object.keys(experiment.cases);
  const first = rounds.length % names.length;
  const results = {};
  for (const name of [...names.slice(first), ...names.slice(0, first)]) {
    results[name] = run(name, experiment.cases[name]);
  }
  return results;
}

/**
 * The rounds are the outer loop: a disturbance of half a minute then spoils one round of many rows,
 * which their medians ignore, and not most rounds of one.
 * @param say  told what is skipped, and each round as it ends
 * @returns    [{ experiment, placement, rounds: [{ case: result }] }]
 */
export function runExperiments(experiments, roundCount, say) {
  const runs = [];
  const impossible = new Set();
  for (const experiment of experiments) {
    for (const placement of experiment.placements) {
      const cpus = cpusOf(placement);
      // One thread alone needs no placement, only less noise.
      if (cpus === null && experiment.together === undefined) impossible.add(placement);
      else runs.push({ experiment, placement, cpus, rounds: [] });
    }
  }
  for (const placement of impossible) {
    say(
      `SKIPPED: all rows of two parties on ${placement} core(s): they need koffi and so many cores`,
    );
  }
  for (let round = 0; round < roundCount; round++) {
    const start = performance.now();
    for (const run of runs) run.rounds.push(runRound(run));
    const took = Math.round((performance.now() - start) / 1e3);
    say(`round ${round + 1} of ${roundCount}: ${took} s`);
  }
  return runs;
}
