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
import { timeEach, timeEachSync } from './timing.mjs';

const PACE_MS = 5;
const PACED_FRAMES = 40;
const PACED_WARM = 5;

async function timeAsleep(transport) {
  const samples = [];
  for (let k = 0; k < PACED_WARM + PACED_FRAMES; k++) {
    await sleep(PACE_MS);
    const start = performance.now();
    const pending = transport.roundTrip(k);
    if (!transport.blocking) await pending;
    if (k >= PACED_WARM) samples.push((performance.now() - start) * 1e6);
  }
  return { ns: median(samples) };
}

async function timePipeline(transport, ms) {
  await transport.pipeline(ms / 2);
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
