// SPDX-License-Identifier: MIT
/**
 * testing/conformance — the kit: what an exporter must do, as cases that any test runner can run.
 *
 * Each case makes a domain, and an exporter in it, of its own. The exporter is given that domain with its exports looked at and its
 * allocations counted, so whoever wrote it has nothing to do for that.
 */

import { byteCases } from './cases/bytes.js';
import { type Case, oneTrial } from './cases/case.js';
import { deadlockCases } from './cases/deadlock.js';
import { deathCases } from './cases/death.js';
import { givingBackCases } from './cases/giving-back.js';
import { mannerCases } from './cases/manners.js';
import { memoryCases } from './cases/memory.js';
import { movingCases } from './cases/moving.js';
import { movingBetweenCases } from './cases/moving-between.js';
import { ConformanceError } from './conformance-error.js';
import type { ConformanceOptions, MakeExporter } from './maker.js';
import { RULES, type RuleName } from './rules.js';

/** One thing that an exporter must do. */
export interface ConformanceCase {
  /** Unique: the rule, and which case of it. */
  readonly name: string;
  readonly rule: RuleName;
  /** In a domain of its own. @throws ConformanceError, whose message begins with the name of the rule that was broken */
  readonly run: () => Promise<void>;
}

const CASES: readonly Case[] = [
  ...byteCases,
  ...mannerCases,
  ...givingBackCases,
  ...memoryCases,
  ...deadlockCases,
  ...movingCases,
  ...movingBetweenCases,
  ...deathCases,
];

/** Control: the kit and the author mean the same exporter. */
function madeHere({ kind }: ConformanceOptions): Case {
  return oneTrial('made-here', async ({ buf }) => {
    const is = buf.dynamic ? 'dynamic' : 'static';
    if (kind === undefined || kind === is) return;
    throw new ConformanceError('made-here', `kind is "${kind}", and the exporter is ${is}`);
  });
}

function applies({ about }: Case, { kind, module }: ConformanceOptions): boolean {
  if (about === 'module') return module !== undefined;
  return about === 'any' || kind !== 'static';
}

/**
 * What an exporter must do, as named cases for any test runner.
 * @param make  makes one buffer of the exporter in the domain that it is given; called once or more per case.
 * @example
 * for (const { name, run } of exporterConformance((domain) => ({ buf: makeCamera(domain) }))) test(name, run);
 */
export function exporterConformance(
  make: MakeExporter,
  options: ConformanceOptions = {},
): readonly ConformanceCase[] {
  const cases = [madeHere(options), ...CASES].filter((each) => applies(each, options));
  return cases.map((each) => {
    const { rule, variant } = each;
    const which = variant === null ? '' : ` (${variant})`;
    return {
      name: `${rule}: ${RULES[rule]}${which}`,
      rule,
      run: () => each.run({ make, options }),
    };
  });
}
