// SPDX-License-Identifier: MIT
/** Peer: postMessage with a transfer list both ways, so that the frame moves and comes back. */
import { isMainThread, parentPort } from 'node:worker_threads';
import { consume, DEPTH, privateFrame } from '../lib/frames.mjs';
import { messageTransport } from '../lib/messages.mjs';
import { measureTransport } from '../lib/transport.mjs';
import { enter, ready, startParty } from '../lib/worker.mjs';

async function open({ size, cpus }) {
  const idle = Array.from({ length: DEPTH }, () => privateFrame(size));
  const worker = await startParty(import.meta.url, { cpus });
  const post = (k) => {
    const frame = idle.pop();
    frame[0] = k;
    worker.postMessage(frame, [frame.buffer]);
  };
  return messageTransport(worker, post, (frame) => idle.push(frame));
}

function serve() {
  enter();
  let k = 0;
  parentPort.on('message', (frame) => {
    consume(frame, k++);
    parentPort.postMessage(frame, [frame.buffer]);
  });
  ready();
}

export const measure = (options) => measureTransport(open, options);
if (!isMainThread) serve();
