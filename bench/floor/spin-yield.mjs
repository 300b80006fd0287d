// SPDX-License-Identifier: MIT
/**
 * What a blocking hand-off can come down to: look a few times, give the core away a few times, then
 * sleep; notify only a sleeper. A bare script, with no lock, no table and nobody who might die.
 */
import { isMainThread } from 'node:worker_threads';
import {
  CONSUMER_SLEEPS,
  HEAD,
  newSequence,
  notifySleeper,
  PRODUCER_SLEEPS,
  sender,
  TAIL,
  taker,
} from '../lib/sequence.mjs';
import { measureTransport } from '../lib/transport.mjs';
import { enter, ready, startParty } from '../lib/worker.mjs';
import { yieldPast } from './yielding.mjs';

/** The call itself compares again. */
const sleepIn = (words) => (index, seen) => Atomics.wait(words, index, seen);

async function open({ size, cpus }) {
  const ring = newSequence(size);
  await startParty(import.meta.url, { ...ring, cpus });
  const send = sender(ring, notifySleeper(HEAD, CONSUMER_SLEEPS));
  const sleep = sleepIn(ring.words);
  return {
    blocking: true,
    roundTrip: () => yieldPast(ring.words, TAIL, send() - 1, PRODUCER_SLEEPS, sleep),
  };
}

function serve() {
  const ring = enter();
  const take = taker(ring, notifySleeper(TAIL, PRODUCER_SLEEPS));
  const sleep = sleepIn(ring.words);
  ready();
  for (let tail = 0; ; tail = take()) yieldPast(ring.words, HEAD, tail, CONSUMER_SLEEPS, sleep);
}

export const measure = (options) => measureTransport(open, options);
if (!isMainThread) serve();
