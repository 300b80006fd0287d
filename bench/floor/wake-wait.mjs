// SPDX-License-Identifier: MIT
/** Reference: add and notify on one side, Atomics.wait on the other. */
import { isMainThread, parentPort } from 'node:worker_threads';
import { newWords } from '../lib/sequence.mjs';
import { measureWake, serveWakes } from '../lib/wake.mjs';
import { enter, ready, startParty } from '../lib/worker.mjs';
import { counterLink } from './counter-link.mjs';
import { waitPast } from './park.mjs';

const link = (words, me) => ({ blocking: true, ...counterLink(words, me, waitPast) });

export async function measure(options) {
  const words = newWords();
  const worker = await startParty(import.meta.url, { words, cpus: options.cpus });
  return measureWake(worker, link(words, 0), options);
}

if (!isMainThread) {
  serveWakes(parentPort, link(enter().words, 1));
  ready();
}
