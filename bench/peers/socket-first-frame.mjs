// SPDX-License-Identifier: MIT
/** Peer: a process connects to a unix socket, and takes the frame that comes through it. */
import { once } from 'node:events';
import net from 'node:net';
import path from 'node:path';
import { measureFirstFrame } from '../lib/first-frame.mjs';
import { consume, privateFrame } from '../lib/frames.mjs';
import { enter, isOtherParty, ready, startParty } from '../lib/process.mjs';
import { socketDirectory } from '../lib/socket-path.mjs';
import { sharedClock } from '../lib/timing.mjs';

export async function measure({ size, cpus, from }) {
  const address = path.join(socketDirectory(), 'peer');
  const server = net.createServer().listen(address);
  await once(server, 'listening');
  const frame = privateFrame(size);
  const bring = async (k) => {
    frame[0] = k;
    const connected = once(server, 'connection');
    const started = startParty(import.meta.url, { size, cpus, address, k });
    const [socket] = await connected;
    socket.write(new Uint8Array(frame.buffer));
    const [times] = await once(socket, 'data');
    await started;
    return JSON.parse(times);
  };
  return measureFirstFrame(bring, { from });
}

async function serve() {
  const asked = sharedClock();
  const { size, address, k } = enter();
  const socket = net.connect(address);
  const frame = privateFrame(size);
  const bytes = new Uint8Array(frame.buffer);
  let at = 0;
  await new Promise((resolve) => {
    socket.on('data', (chunk) => {
      bytes.set(chunk, at);
      at += chunk.length;
      if (at === size) resolve();
    });
  });
  consume(frame, k);
  socket.write(JSON.stringify({ asked, got: sharedClock() }));
  await ready();
}

if (isOtherParty(import.meta.url)) await serve();
