// SPDX-License-Identifier: MIT
/** Reference: add and notify on one side, an awaited Atomics.waitAsync on the other. */
import { isMainThread, parentPort } from 'node:worker_threads';
import { keepAlive } from '../lib/keep-alive.mjs';
import { newWords } from '../lib/sequence.mjs';
import { measureWake, serveWakes } from '../lib/wake.mjs';
import { enter, ready, startParty } from '../lib/worker.mjs';
import { counterLink } from './counter-link.mjs';
import { waitPastAsync } from './park.mjs';

const link = (words, me) => ({ blocking: false, ...counterLink(words, me, waitPastAsync) });

export async function measure(options) {
  const words = newWords();
  const worker = await startParty(import.meta.url, { words, cpus: options.cpus });
  keepAlive();
  return measureWake(worker, link(words, 0), options);
}

if (!isMainThread) {
  const { words } = enter();
  keepAlive();
  serveWakes(parentPort, link(words, 1));
  ready();
}
