// SPDX-License-Identifier: MIT
// @ts-check
/** Steps that promise, keep it, and wait for the promises of others: points, arrays, chains, sync files. */
import { setImmediate as turn } from 'node:timers/promises';
import { Fence, FenceChain } from 'dmabuf';
import { SyncFile } from 'dmabuf/file';
import { scoped } from './scope.mjs';

/** @import {AnyFence, FenceName, Json, Share, Usage} from 'dmabuf' */
/** @import {SyncShare} from 'dmabuf/file' */
/** @import {Load} from './load.mjs' */
/** @typedef {{ readonly fence: FenceName } | { readonly file: SyncShare } | { readonly share: Share }} Note */

/** Puts a promise into a record's reservation. */
function promise(/** @type {Load} */ load, /** @type {Exclude<Usage, 'kernel'>} */ usage) {
  const record = load.any(load.records);
  const lock = record.buf.resv.lockSync({ recover: true, ...load.wait });
  load.change(record, lock);
  const fence = load.timeline.next();
  lock.reserve(1);
  lock.add(fence, usage);
  lock.unlock();
  load.point();
  return { resv: record.buf.resv, fence };
}

/** @param {Load} load */
export async function keepPromise(load) {
  const { resv, fence } = promise(load, 'read');
  load.timeline.signal(fence);
  resv.waitSync('read', load.wait);
}

/** @param {Load} load */
export async function keepPromiseLater(load) {
  const { resv, fence } = promise(load, 'bookkeep');
  try {
    for (let turns = load.choose(3); turns > 0; turns--) await turn();
  } finally {
    load.timeline.signal(fence);
  }
  await resv.wait('bookkeep', load.wait);
}

/** A timeline of its own, and an array of its points and of what others owe; one of the points fails. @param {Load} load */
export function array(load) {
  return scoped(async (own) => {
    const timeline = own(load.domain.timeline('array'));
    const points = [timeline.next(), timeline.next(), timeline.next()];
    const others = load.any(load.records).buf.resv.fences('bookkeep');
    const all = Fence.all([...points, ...others]);
    const any = Fence.any(points);
    await send(load, { fence: all.toJSON() });
    load.point();
    timeline.signal(1);
    await any.wait(load.wait);
    if (load.choose(2) === 0) timeline.fail(2, 'ECANCELED');
    timeline.signal(3);
    await all.wait(load.wait);
  });
}

/** @param {Load} load */
export async function chain(load) {
  const [first, second] = [load.timeline.next(), load.timeline.next()];
  /** @type {FenceChain} */
  let last;
  try {
    const link = FenceChain.append(load.domain, null, first, 1);
    last = FenceChain.append(load.domain, link, second, 2);
    await send(load, { fence: last.toJSON() });
    load.point();
    await turn();
  } finally {
    load.timeline.signal(second);
  }
  await last.wait(load.wait);
}

/** @param {Load} load */
export function syncFile(load) {
  return scoped(async (own) => {
    const fence = load.timeline.next();
    try {
      const file = own(SyncFile.create(load.domain, fence, 'load'));
      load.point();
      await send(load, { file: load.fileShareOf(file) });
    } finally {
      load.timeline.signal(fence);
    }
    load.settleTickets(4);
  });
}

/** A ticket for a record, to whoever hears of it first. @param {Load} load */
export async function share(load) {
  await send(load, { share: load.shareOf(load.any(load.records).buf) });
  load.settleTickets(4);
}

/** @param {Load} load @param {Note} note */
function send(load, note) {
  return scoped(async (own) => {
    const carrier = own(load.domain.alloc(1, { name: 'note' }));
    load.notes.trySend(carrier, { meta: /** @type {Json} */ (note) });
  });
}

/** Takes a note, and does what it is for. @param {Load} load */
export function hear(load) {
  return scoped(async (own) => {
    const job = load.notes.tryReceive();
    if (job === null) return;
    own(job);
    load.point();
    const note = /** @type {Note} */ (job.meta);
    if ('share' in note) own(await load.domain.open(note.share));
    else await waitFor(note, load, own);
    job.done();
  });
}

async function waitFor(
  /** @type {Exclude<Note, { share: Share }>} */ note,
  /** @type {Load} */ load,
  /** @type {<T extends Disposable>(handle: T) => T} */ own,
) {
  if ('file' in note) await own(SyncFile.open(load.domain, note.file)).wait(load.wait);
  else {
    /** @type {AnyFence} */
    const fence = Fence.from(load.domain, note.fence);
    await fence.wait(load.wait);
  }
}
