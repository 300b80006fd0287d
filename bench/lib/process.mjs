// SPDX-License-Identifier: MIT
/** Starts the other party of a reference script: the same file, in a process of its own. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { libc } from './libc.mjs';
import { pin } from './pin.mjs';

const PR_SET_PDEATHSIG = 1;
const SIGKILL = 9;

/** Number of the first of `descriptors` in the other process: 0 to 2 are the standard ones, 3 Node's own. */
export const FIRST_DESCRIPTOR = 4;

/**
 * @param url      import.meta.url of the script; there isOtherParty() tells the parties apart
 * @param data     for the other party's enter(); JSON
 * @param options  `descriptors` that it inherits; `serialization` of messages
 * @returns        the child process, after it has called ready()
 */
export async function startParty(url, data, { descriptors = [], ...options } = {}) {
  const stdio = ['ignore', 'ignore', 'inherit', 'ipc', ...descriptors];
  const child = fork(fileURLToPath(url), [JSON.stringify(data)], { ...options, stdio });
  child.on('exit', (code, signal) => {
    // A dead party would leave this one waiting for ever.
    throw new Error(`the other process ended by ${signal ?? code}`);
  });
  await once(child, 'message');
  return child;
}

/** Whether this process, or thread, was started to run that file. */
export const isOtherParty = (url) => process.argv[1] === fileURLToPath(url);

/** From now on the system ends this process with the one that started it, even in the middle of a wait. */
export function endWithParent() {
  if (libc?.prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) !== 0) throw new Error('prctl failed');
}

/** First words of the other party: goes to its core, returns what startParty() was given. */
export function enter() {
  endWithParent();
  const data = JSON.parse(process.argv[2]);
  pin([data.cpus[1]]);
  return data;
}

/** Resolves when that is on its way: then one may block. */
export const ready = () => new Promise((resolve) => process.send('ready', resolve));

/** A child, or this process as its parent sees it, as something that talks like a thread's port. */
export const portOf = (end) => ({
  on: (event, listener) => end.on(event, listener),
  once: (event, listener) => end.once(event, listener),
  postMessage: (message) => end.send(message),
});
