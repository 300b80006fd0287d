// SPDX-License-Identifier: MIT
// @ts-check
/**
 * conform/unsupported — calls of Linux that have no counterpart in this version: a scenario that makes one is listed, not run.
 */

/** @import {Scenario, Step} from './types.js' */

/** What is missing → the calls that need it. */
const MISSING = new Map([['fence containers', /^dma_fence_(array|chain|unwrap)_/]]);

/** @param {Step} step @returns {string | null} what is missing for it */
function missingFor({ call }) {
  for (const [what, calls] of MISSING) if (calls.test(call)) return `${what} (${call})`;
  return null;
}

/** @param {Scenario} scenario @returns {string | null} */
export function missing({ trace }) {
  for (const entry of trace) {
    if (entry.call === undefined) continue;
    const needed = missingFor(/** @type {Step} */ (entry));
    if (needed !== null) return needed;
  }
  return null;
}
