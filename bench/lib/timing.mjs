// SPDX-License-Identifier: MIT
/**
 * Two ways to time. `timeEach` times every single operation: right for hand-offs, whose
 * distribution has a long tail. `interleave` times chunks of many operations, with all sides in
 * one process in turn: right for operations shorter than a look at the clock.
 */
import { median } from './stats.mjs';

const now = () => performance.now();
/**
 * Milliseconds that two parties run hot before anything is timed, whatever is measured: a pipeline
 * lives for hours, and until the optimizing compiler is done code of any size loses to a short one.
 */
export const WARM_MS = 400;
const NS_PER_MS = 1e6;

/** Nanoseconds on a clock that all threads of the machine share; exact up to 104 days of uptime. */
export const sharedClock = () => Number(process.hrtime.bigint());

/** Times `operation(k)`, k counting up, for about `ms` after a warm-up. */
export async function timeEach(operation, ms) {
  const samples = [];
  let k = 0;
  for (const end = now() + WARM_MS; now() < end || k < 3; k++) await operation(k);
  for (const end = now() + ms; now() < end || samples.length < 5; k++) {
    const start = now();
    await operation(k);
    samples.push((now() - start) * NS_PER_MS);
  }
  return { ns: median(samples) };
}

/** As timeEach, for operations that block: no await between the clock and the operation. */
export function timeEachSync(operation, ms) {
  const samples = [];
  let k = 0;
  for (const end = now() + WARM_MS; now() < end || k < 3; k++) operation(k);
  for (const end = now() + ms; now() < end || samples.length < 5; k++) {
    const start = now();
    operation(k);
    samples.push((now() - start) * NS_PER_MS);
  }
  return { ns: median(samples) };
}

const CHUNK_MS = 1;
const WARM_ALONE_MS = 120;
const UNSETTLED_CHUNKS = 5;

async function timeChunk(side, n) {
  side.prepare?.(n);
  const start = now();
  // Not awaited unless it is a promise: a synchronous side must not pay for a turn of the queue.
  const pending = side.run(n);
  if (pending !== undefined) await pending;
  return now() - start;
}

/** Runs a side until the optimizing compiler is done with it; returns operations per chunk. */
async function warmUp(side) {
  let n = 16;
  for (let took = 0; took < CHUNK_MS; took = await timeChunk(side, n)) n *= 2;
  let best = Infinity;
  for (const end = now() + WARM_ALONE_MS; now() < end; )
    best = Math.min(best, await timeChunk(side, n));
  return Math.max(1, Math.round((n * CHUNK_MS) / best));
}

/**
 * Times several sides in one process, chunk about, so that clock speed and neighbours hit all of
 * them alike. The median chunk counts: one that was preempted does not.
 * @param sides  { name: { run(n), prepare?(n) } }; `run` does the operation n times, `prepare` what is not timed
 * @returns      { name: { ns } } per operation
 */
export async function interleave(sides, ms) {
  const names = Object.keys(sides);
  const counts = {};
  const samples = {};
  for (const name of names) {
    counts[name] = await warmUp(sides[name]);
    samples[name] = [];
  }
  const end = now() + ms * names.length;
  for (let chunk = 0; now() < end || chunk < 2 * UNSETTLED_CHUNKS; chunk++) {
    for (const name of names) {
      const took = await timeChunk(sides[name], counts[name]);
      // The first chunks after the others' warm-up may meet code that was just deoptimized.
      if (chunk >= UNSETTLED_CHUNKS) samples[name].push((took * NS_PER_MS) / counts[name]);
    }
  }
  return Object.fromEntries(names.map((name) => [name, { ns: median(samples[name]) }]));
}
