// SPDX-License-Identifier: MIT
/** Starts the other party of a reference script: the same file, on its own thread. */
import { once } from 'node:events';
import { parentPort, Worker, workerData } from 'node:worker_threads';
import { pin } from './pin.mjs';

/**
 * @param url   import.meta.url of the script; there `isMainThread` tells the parties apart
 * @param data  for the other party's enter()
 * @returns     the worker, after it has called ready()
 */
export async function startParty(url, data) {
  const worker = new Worker(new URL(url), { workerData: data });
  worker.on('error', (error) => {
    throw error; // a dead party would leave this one waiting for ever
  });
  await once(worker, 'message');
  return worker;
}

/** First words of the other party: goes to its core, returns what startParty() was given. */
export function enter() {
  pin([workerData.cpus[1]]);
  return workerData;
}

export const ready = () => parentPort.postMessage('ready');
