// SPDX-License-Identifier: MIT
/**
 * Signals and wakes. Two parties each own a counter that only they raise:
 *
 *   hot     party 0 signals, party 1 wakes and signals back: round trip
 *   asleep  party 0 signals once per 5 ms; the way from just before the signal to the woken
 *           party's next statement, one direction, on the clock both threads share
 *
 * A link is { offer(n), accept(theirs), signal(k), wait(k) }. For a run of n signals each party
 * offers what the other has to know of its own signals, and accepts what it is offered; that is not
 * timed. wait() blocks or returns a promise, and `blocking` says which.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { median } from './stats.mjs';
import { sharedClock, WARM_MS } from './timing.mjs';

const RUN = 256;
const PACE_MS = 5;
const PACED_SIGNALS = 50;
/** The first ones come before what ran hot has gone to sleep for good. */
const PACED_WARM = 10;

/** Resolves with the next message of the other party. */
const answer = (worker) => new Promise((resolve) => worker.once('message', resolve));

async function prepare(worker, link, shape, count) {
  const prepared = answer(worker);
  worker.postMessage({ shape, count, offer: link.offer(count) });
  link.accept(await prepared);
}

function roundTripsBlocking(link, samples) {
  for (let k = 0; k < RUN; k++) {
    const start = performance.now();
    link.signal(k);
    link.wait(k);
    samples.push((performance.now() - start) * 1e6);
  }
}

async function roundTrips(link, samples) {
  for (let k = 0; k < RUN; k++) {
    const start = performance.now();
    link.signal(k);
    await link.wait(k);
    samples.push((performance.now() - start) * 1e6);
  }
}

/** Round trips for about `ms`. @returns nanoseconds of each */
async function runHot(worker, link, ms) {
  const samples = [];
  for (const end = performance.now() + ms; performance.now() < end; ) {
    await prepare(worker, link, 'hot', RUN);
    const finished = answer(worker);
    if (link.blocking) roundTripsBlocking(link, samples);
    else await roundTrips(link, samples);
    await finished;
  }
  return samples;
}

async function measureAsleep(worker, link) {
  await prepare(worker, link, 'asleep', PACED_SIGNALS);
  const woken = answer(worker);
  const signalled = [];
  for (let k = 0; k < PACED_SIGNALS; k++) {
    await sleep(PACE_MS);
    signalled.push(sharedClock());
    link.signal(k);
  }
  const times = await woken;
  return { ns: median(times.map((time, k) => time - signalled[k]).slice(PACED_WARM)) };
}

export async function measureWake(worker, link, { shape, ms }) {
  await runHot(worker, link, WARM_MS);
  if (shape === 'asleep') return measureAsleep(worker, link);
  return { ns: median(await runHot(worker, link, ms)) };
}

async function echo(link, count) {
  for (let k = 0; k < count; k++) {
    const pending = link.wait(k);
    if (!link.blocking) await pending;
    link.signal(k);
  }
  return 'finished';
}

async function wakeTimes(link, count) {
  const times = [];
  for (let k = 0; k < count; k++) {
    const pending = link.wait(k);
    if (!link.blocking) await pending;
    times.push(sharedClock());
  }
  return times;
}

/** The other party: prepares each run it is sent, says so, takes part, reports. */
export function serveWakes(port, link) {
  port.on('message', async ({ shape, count, offer }) => {
    link.accept(offer);
    port.postMessage(link.offer(count));
    port.postMessage(await (shape === 'asleep' ? wakeTimes : echo)(link, count));
  });
}
