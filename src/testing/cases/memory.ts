// SPDX-License-Identifier: MIT
/**
 * testing/cases/memory — an allocation of the exporter finds the heap full: each one in turn, until there is no such allocation.
 *
 * What is in use afterwards is compared with the same steps undisturbed, in a domain of their own: an exporter that fails them, or
 * loses memory in any case, is blamed for that elsewhere.
 */

import { DmaBufError } from 'dmabuf';
import { ConformanceError, failedWith } from '../conformance-error.js';
import { failureOf } from '../failure-of.js';
import { excess, type Footprint } from '../footprint.js';
import { attach, cpuPaints, IMPORTERS, paintThrough, shows, visit } from '../importer.js';
import type { RuleName } from '../rules.js';
import { Trial } from '../trial.js';
import type { Case, Subject } from './case.js';

/** More allocations than an exporter makes in a few steps. */
const MOST_ALLOCATIONS = 32;

type Steps = (trial: Trial) => Promise<void>;

/** `steps` may find no memory. */
interface Scene {
  readonly rule: RuleName;
  readonly before: Steps;
  readonly steps: Steps;
  /** All is well again. */
  readonly after: Steps;
}

/** The nth allocation of the steps finds no memory. @returns what is in use then; null when there are not that many */
async function disturbed(
  { make, options }: Subject,
  { rule, before, steps, after }: Scene,
  nth: number,
): Promise<Footprint | null> {
  let left: Footprint | null = null;
  await Trial.run(rule, make, options, async (trial) => {
    const { scarcity } = trial;
    await before(trial);
    scarcity.arm(nth);
    const error = await failureOf(steps(trial));
    scarcity.disarm();
    if (!scarcity.met) return;
    if (error !== null && !DmaBufError.is(error, 'ENOMEM')) {
      throw trial.fail(`allocation ${nth} found no memory, and it ${failedWith(error)}`, error);
    }
    await after(trial);
    left = await trial.footprint();
  });
  return left;
}

/** @returns null when it fails as it is */
async function undisturbed(
  { make, options }: Subject,
  { rule, before, steps, after }: Scene,
): Promise<Footprint | null> {
  let left: Footprint | null = null;
  await Trial.run(rule, make, options, async (trial) => {
    for (const part of [before, steps, after]) {
      if ((await failureOf(part(trial))) !== null) return;
    }
    left = await trial.footprint();
  });
  return left;
}

async function play(subject: Subject, scene: Scene): Promise<void> {
  const control = await undisturbed(subject, scene);
  if (control === null) return;
  for (let nth = 1; nth <= MOST_ALLOCATIONS; nth++) {
    const left = await disturbed(subject, scene, nth);
    if (left === null) return;
    const more = excess(left, control);
    if (more === null) continue;
    const what = `allocation ${nth} found no memory, and ${more} more than otherwise are in use`;
    throw new ConformanceError(scene.rule, what);
  }
}

const IMPORTING: Readonly<Record<string, Steps>> = {
  ...Object.fromEntries(
    IMPORTERS.map((kind) => [`${kind} importer`, (trial: Trial) => visit(trial, kind, 1)]),
  ),
  'CPU access': (trial) => cpuPaints(trial, 1),
};

const importingCases = Object.entries(IMPORTING).map(
  ([variant, steps]): Case => ({
    rule: 'undone-on-ENOMEM',
    variant,
    about: 'any',
    run: (subject) =>
      play(subject, { rule: 'undone-on-ENOMEM', before: async () => {}, steps, after: steps }),
  }),
);

/** The content is where it was, or has arrived; and the next move succeeds. */
async function isWhole(trial: Trial): Promise<void> {
  const importer = await attach(trial, 'dynamic');
  await shows(trial, importer, 1, 'after the move that found no memory');
  await paintThrough(importer, 2);
  await trial.move();
  await shows(trial, importer, 2, 'after the next move');
  await importer.detach();
}

const moving: Case = {
  rule: 'move-fails-whole',
  variant: null,
  about: 'dynamic',
  run: (subject) =>
    play(subject, {
      rule: 'move-fails-whole',
      before: (trial) => cpuPaints(trial, 1),
      steps: (trial) => trial.move(),
      after: isWhole,
    }),
};

export const memoryCases: readonly Case[] = [...importingCases, moving];
