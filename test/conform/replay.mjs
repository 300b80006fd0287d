// SPDX-License-Identifier: MIT
// @ts-check
/**
 * conform/replay — replays recorded scenarios on this implementation, one after the other.
 */

import { hintsOf, readings } from './hints.mjs';
import { isScript, replayScript } from './lock-script.mjs';
import { replaySteps } from './steps.mjs';
import { missing } from './unsupported.mjs';

/** @import {Outcome, Scenario} from './types.js' */

/** @param {Scenario} scenario @returns {Promise<Outcome>} */
export async function replay(scenario) {
  if (isScript(scenario)) return (await replayScript(scenario)).outcome(scenario);
  const lacks = missing(scenario);
  if (lacks !== null) {
    return { name: `${scenario.area}/${scenario.name}`, verdict: 'unsupported', why: [lacks] };
  }
  let first = null;
  for (const hints of readings(hintsOf(scenario))) {
    const outcome = (await replaySteps(scenario, hints)).outcome(scenario);
    if (outcome.verdict !== 'failed') return outcome;
    first ??= outcome;
  }
  if (first === null) throw new Error('there is always one reading');
  return first;
}
