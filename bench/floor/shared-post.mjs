// SPDX-License-Identifier: MIT
/** Reference: frames in shared memory, postMessage of the frame's number both ways. */
import { isMainThread, parentPort } from 'node:worker_threads';
import { consume, DEPTH, sharedFrames } from '../lib/frames.mjs';
import { messageTransport } from '../lib/messages.mjs';
import { measureTransport } from '../lib/transport.mjs';
import { enter, ready, startParty } from '../lib/worker.mjs';

async function open({ size, cpus }) {
  const frames = sharedFrames(size);
  const worker = await startParty(import.meta.url, { frames, cpus });
  const post = (k) => {
    frames[k % DEPTH][0] = k;
    worker.postMessage(k);
  };
  return messageTransport(worker, post, () => {});
}

function serve() {
  const { frames } = enter();
  parentPort.on('message', (k) => {
    consume(frames[k % DEPTH], k);
    parentPort.postMessage(k);
  });
  ready();
}

export const measure = (options) => measureTransport(open, options);
if (!isMainThread) serve();
