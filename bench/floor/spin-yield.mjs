// SPDX-License-Identifier: MIT
/**
 * What a blocking hand-off can come down to: look a few times, give the core away a few times, then
 * sleep; notify only a sleeper. A bare script, with no lock, no table and nobody who might die.
 */
import { isMainThread } from 'node:worker_threads';
import { libc } from '../lib/libc.mjs';
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

const LOOKS = 100;
const YIELDS = 30;

function waitPast(words, index, seen, sleeps) {
  for (let turn = 0; Atomics.load(words, index) === seen; turn++) {
    if (turn < LOOKS) continue;
    if (turn < LOOKS + YIELDS) {
      libc.schedYield();
      continue;
    }
    Atomics.store(words, sleeps, 1);
    // wait() compares again itself: a frame sent between the look and here is not missed.
    Atomics.wait(words, index, seen);
    Atomics.store(words, sleeps, 0);
  }
}

async function open({ size, cpus }) {
  const ring = newSequence(size);
  await startParty(import.meta.url, { ...ring, cpus });
  const send = sender(ring, notifySleeper(HEAD, CONSUMER_SLEEPS));
  return {
    blocking: true,
    roundTrip: () => waitPast(ring.words, TAIL, send() - 1, PRODUCER_SLEEPS),
  };
}

function serve() {
  const ring = enter();
  const take = taker(ring, notifySleeper(TAIL, PRODUCER_SLEEPS));
  ready();
  for (let tail = 0; ; tail = take()) waitPast(ring.words, HEAD, tail, CONSUMER_SLEEPS);
}

export const measure = (options) => measureTransport(open, options);
if (!isMainThread) serve();
