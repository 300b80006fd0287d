// SPDX-License-Identifier: MIT
/**
 * Reference: frames in a memory file, which of them is next by a byte through a unix socket, both
 * ways. What one writes with a package for shared memory. With `past` the bytes go past the stream.
 */
import { bytesOf, pastStream, throughStream } from '../lib/byte-socket.mjs';
import { consume, DEPTH } from '../lib/frames.mjs';
import { messageTransport } from '../lib/messages.mjs';
import { isOtherParty, ready } from '../lib/process.mjs';
import { enterRing, openRing } from '../lib/process-ring.mjs';
import { measureTransport } from '../lib/transport.mjs';

async function open({ size, cpus, past }) {
  const ring = await openRing(import.meta.url, { size, cpus, past });
  const { frames, stream } = ring;
  const write = (past ? pastStream : throughStream)(ring);
  const post = (k) => {
    frames[k % DEPTH][0] = k;
    write(k % DEPTH);
  };
  return messageTransport(bytesOf(stream), post, () => {});
}

async function serve() {
  const ring = enterRing();
  const { frames, stream, past } = ring;
  const write = (past ? pastStream : throughStream)(ring);
  let next = 0;
  bytesOf(stream).on('message', (slot) => {
    consume(frames[slot], next++);
    write(slot);
  });
  await ready();
}

export const measure = (options) => measureTransport(open, options);
if (isOtherParty(import.meta.url)) await serve();
