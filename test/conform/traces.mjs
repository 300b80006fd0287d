// SPDX-License-Identifier: MIT
// @ts-check
/**
 * conform/traces — reads a folder of recorded traces.
 */

import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

/** @import {Scenario} from './types.js' */

/** The folder, or a file in it, is not what it should be. */
export class BadFolder extends Error {}

/** @param {string} file @returns {Scenario[]} */
function readFile(file) {
  const bad = (/** @type {string} */ why) => new BadFolder(`${file} is no recorded trace: ${why}`);
  let parsed;
  try {
    parsed = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw bad(error instanceof Error ? error.message : String(error));
  }
  if (!Array.isArray(parsed?.scenarios)) throw bad('it has no list of scenarios');
  for (const scenario of parsed.scenarios) {
    const { name, trace } = Object(scenario);
    if (typeof name !== 'string' || !Array.isArray(trace))
      throw bad('a scenario lacks name or trace');
    // Of nothing everything is right.
    if (trace.length === 0) throw bad(`the trace of ${name} is empty`);
    if (!trace.every((entry) => typeof entry === 'object' && entry !== null))
      throw bad(`the trace of ${name} has an entry that is none`);
  }
  const { area = path.basename(file, '.json'), scenarios } = parsed;
  return scenarios.map((/** @type {Partial<Scenario>} */ scenario) => ({
    doc: '',
    area,
    ...scenario,
  }));
}

/** All scenarios of a folder. @param {string} folder @returns {Scenario[]} @throws {BadFolder} */
export function readFolder(folder) {
  let names;
  try {
    names = readdirSync(folder).filter((name) => name.endsWith('.json'));
  } catch (error) {
    throw new BadFolder(error instanceof Error ? error.message : String(error));
  }
  const scenarios = names.toSorted().flatMap((name) => readFile(path.join(folder, name)));
  if (scenarios.length === 0) throw new BadFolder(`there is no recorded scenario in ${folder}`);
  return scenarios;
}
