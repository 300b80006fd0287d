// SPDX-License-Identifier: MIT
/** Reference: frames in shared memory, both threads block in Atomics.wait and always notify. */
import { isMainThread } from 'node:worker_threads';
import { HEAD, newSequence, notifyAlways, sender, TAIL, taker } from '../lib/sequence.mjs';
import { measureTransport } from '../lib/transport.mjs';
import { enter, ready, startParty } from '../lib/worker.mjs';
import { waitPast } from './park.mjs';

async function open({ size, cpus }) {
  const ring = newSequence(size);
  await startParty(import.meta.url, { ...ring, cpus });
  const send = sender(ring, notifyAlways(HEAD));
  return {
    blocking: true,
    roundTrip: () => waitPast(ring.words, TAIL, send() - 1),
  };
}

function serve() {
  const ring = enter();
  const take = taker(ring, notifyAlways(TAIL));
  ready();
  for (let tail = 0; ; tail = take()) waitPast(ring.words, HEAD, tail);
}

export const measure = (options) => measureTransport(open, options);
if (!isMainThread) serve();
