// SPDX-License-Identifier: MIT
/**
 * What an asynchronous hand-off between processes can come down to: as async-yield, asleep until a
 * byte comes through a socket; one byte, to a sleeper only.
 */
import { pastStream } from '../lib/byte-socket.mjs';
import { isOtherParty, ready } from '../lib/process.mjs';
import { enterRing, openRing } from '../lib/process-ring.mjs';
import { CONSUMER_SLEEPS, HEAD, PRODUCER_SLEEPS, sender, TAIL, taker } from '../lib/sequence.mjs';
import { measureTransport } from '../lib/transport.mjs';
import { yieldUntil } from './yielding.mjs';

/** Asleep until a byte comes, and `sleeps` says so: whoever sends the byte takes that back. */
function sleepOn({ words, stream }, sleeps) {
  let wake = () => {};
  stream.on('data', () => wake());
  return async (index, seen) => {
    const woken = new Promise((resolve) => {
      wake = resolve;
    });
    Atomics.store(words, sleeps, 1);
    if (Atomics.load(words, index) === seen) await woken;
  };
}

/** Wakes whoever said that it sleeps. */
function wakeSleeper(ring, sleeps) {
  const write = pastStream(ring);
  return (words) => {
    if (Atomics.exchange(words, sleeps, 0) !== 0) write(1);
  };
}

async function open(options) {
  const ring = await openRing(import.meta.url, options);
  const send = sender(ring, wakeSleeper(ring, CONSUMER_SLEEPS));
  const sleep = sleepOn(ring, PRODUCER_SLEEPS);
  return { roundTrip: () => yieldUntil(ring.words, TAIL, send(), sleep) };
}

async function serve() {
  const ring = enterRing();
  const take = taker(ring, wakeSleeper(ring, PRODUCER_SLEEPS));
  const sleep = sleepOn(ring, CONSUMER_SLEEPS);
  await ready();
  for (let tail = 0; ; tail = take()) await yieldUntil(ring.words, HEAD, tail + 1, sleep);
}

export const measure = (options) => measureTransport(open, options);
if (isOtherParty(import.meta.url)) await serve();
