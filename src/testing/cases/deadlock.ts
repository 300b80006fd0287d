// SPDX-License-Identifier: MIT
/**
 * testing/cases/deadlock — an importer in a multi-lock dies for an older one, gives up all it holds, and begins again.
 */

import { DmaBufError, type DynamicAttachment, type HeldLock } from 'dmabuf';
import { messageOf } from '../conformance-error.js';
import { failureOf } from '../failure-of.js';
import { attachDynamic, expectPattern, shows } from '../importer.js';
import { paint } from '../segments.js';
import type { Trial } from '../trial.js';
import { type Case, oneTrial } from './case.js';

const DANCES = 3;

/** Under that lock: pinned, mapped, written, read, and left as it was. */
async function use(
  trial: Trial,
  attachment: DynamicAttachment,
  lock: HeldLock,
  seed: number,
): Promise<void> {
  const { wait } = trial;
  using pin = await attachment.pin(lock, wait);
  using mapping = await attachment.map(lock, 'bidirectional', wait);
  await lock.wait('kernel', wait);
  if (seed > 1) expectPattern(trial, mapping.segments, seed - 1, 'in the next round');
  paint(mapping.segments, seed);
  mapping.unmap(lock);
  pin.unpin(lock);
}

async function survivesDeadlock(trial: Trial): Promise<void> {
  const { domain, resv, wait } = trial;
  using other = domain.alloc(1, { name: 'other' });
  const importer = await attachDynamic(trial);
  let seed = 0;
  for (let dance = 0; dance < DANCES; dance++) {
    using older = domain.acquireContext();
    using context = domain.acquireContext();
    using theirs = await other.resv.lock({ ...wait, context: older });
    {
      using lock = await resv.lock({ ...wait, context });
      await use(trial, importer.attachment, lock, ++seed);
      const died = await failureOf(other.resv.lock({ ...wait, context }));
      if (!DmaBufError.is(died, 'EDEADLK')) {
        throw trial.fail(`the contended lock answered "${messageOf(died)}"`, died);
      }
    }
    theirs.unlock();
    using first = await other.resv.lockSlow(context, wait);
    using lock = await resv.lock({ ...wait, context });
    await use(trial, importer.attachment, lock, ++seed);
    lock.unlock();
    first.unlock();
  }
  await shows(trial, importer, seed, 'after the last round');
  await importer.detach();
}

export const deadlockCases: readonly Case[] = [oneTrial('survives-EDEADLK', survivesDeadlock)];
