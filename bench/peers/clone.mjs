// SPDX-License-Identifier: MIT
/** Peer: postMessage of the whole frame, which copies it; a number comes back. */
import { isMainThread, parentPort } from 'node:worker_threads';
import { consume, privateFrame } from '../lib/frames.mjs';
import { messageTransport } from '../lib/messages.mjs';
import { measureTransport } from '../lib/transport.mjs';
import { enter, ready, startParty } from '../lib/worker.mjs';

async function open({ size, cpus }) {
  const frame = privateFrame(size);
  const worker = await startParty(import.meta.url, { cpus });
  const post = (k) => {
    frame[0] = k;
    worker.postMessage(frame);
  };
  return messageTransport(worker, post, () => {});
}

function serve() {
  enter();
  let k = 0;
  parentPort.on('message', (frame) => {
    consume(frame, k++);
    parentPort.postMessage(frame[0]);
  });
  ready();
}

export const measure = (options) => measureTransport(open, options);
if (!isMainThread) serve();
