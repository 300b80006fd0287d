// SPDX-License-Identifier: MIT
// @ts-check
/**
 * conform/unsupported — calls that nobody here knows: a scenario that makes one is listed by name, not run.
 */

import { callOf } from './calls/index.mjs';

/** @import {Entry, Scenario, Step} from './types.js' */

/** @param {Entry} entry @returns {entry is Step} */
const isStep = (entry) => entry.call !== undefined;

/** @param {Scenario} scenario @returns {string | null} the first of them */
export function missing({ trace }) {
  const step = trace.filter(isStep).find((each) => callOf(each) === undefined);
  return step === undefined ? null : `unknown call ${step.call}`;
}
