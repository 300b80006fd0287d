// SPDX-License-Identifier: MIT
/**
 * Measures a transport: something that takes frame number k to a consumer and reports its return.
 *
 *   hot        one frame after the other, round trip
 *   asleep     one frame per 5 ms, so that the consumer sleeps when it comes, round trip
 *   pipelined  DEPTH frames in flight, time per frame
 *
 * A transport is { roundTrip(k), pipeline?(ms) }; a blocking one has `blocking: true`. `pipeline`
 * answers how many frames came back, all of those it sent.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { median } from './stats.mjs';
import { timeEach, timeEachSync, WARM_MS } from './timing.mjs';

const PACE_MS = 5;
const PACED_FRAMES = 40;
/** The first ones come before what ran hot has gone to sleep for good. */
const PACED_WARM = 10;

async function timeAsleep(transport) {
  const time = transport.blocking ? timeEachSync : timeEach;
  await time((k) => transport.roundTrip(k), 0);
  const samples = [];
  for (let paced = 0; paced < PACED_WARM + PACED_FRAMES; paced++) {
    await sleep(PACE_MS);
    const start = performance.now();
    const pending = transport.roundTrip(paced);
    if (!transport.blocking) await pending;
    if (paced >= PACED_WARM) samples.push((performance.now() - start) * 1e6);
  }
  return { ns: median(samples) };
}

async function timePipeline(transport, ms) {
  await transport.pipeline(WARM_MS);
  const start = performance.now();
  const frames = await transport.pipeline(ms);
  return { ns: ((performance.now() - start) * 1e6) / frames };
}

/** @param options { shape, ms } and whatever the transport's open() wants to know */
export async function measureTransport(open, options) {
  const transport = await open(options);
  if (options.shape === 'asleep') return timeAsleep(transport);
  if (options.shape === 'pipelined') return timePipeline(transport, options.ms);
  return transport.blocking
    ? timeEachSync(transport.roundTrip, options.ms)
    : timeEach(transport.roundTrip, options.ms);
}
