// SPDX-License-Identifier: MIT
/**
 * testing/conformance-error — an exporter broke a rule.
 */

import { RULES, type RuleName } from './rules.js';

/** An exporter broke a rule: the message begins with the name of the rule. */
export class ConformanceError extends Error {
  readonly rule: RuleName;

  constructor(rule: RuleName, what: string, cause?: unknown) {
    super(`${rule}: ${what}. The rule: ${RULES[rule]}.`, cause === undefined ? {} : { cause });
    this.name = 'ConformanceError';
    this.rule = rule;
  }
}

/** What an error says, in one line. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

export const failedWith = (error: unknown): string => `failed with "${messageOf(error)}"`;
