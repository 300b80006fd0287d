// SPDX-License-Identifier: MIT
/** The recorded scenarios, by name. */
import { fileURLToPath } from 'node:url';
import { readFolder } from './traces.mjs';
import type { Scenario } from './types.js';

export const scenarios = readFolder(fileURLToPath(new URL('traces', import.meta.url)));

export function scenario(area: string, name: string): Scenario {
  const found = scenarios.find((each) => each.area === area && each.name === name);
  if (found === undefined) throw new RangeError(`no scenario ${area}/${name}`);
  return found;
}
