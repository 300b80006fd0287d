// SPDX-License-Identifier: MIT
// @ts-check
/** Steps that pass frames: out of a pool, through channels, and as one operation of two receivers. */
import { Channel } from 'dmabuf';
import { fill, wrongPlace } from './pattern.mjs';
import { scoped } from './scope.mjs';

/** @import {Delivery} from 'dmabuf' */
/** @import {Load} from './load.mjs' */

/** A frame of the pool that is filled, or null. @param {Load} load @param {<T extends Disposable>(handle: T) => T} own */
function filled(load, own) {
  const frame = load.pool.tryAcquire();
  if (frame === null) return null;
  own(frame);
  load.point();
  const tag = load.choose(2 ** 30);
  const cpu = frame.tryCpuAccess('write');
  // Somebody still has to finish with it.
  if (cpu === null) return null;
  fill(cpu.as(Int32Array), tag);
  cpu.end();
  return { frame, tag };
}

/** @param {Load} load */
export function send(load) {
  return scoped(async (own) => {
    const made = filled(load, own);
    if (made === null) return;
    load.lane.trySend(made.frame, { tag: made.tag, meta: { tag: made.tag } });
  });
}

/** One operation on the frame: both write, one of them may fail, and nobody waits for them. @param {Load} load */
export function submit(load) {
  return scoped(async (own) => {
    const made = filled(load, own);
    if (made === null || load.bands.some(({ queued, capacity }) => queued === capacity)) return;
    await Channel.submit(load.bands, made.frame, 'write', { tag: made.tag, ...load.wait });
  });
}

/** @param {Load} load */
export function receive(load) {
  return scoped(async (own) => {
    const job = load.lane.tryReceive();
    if (job === null) return;
    own(job);
    load.point();
    const cpu = own(await job.cpuAccess('read', load.wait));
    check(load, job, cpu.as(Int32Array));
    if (/** @type {{ tag: number }} */ (job.meta).tag !== job.tag)
      load.found('corruption', `the meta data of frame ${job.tag} is another one's`);
    cpu.end();
    job.done();
  });
}

/** Writes its half of a frame anew, as it was. @param {Load} load */
export function filterBand(load) {
  return scoped(async (own) => {
    const half = load.choose(2);
    const job = load.bands[half === 0 ? 0 : 1].tryReceive();
    if (job === null) return;
    own(job);
    const cpu = own(await job.cpuAccess('read-write', load.wait));
    const words = cpu.as(Int32Array);
    check(load, job, words);
    load.point();
    const middle = words.length / 2;
    fill(words.subarray(half * middle, (half + 1) * middle), job.tag + half * middle);
    cpu.end();
    if (load.choose(8) === 0) job.fail('ECANCELED');
    else job.done();
  });
}

/** @param {Load} load @param {Delivery} job @param {Int32Array} words */
function check(load, job, words) {
  const place = wrongPlace(words, job.tag);
  if (place >= 0) load.found('corruption', `word ${place} of frame ${job.tag} is ${words[place]}`);
}

/** Waits for a frame of the pool as long as there is none, and gives it back. @param {Load} load */
export function wait(load) {
  return scoped(async (own) => {
    // Who waits cannot receive what would set a frame free: not longer than this.
    const some = AbortSignal.timeout(load.choose(20));
    try {
      own(await load.pool.acquire({ signal: some }));
    } catch (error) {
      if (error !== some.reason) throw error;
    }
  });
}
