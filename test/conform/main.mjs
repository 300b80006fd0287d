// SPDX-License-Identifier: MIT
// @ts-check
/**
 * conform/main — `npm run conform -- [DIR] [--host thread|process] [--json]`: replays a folder of recorded traces, by default this
 * project's own copy, on agents that share memory as threads do, or as processes do.
 *
 * Ends with the line "N passed, N failed, N differ", or with one JSON object. Exit code 1 when anything failed, or was unsupported, or nothing was found.
 */

import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { replay } from './replay.mjs';
import { Report } from './report.mjs';
import { BadFolder, readFolder } from './traces.mjs';

const HOSTS = ['thread', 'process'];
const OWN = fileURLToPath(new URL('traces', import.meta.url));

/** @param {string} line */
const print = (line) => void process.stdout.write(`${line}\n`);

/** @param {readonly string[]} args @returns {Promise<number>} exit code */
async function main(args) {
  const options = /** @type {const} */ ({
    json: { type: 'boolean' },
    host: { type: 'string', default: process.env['DMABUF_HOST'] ?? 'thread' },
  });
  const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true });
  const [folder = OWN, ...more] = positionals;
  if (more.length > 0) throw new BadFolder('one folder at a time');
  if (!HOSTS.includes(values.host)) throw new BadFolder(`--host is one of ${HOSTS.join(', ')}`);
  process.env['DMABUF_HOST'] = values.host;
  const report = new Report();
  for (const scenario of readFolder(folder)) {
    const outcome = await replay(scenario);
    report.add(outcome);
    for (const line of Report.lines(outcome)) print(line);
  }
  for (const line of report.summary) print(line);
  if (values.json === true) print(JSON.stringify(report.json));
  return report.failed + report.unsupported > 0 ? 1 : 0;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  const { message, code } = /** @type {Error & { code?: string }} */ (error);
  if (!(error instanceof BadFolder) && !code?.startsWith('ERR_PARSE_ARGS')) throw error;
  process.stderr.write(`conform: ${message}\n`);
  process.exitCode = 1;
}
