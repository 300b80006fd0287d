// SPDX-License-Identifier: MIT
/** What a blocking hand-off between processes can come down to: as spin-yield, asleep in a futex. */
import { isOtherParty, ready } from '../lib/process.mjs';
import { enterRing, openRing } from '../lib/process-ring.mjs';
import { CONSUMER_SLEEPS, HEAD, PRODUCER_SLEEPS, sender, TAIL, taker } from '../lib/sequence.mjs';
import { measureTransport } from '../lib/transport.mjs';
import { yieldPast } from './yielding.mjs';

/** Wakes whoever said that it sleeps. */
const wakeSleeper = (futex, index, sleeps) => (words) => {
  if (Atomics.load(words, sleeps) !== 0) futex.wake(index);
};

async function open(options) {
  const ring = await openRing(import.meta.url, options);
  const { words, futex } = ring;
  const send = sender(ring, wakeSleeper(futex, HEAD, CONSUMER_SLEEPS));
  return {
    blocking: true,
    roundTrip: () => yieldPast(words, TAIL, send() - 1, PRODUCER_SLEEPS, futex.wait),
  };
}

async function serve() {
  const ring = enterRing();
  const { words, futex } = ring;
  const take = taker(ring, wakeSleeper(futex, TAIL, PRODUCER_SLEEPS));
  await ready();
  for (let tail = 0; ; tail = take()) yieldPast(words, HEAD, tail, CONSUMER_SLEEPS, futex.wait);
}

export const measure = (options) => measureTransport(open, options);
if (isOtherParty(import.meta.url)) await serve();
