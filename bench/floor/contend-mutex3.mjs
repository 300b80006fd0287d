// SPDX-License-Identifier: MIT
/** Reference: two threads contend for the three-state mutex. */
import { isMainThread, parentPort } from 'node:worker_threads';
import { contendWith, serveRaces } from '../lib/contend.mjs';
import { newWords } from '../lib/sequence.mjs';
import { enter, ready, startParty } from '../lib/worker.mjs';
import { atomicsSleep, mutexParty } from './mutex3.mjs';

export async function measure(options) {
  const words = newWords();
  const worker = await startParty(import.meta.url, { words, cpus: options.cpus });
  const { section, counter } = mutexParty(words, atomicsSleep(words));
  return contendWith(worker, section, counter, options);
}

if (!isMainThread) {
  const { words } = enter();
  const { section, counter } = mutexParty(words, atomicsSleep(words));
  serveRaces(parentPort, section, counter);
  ready();
}
