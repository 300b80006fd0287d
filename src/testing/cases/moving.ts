// SPDX-License-Identifier: MIT
/**
 * testing/cases/moving — memory that moves, at every wrong moment.
 */

import type { Segment } from 'dmabuf';
import { failedWith } from '../conformance-error.js';
import { failureOf } from '../failure-of.js';
import {
  attach,
  attachDynamic,
  cpuShows,
  expectPattern,
  paintThrough,
  shows,
} from '../importer.js';
import { difference, paint } from '../segments.js';
import type { Trial } from '../trial.js';
import { type Case, movingTrial } from './case.js';

async function movesAfter(trial: Trial, what: string): Promise<void> {
  const stuck = await failureOf(trial.move());
  if (stuck !== null) throw trial.fail(`${what}, and move ${failedWith(stuck)}`, stuck);
}

async function pinBalances(trial: Trial): Promise<void> {
  const [one, two] = [await attachDynamic(trial), await attachDynamic(trial)];
  await trial.takesNothing('the buffer was pinned and unpinned', async () => {
    using lock = await trial.lock();
    using first = await one.attachment.pin(lock, trial.wait);
    using again = await one.attachment.pin(lock, trial.wait);
    using other = await two.attachment.pin(lock, trial.wait);
    for (const pin of [first, again, other]) pin.unpin(lock);
  });
  await movesAfter(trial, 'it was unpinned as often as pinned');
  for (const importer of [one, two]) await importer.detach();
}

/** An importer that cannot follow has it pinned from attach to detach. */
async function attachBalances(trial: Trial): Promise<void> {
  const importer = await attach(trial, 'static');
  await importer.detach();
  await movesAfter(trial, 'its only importer has gone');
}

async function pinnedStays(trial: Trial): Promise<void> {
  const importer = await attachDynamic(trial);
  await paintThrough(importer, 1);
  {
    using lock = await trial.lock();
    using pin = await importer.attachment.pin(lock, trial.wait);
    using mapping = await importer.attachment.map(lock, 'bidirectional', trial.wait);
    await trial.refusesToMove('it is pinned', lock);
    paint(mapping.segments, 2);
    using again = await importer.attachment.map(lock, 'bidirectional', trial.wait);
    expectPattern(trial, again.segments, 2, 'mapped again while pinned');
    pin.unpin(lock);
  }
  await importer.detach();
}

async function attachedStays(trial: Trial): Promise<void> {
  const importer = await attach(trial, 'static');
  const view = await importer.map('bidirectional');
  await trial.refusesToMove('it is attached by a static importer');
  paint(view.segments, 1);
  await cpuShows(trial, 1, 'after a write of the static importer');
  await view.unmap();
  await importer.detach();
}

async function accessedStays(trial: Trial): Promise<void> {
  const importer = await attachDynamic(trial);
  {
    using cpu = await trial.buf.cpuAccess('read-write', trial.wait);
    await trial.refusesToMove('the CPU accesses it');
    paint(cpu.segments, 1);
    await shows(trial, importer, 1, 'after a write by the CPU');
  }
  await importer.detach();
}

async function moveNotifies(trial: Trial): Promise<void> {
  const old: Segment[] = [];
  const seen: (string | null)[] = [];
  const importer = await attachDynamic(trial, { onMove: () => seen.push(difference(old, 1)) });
  const view = await importer.map('bidirectional');
  paint(view.segments, 1);
  old.push(...view.segments);
  await trial.move();
  if (seen.length === 0) throw trial.fail('the importer was not told');
  const wrong = seen.find((what) => what !== null);
  if (wrong !== undefined) throw trial.fail(`when it was told, in the old place ${wrong}`);
  await importer.detach();
}

async function moveKeepsContent(trial: Trial): Promise<void> {
  const importer = await attachDynamic(trial);
  for (const seed of [1, 2, 3]) {
    await paintThrough(importer, seed);
    await trial.move();
    await shows(trial, importer, seed, `after move ${seed}`);
    await cpuShows(trial, seed, `the CPU after move ${seed}`);
  }
  await importer.detach();
}

/** Milliseconds after which a move that waits for nothing is over. */
const GRACE = 30;

async function moveWaits(trial: Trial): Promise<void> {
  const importer = await attachDynamic(trial);
  const view = await importer.map('bidirectional');
  paint(view.segments, 1);
  const memory = [...view.segments];
  using timeline = trial.domain.timeline('device');
  const work = timeline.next();
  {
    using lock = await trial.lock();
    lock.reserve(1);
    lock.add(work, 'bookkeep');
  }
  const moving = trial.move();
  try {
    await Promise.race([failureOf(moving), new Promise((resolve) => setTimeout(resolve, GRACE))]);
    paint(memory, 2);
  } finally {
    timeline.signal(work);
  }
  await moving;
  await shows(trial, importer, 2, 'what a device wrote before its fence signalled');
  await importer.detach();
}

export const movingCases: readonly Case[] = [
  movingTrial('move-keeps-content', moveKeepsContent),
  movingTrial('move-notifies', moveNotifies),
  movingTrial('move-waits', moveWaits),
  movingTrial('pin-balances', pinBalances, 'dynamic importer'),
  movingTrial('pin-balances', attachBalances, 'static importer'),
  movingTrial('pinned-stays', pinnedStays, 'pinned'),
  movingTrial('pinned-stays', attachedStays, 'static importer'),
  movingTrial('pinned-stays', accessedStays, 'CPU access'),
];
