// SPDX-License-Identifier: MIT
/**
 * Two threads, or processes, take one lock in a loop. Inside, each adds one to a plain counter, so
 * that a lock that lets both in shows as lost updates; it may hold for some microseconds.
 *
 * Answers time per acquisition, the smaller party's share, and the lost updates.
 */
import { sharedClock, WARM_MS } from './timing.mjs';

const LEAD_NS = 30e6; // until both parties stand at the start
const BURST = 8; // sections between two looks at the clock

function holdFor(us) {
  const end = performance.now() + us / 1e3;
  while (performance.now() < end);
}

/**
 * One party's part.
 * @param section  section(body) runs body() under the lock
 * @param counter  an Int32Array of one word, shared by the parties
 * @returns        how often it had the lock
 */
function contend(section, counter, { start, holdUs, ms }) {
  const body = () => {
    const before = counter[0];
    if (holdUs > 0) holdFor(holdUs);
    counter[0] = before + 1;
  };
  while (sharedClock() < start);
  const end = performance.now() + ms;
  let count = 0;
  while (performance.now() < end) {
    for (let k = 0; k < BURST; k++) section(body);
    count += BURST;
  }
  return count;
}

/**
 * Both parties, seen from the one that started the other. Of two races the first one is the warm-up.
 * @param worker  answers { start, holdUs, ms } with its count
 */
export async function contendWith(worker, section, counter, { holdUs, ms }) {
  await race(worker, section, counter, { holdUs, ms: WARM_MS });
  return race(worker, section, counter, { holdUs, ms });
}

async function race(worker, section, counter, { holdUs, ms }) {
  const before = counter[0];
  const rules = { start: sharedClock() + LEAD_NS, holdUs, ms };
  const theirs = new Promise((resolve) => worker.once('message', resolve));
  worker.postMessage(rules);
  const ours = contend(section, counter, rules);
  const total = ours + (await theirs);
  return {
    ns: (ms * 1e6) / total,
    share: Math.min(ours, total - ours) / total,
    lost: total - (counter[0] - before),
  };
}

/** The other party: runs each race it is sent. */
export function serveRaces(port, section, counter) {
  port.on('message', (rules) => port.postMessage(contend(section, counter, rules)));
}
