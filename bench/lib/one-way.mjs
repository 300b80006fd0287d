// SPDX-License-Identifier: MIT
/** Times one way of something that comes back with what the other party saw of the time. */
import { median } from './stats.mjs';
import { WARM_MS } from './timing.mjs';

/** @param pass  resolves with the nanoseconds from its call until the other party was done, on the clock both share */
export async function measureOneWay(pass, ms) {
  for (const end = performance.now() + WARM_MS; performance.now() < end; ) await pass();
  const samples = [];
  for (const end = performance.now() + ms; performance.now() < end; ) samples.push(await pass());
  return { ns: median(samples) };
}
