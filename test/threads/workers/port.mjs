// SPDX-License-Identifier: MIT
/**
 * What a script talks with the test by: the port of its thread, or the channel of its process. What ends a thread is told by its
 * Worker; a process tells it itself before it ends, as Node would have ended it.
 */
import { parentPort } from 'node:worker_threads';

/** What a channel has in common with a port. */
const channel = {
  postMessage: (message) => void process.send(message),
  on: (event, listener) => void process.on(event, listener),
  ref: () => process.channel?.ref(),
  unref: () => process.channel?.unref(),
};

export const port = parentPort ?? channel;

if (parentPort === null) {
  process.on('uncaughtException', (error) => {
    port.postMessage({ error: String(error?.stack ?? error) });
    process.exit(1);
  });
}
