// SPDX-License-Identifier: MIT
/** Reference: frames in a memory file, both processes block in a futex and always wake. */
import { isOtherParty, ready } from '../lib/process.mjs';
import { enterRing, openRing } from '../lib/process-ring.mjs';
import { HEAD, sender, TAIL, taker } from '../lib/sequence.mjs';
import { measureTransport } from '../lib/transport.mjs';

function waitPast({ words, futex }, index, seen) {
  while (Atomics.load(words, index) === seen) futex.wait(index, seen);
}

async function open(options) {
  const ring = await openRing(import.meta.url, options);
  const send = sender(ring, () => ring.futex.wake(HEAD));
  return {
    blocking: true,
    roundTrip: () => waitPast(ring, TAIL, send() - 1),
  };
}

async function serve() {
  const ring = enterRing();
  const take = taker(ring, () => ring.futex.wake(TAIL));
  await ready();
  for (let tail = 0; ; tail = take()) waitPast(ring, HEAD, tail);
}

export const measure = (options) => measureTransport(open, options);
if (isOtherParty(import.meta.url)) await serve();
