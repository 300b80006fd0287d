// SPDX-License-Identifier: MIT
/**
 * testing/cases/giving-back — what is taken is given back: by unmap, by detach, and at the end.
 */

import { failureOf } from '../failure-of.js';
import { attach, type ImporterKind } from '../importer.js';
import type { Trial } from '../trial.js';
import { type Case, oneTrial } from './case.js';
import { tour } from './manners.js';

/** An importer whose locking is that of the exporter: nothing is mapped for it in advance. */
const matching = ({ buf }: Trial): ImporterKind => (buf.dynamic ? 'dynamic' : 'static');

async function unmapGivesBack(trial: Trial): Promise<void> {
  const importer = await attach(trial, matching(trial));
  await trial.takesNothing('the buffer was mapped and unmapped', async () => {
    const view = await importer.map('bidirectional');
    await view.unmap();
  });
  await trial.takesNothing('an importer gave up while it mapped', async () => {
    const giving = new AbortController();
    const mapping = importer.map('bidirectional', giving.signal);
    giving.abort();
    await failureOf(mapping.then((view) => view.unmap()));
  });
  await importer.detach();
}

async function detachGivesBack(trial: Trial): Promise<void> {
  await trial.takesNothing('an importer came and went', async () => {
    const importer = await attach(trial, matching(trial));
    await importer.detach();
  });
}

async function releaseFreesAll(trial: Trial): Promise<void> {
  const { monitor } = trial;
  trial.buf.close();
  const { bytes, references } = await trial.footprint();
  if (bytes === 0 && references === 0) return;
  const released = monitor.calls('release') > 0 || !monitor.exported;
  const when = released ? 'after its release' : 'after the last close, without a call of release,';
  throw trial.fail(`${when} ${bytes} bytes and ${references} references are left`);
}

async function afterUse(trial: Trial): Promise<void> {
  await tour(trial);
  await releaseFreesAll(trial);
}

export const givingBackCases: readonly Case[] = [
  oneTrial('unmap-gives-back', unmapGivesBack),
  oneTrial('detach-gives-back', detachGivesBack),
  oneTrial('release-frees-all', releaseFreesAll, 'never used'),
  oneTrial('release-frees-all', afterUse, 'after use'),
];
