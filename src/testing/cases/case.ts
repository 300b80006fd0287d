// SPDX-License-Identifier: MIT
/**
 * testing/cases/case — what a case is, before it is bound to an exporter.
 */

import type { ConformanceOptions, MakeExporter } from '../maker.js';
import type { RuleName } from '../rules.js';
import { Trial } from '../trial.js';

/** An exporter, and what the kit was told about it. */
export interface Subject {
  readonly make: MakeExporter;
  readonly options: ConformanceOptions;
}

export interface Case {
  readonly rule: RuleName;
  /** Tells the cases of one rule apart. */
  readonly variant: string | null;
  /** Whom it is about: 'module' = those who can be made in another thread. */
  readonly about: 'any' | 'dynamic' | 'module';
  /** @throws ConformanceError */
  run(subject: Subject): Promise<void>;
}

type Body = (trial: Trial) => Promise<void>;

/** A case about one exporter in one domain. */
export function oneTrial(
  rule: RuleName,
  body: Body,
  variant: string | null = null,
  about: Case['about'] = 'any',
): Case {
  const applies: Body = async (trial) => {
    if (about !== 'dynamic' || trial.buf.dynamic) await body(trial);
  };
  return {
    rule,
    variant,
    about,
    run: ({ make, options }) => Trial.run(rule, make, options, applies),
  };
}

/** The same, about exporters whose memory may move. */
export function movingTrial(rule: RuleName, body: Body, variant: string | null = null): Case {
  return oneTrial(rule, body, variant, 'dynamic');
}
