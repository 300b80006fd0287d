// SPDX-License-Identifier: MIT
/**
 * What an asynchronous hand-off can come down to: look, give the core away, let the event loop turn
 * a few times, then await Atomics.waitAsync; notify only a sleeper. A bare script, as spin-yield.
 */
import { isMainThread } from 'node:worker_threads';
import { DEPTH } from '../lib/frames.mjs';
import { keepAlive } from '../lib/keep-alive.mjs';
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
import { yieldUntil } from './yielding.mjs';

/** Asleep in waitAsync, and `sleeps` says so. */
const sleepIn = (words, sleeps) => async (index, seen) => {
  Atomics.store(words, sleeps, 1);
  const wait = Atomics.waitAsync(words, index, seen);
  if (wait.async) await wait.value;
  Atomics.store(words, sleeps, 0);
};

async function open({ size, cpus }) {
  const ring = newSequence(size);
  await startParty(import.meta.url, { ...ring, cpus });
  const send = sender(ring, notifySleeper(HEAD, CONSUMER_SLEEPS));
  const sleep = sleepIn(ring.words, PRODUCER_SLEEPS);
  const returned = (goal) => yieldUntil(ring.words, TAIL, goal, sleep);
  return {
    roundTrip: () => returned(send()),
    async pipeline(ms) {
      const end = performance.now() + ms;
      const first = Atomics.load(ring.words, TAIL);
      let head = first;
      while (performance.now() < end) {
        await returned(head - DEPTH + 1);
        head = send();
      }
      await returned(head);
      return head - first;
    },
  };
}

async function serve() {
  const ring = enter();
  const take = taker(ring, notifySleeper(TAIL, PRODUCER_SLEEPS));
  const sleep = sleepIn(ring.words, CONSUMER_SLEEPS);
  keepAlive();
  ready();
  for (let tail = 0; ; tail = take()) await yieldUntil(ring.words, HEAD, tail + 1, sleep);
}

export const measure = (options) => measureTransport(open, options);
if (!isMainThread) await serve();
