// SPDX-License-Identifier: MIT
/** Reference: sixteen counters, each raised and notified on one side; Atomics.wait for one after the other on the other side. */
import { isMainThread, parentPort } from 'node:worker_threads';
import { MEMBERS } from '../lib/members.mjs';
import { newWords } from '../lib/sequence.mjs';
import { measureWake, serveWakes } from '../lib/wake.mjs';
import { enter, ready, startParty } from '../lib/worker.mjs';
import { counterLink } from './counter-link.mjs';
import { waitPast } from './park.mjs';

function link(words, me) {
  const room = words.length / MEMBERS;
  const parts = Array.from({ length: MEMBERS }, (_, n) =>
    counterLink(words.subarray(n * room, (n + 1) * room), me, waitPast),
  );
  return {
    blocking: true,
    offer: () => parts.map((part) => part.offer()),
    accept(theirs) {
      for (const [n, part] of parts.entries()) part.accept(theirs[n]);
    },
    signal() {
      for (const part of parts) part.signal();
    },
    wait(k) {
      for (const part of parts) part.wait(k);
    },
  };
}

export async function measure(options) {
  const words = newWords();
  const worker = await startParty(import.meta.url, { words, cpus: options.cpus });
  return measureWake(worker, link(words, 0), options);
}

if (!isMainThread) {
  serveWakes(parentPort, link(enter().words, 1));
  ready();
}
