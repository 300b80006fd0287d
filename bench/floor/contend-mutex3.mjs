// SPDX-License-Identifier: MIT
/** Reference: two threads contend for the three-state mutex. */
import { isMainThread, parentPort } from 'node:worker_threads';
import { contendWith, serveRaces } from '../lib/contend.mjs';
import { newWords } from '../lib/sequence.mjs';
import { enter, ready, startParty } from '../lib/worker.mjs';
import { Mutex3 } from './mutex3.mjs';

const LOCK = 0;
const COUNTER = 64;

function party(words) {
  const mutex = new Mutex3(words, LOCK);
  const section = (body) => {
    mutex.lock();
    body();
    mutex.unlock();
  };
  return { section, counter: words.subarray(COUNTER, COUNTER + 1) };
}

export async function measure(options) {
  const words = newWords();
  const worker = await startParty(import.meta.url, { words, cpus: options.cpus });
  const { section, counter } = party(words);
  return contendWith(worker, section, counter, options);
}

if (!isMainThread) {
  const { section, counter } = party(enter().words);
  serveRaces(parentPort, section, counter);
  ready();
}
