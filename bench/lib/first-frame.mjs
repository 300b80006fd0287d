// SPDX-License-Identifier: MIT
/**
 * How long it takes until a process that comes to it has a frame. It says when it began and when it
 * had the frame, on the clock that both share.
 */
import { median } from './stats.mjs';
import { sharedClock } from './timing.mjs';

const PROCESSES = 7;

/**
 * @param bring    bring(k) starts a process, which takes frame number k, and resolves with { asked, got }
 * @param options  from 'spawn': since before the process was started; 'join': since it asked
 */
export async function measureFirstFrame(bring, { from }) {
  const samples = [];
  for (let k = 0; k < PROCESSES; k++) {
    const spawned = sharedClock();
    const { asked, got } = await bring(k);
    samples.push(got - (from === 'spawn' ? spawned : asked));
  }
  return { ns: median(samples) };
}
