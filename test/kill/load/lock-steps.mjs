// SPDX-License-Identifier: MIT
// @ts-check
/** Steps that take locks: one and many, blocking and not, by both algorithms. */
import { setImmediate as turn } from 'node:timers/promises';
import { DmaBufError } from 'dmabuf';
import { repair } from './pattern.mjs';
import { scoped } from './scope.mjs';

/** @import {AcquireContext, ResvLock} from 'dmabuf' */
/** @import {Load, Record} from './load.mjs' */

const RECOVER = { recover: true };

/** @param {Load} load */
export async function lockOne(load) {
  const record = load.any(load.records);
  const lock = record.buf.resv.lockSync({ ...RECOVER, ...load.wait });
  load.change(record, lock);
  lock.unlock();
}

/** @param {Load} load */
export async function lockMany(load) {
  const some = load.some();
  const held = load.domain.lockAllSync(
    some.map(({ buf }) => buf),
    { ...RECOVER, ...load.wait },
  );
  for (const record of new Set(some)) load.change(record, held.of(record.buf));
  held.unlock();
}

/** Holds it over some turns of its event loop. @param {Load} load */
export function lockAwaited(load) {
  const record = load.any(load.records);
  return scoped(async (own) => {
    const lock = own(await record.buf.resv.lock({ ...RECOVER, ...load.wait }));
    load.beginChange(record, lock);
    load.point();
    for (let turns = load.choose(3); turns > 0; turns--) await turn();
    repair(record.halves);
  });
}

/** @param {Load} load */
export function lockManyAwaited(load) {
  const some = load.some();
  return scoped(async (own) => {
    const bufs = some.map(({ buf }) => buf);
    const held = own(await load.domain.lockAll(bufs, { ...RECOVER, ...load.wait }));
    for (const record of new Set(some)) load.beginChange(record, held.of(record.buf));
    load.point();
    await turn();
    for (const { halves } of some) repair(halves);
  });
}

/** @param {Load} load */
export const danceAndDie = (load) => dance(load, 'wait-die');

/** @param {Load} load */
export const danceAndWound = (load) => dance(load, 'wound-wait');

/** Several locks by hand: whoever meets an older one gives up all it has, and takes that one first. */
async function dance(/** @type {Load} */ load, /** @type {'wait-die' | 'wound-wait'} */ algorithm) {
  const wanted = new Set(load.some());
  await scoped(async (own) => {
    const context = own(load.domain.acquireContext({ algorithm }));
    /** @type {Map<Record, ResvLock>} */
    const held = new Map();
    own({ [Symbol.dispose]: () => unlockAll(held) });
    /** @type {Record | null} */
    let contended = null;
    while (held.size < wanted.size) {
      contended = await takeNext(load, context, wanted, held, contended);
      if (contended !== null) unlockAll(held);
    }
    for (const [record, lock] of held) load.change(record, lock);
  });
}

/** Takes one more. @returns the one that an older context wants, or null */
async function takeNext(
  /** @type {Load} */ load,
  /** @type {AcquireContext} */ context,
  /** @type {ReadonlySet<Record>} */ wanted,
  /** @type {Map<Record, ResvLock>} */ held,
  /** @type {Record | null} */ contended,
) {
  const record = contended ?? [...wanted].find((each) => !held.has(each));
  if (record === undefined) return null;
  const { resv } = record.buf;
  try {
    const options = { ...RECOVER, ...load.wait, context };
    const taking = contended === null ? resv.lock(options) : resv.lockSlow(context, options);
    held.set(record, await taking);
    load.point();
    return null;
  } catch (error) {
    if (!DmaBufError.is(error, 'EDEADLK')) throw error;
    return record;
  }
}

/** @param {Map<Record, ResvLock>} held */
function unlockAll(held) {
  for (const lock of held.values()) lock.unlock();
  held.clear();
}
