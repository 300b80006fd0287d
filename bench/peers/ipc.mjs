// SPDX-License-Identifier: MIT
/** Peer: the channel that node:child_process gives, with structured clones; a number comes back. */
import { consume, privateFrame } from '../lib/frames.mjs';
import { messageTransport } from '../lib/messages.mjs';
import { enter, isOtherParty, ready, startParty } from '../lib/process.mjs';
import { measureTransport } from '../lib/transport.mjs';

async function open({ size, cpus }) {
  const frame = privateFrame(size);
  const child = await startParty(import.meta.url, { cpus }, { serialization: 'advanced' });
  const post = (k) => {
    frame[0] = k;
    child.send(frame);
  };
  return messageTransport(child, post, () => {});
}

async function serve() {
  enter();
  let k = 0;
  process.on('message', (frame) => {
    consume(frame, k++);
    process.send(frame[0]);
  });
  await ready();
}

export const measure = (options) => measureTransport(open, options);
if (isOtherParty(import.meta.url)) await serve();
