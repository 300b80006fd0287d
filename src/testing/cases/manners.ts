// SPDX-License-Identifier: MIT
/**
 * testing/cases/manners — what holds for callbacks whatever is going on: the monitor and the trial look; here everything goes on.
 */

import { failureOf } from '../failure-of.js';
import { attach, attachDynamic, cpuPaints, IMPORTERS } from '../importer.js';
import type { RuleName } from '../rules.js';
import type { Trial } from '../trial.js';
import { type Case, oneTrial } from './case.js';

/** Everything that importers do, once. Whether it succeeds is for other cases to say. */
export async function tour(trial: Trial): Promise<void> {
  for (const kind of IMPORTERS) await failureOf(comeAndGo(trial, kind, 'tourist'));
  await failureOf(cpuPaints(trial, 1));
  if (!trial.buf.dynamic) return;
  await failureOf(pinAndMove(trial));
  await failureOf(comeAndGo(trial, 'dynamic', 'tourist'));
}

async function pinAndMove(trial: Trial): Promise<void> {
  const importer = await attachDynamic(trial);
  try {
    for (let round = 0; round < 2; round++) {
      using lock = await trial.lock();
      using pin = await importer.attachment.pin(lock, trial.wait);
      pin.unpin(lock);
    }
    await importer.map('bidirectional');
    await trial.move();
  } finally {
    await importer.detach();
  }
}

/** Devices that an exporter may refuse; the monitor sees what with. */
async function typedErrors(trial: Trial): Promise<void> {
  const { domain } = trial;
  const devices = [
    domain.device('one-piece', { maxSegments: 1 }),
    domain.device('peer', { peerToPeer: true }),
    domain.device('narrow-peer', { maxSegments: 1, peerToPeer: true }),
  ];
  for (const device of devices) {
    for (const kind of IMPORTERS) await failureOf(comeAndGo(trial, kind, device));
  }
  await tour(trial);
}

async function comeAndGo(...[trial, kind, device]: Parameters<typeof attach>): Promise<void> {
  const importer = await attach(trial, kind, device);
  try {
    const view = await importer.map('bidirectional');
    await view.unmap();
  } finally {
    await importer.detach();
  }
}

const WATCHED: readonly RuleName[] = [
  'never-fails',
  'answers-in-time',
  'leaves-no-lock',
  'lent-lock',
  'keeps-the-lock',
  'fences-end',
];

export const mannerCases: readonly Case[] = [
  oneTrial('typed-errors', typedErrors),
  ...WATCHED.map((rule) => oneTrial(rule, tour)),
];
