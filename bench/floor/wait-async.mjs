// SPDX-License-Identifier: MIT
/** Reference: frames in shared memory, both threads await Atomics.waitAsync and always notify. */
import { isMainThread } from 'node:worker_threads';
import { keepAlive } from '../lib/keep-alive.mjs';
import { HEAD, newSequence, notifyAlways, sender, TAIL, taker } from '../lib/sequence.mjs';
import { measureTransport } from '../lib/transport.mjs';
import { enter, ready, startParty } from '../lib/worker.mjs';
import { waitPastAsync } from './park.mjs';

async function open({ size, cpus }) {
  const ring = newSequence(size);
  await startParty(import.meta.url, { ...ring, cpus });
  const send = sender(ring, notifyAlways(HEAD));
  return { roundTrip: () => waitPastAsync(ring.words, TAIL, send() - 1) };
}

async function serve() {
  const ring = enter();
  const take = taker(ring, notifyAlways(TAIL));
  keepAlive();
  ready();
  for (let tail = 0; ; tail = take()) await waitPastAsync(ring.words, HEAD, tail);
}

export const measure = (options) => measureTransport(open, options);
if (!isMainThread) await serve();
