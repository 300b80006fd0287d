// SPDX-License-Identifier: MIT
// @ts-check
/**
 * conform/verdict — what was not as recorded in one scenario: failures, and differences that a decision covers.
 */

import { findRule } from './differences.mjs';

/** @import {Difference, Outcome, Scenario} from './types.js' */

/** A value as it stands in a message. @param {unknown} value @returns {string} */
export function shown(value) {
  return value === undefined ? 'nothing' : JSON.stringify(value);
}

export class Verdict {
  /** @type {string[]} */
  failures = [];
  /** Number of the decision → what it says. @type {Map<string, string>} */
  differences = new Map();
  /** Where in the trace we are. */
  where = '';

  /** @param {string} text */
  fail(text) {
    this.failures.push(`${this.where}: ${text}`);
  }

  /** Something is not as recorded. @param {Difference} difference @returns {boolean} whether a decision covers it */
  differs(difference) {
    const rule = findRule(difference);
    if (rule === null) {
      const { kind, field, expected, actual, error } = difference;
      const what = field === undefined ? kind : `${kind} ${field}`;
      const thrown = error instanceof Error ? ` (${error.message})` : '';
      this.fail(`${what}: Linux ${shown(expected)}, here ${shown(actual)}${thrown}`);
      return false;
    }
    this.differences.set(rule.number, rule.says);
    return true;
  }

  /** Must be equal, or a decision must cover it. @param {Difference} compared @returns {boolean} */
  compare(compared) {
    return shown(compared.expected) === shown(compared.actual) || this.differs(compared);
  }

  /** @param {Scenario} scenario @returns {Outcome} */
  outcome({ area, name }) {
    const { failures, differences } = this;
    const full = `${area}/${name}`;
    if (failures.length > 0) return { name: full, verdict: 'failed', why: failures };
    const why = [...differences].map(([number, says]) => `${number}, ${says}`);
    return { name: full, verdict: why.length > 0 ? 'differs' : 'passed', why };
  }
}
