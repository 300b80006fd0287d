// SPDX-License-Identifier: MIT
/**
 * What an asynchronous hand-off can come down to: look, give the core away, let the event loop turn
 * a few times, then await Atomics.waitAsync; notify only a sleeper. A bare script, as spin-yield.
 */
import { isMainThread } from 'node:worker_threads';
import { DEPTH } from '../lib/frames.mjs';
import { keepAlive } from '../lib/keep-alive.mjs';
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
const YIELDS = 20;
const TURNS = 10;

/** Until the counter has reached `goal`; returns it. */
async function waitFor(words, index, goal, sleeps) {
  for (let turn = 0; ; turn++) {
    const seen = Atomics.load(words, index);
    if (seen - goal >= 0) return seen;
    if (turn < LOOKS) continue;
    if (turn < LOOKS + YIELDS) {
      libc.schedYield();
    } else if (turn < LOOKS + YIELDS + TURNS) {
      await new Promise(setImmediate);
    } else {
      Atomics.store(words, sleeps, 1);
      const wait = Atomics.waitAsync(words, index, seen);
      if (wait.async) await wait.value;
      Atomics.store(words, sleeps, 0);
    }
  }
}

async function open({ size, cpus }) {
  const ring = newSequence(size);
  await startParty(import.meta.url, { ...ring, cpus });
  const send = sender(ring, notifySleeper(HEAD, CONSUMER_SLEEPS));
  const returned = (goal) => waitFor(ring.words, TAIL, goal, PRODUCER_SLEEPS);
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
  keepAlive();
  ready();
  for (let tail = 0; ; tail = take()) {
    await waitFor(ring.words, HEAD, tail + 1, CONSUMER_SLEEPS);
  }
}

export const measure = (options) => measureTransport(open, options);
if (!isMainThread) await serve();
