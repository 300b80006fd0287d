// SPDX-License-Identifier: MIT
// @ts-check
/** How an agent and the one that started it talk: through the port of a thread, or the channel of a process. */
import { parentPort } from 'node:worker_threads';

/** @typedef {import('node:child_process').ChildProcess | import('node:worker_threads').Worker} Host */

/** To the one that started us. @param {object} message */
export function say(message) {
  if (parentPort === null) process.send?.(message);
  else parentPort.postMessage(message);
}

/** Nobody is there any more to kill us. */
const abandoned = () => process.exit(1);

/** Whenever the one that started us says something; without it we end. @param {(message: any) => void} listener */
export function onSaid(listener) {
  (parentPort ?? process).on('message', listener);
  if (parentPort === null) process.on('disconnect', abandoned);
}

/** Nothing more is to be said: from now on nothing keeps us alive for it. */
export function hangUp() {
  if (parentPort !== null) return parentPort.close();
  process.off('disconnect', abandoned);
  process.disconnect?.();
}

/** To an agent that we started. @param {Host} host @param {object} message */
export function tell(host, message) {
  if ('postMessage' in host) host.postMessage(message);
  else if (host.connected) host.send(message, () => undefined);
}
