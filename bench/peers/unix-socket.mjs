// SPDX-License-Identifier: MIT
/**
 * Peer: the whole frame through a unix socket; a byte comes back. The receiver puts the chunks into
 * one frame, or with `onread` has the system write them there.
 */
import { once } from 'node:events';
import net from 'node:net';
import path from 'node:path';
import { bytesOf } from '../lib/byte-socket.mjs';
import { consume, privateFrame } from '../lib/frames.mjs';
import { messageTransport } from '../lib/messages.mjs';
import { enter, isOtherParty, ready, startParty } from '../lib/process.mjs';
import { socketDirectory } from '../lib/socket-path.mjs';
import { measureTransport } from '../lib/transport.mjs';

async function open({ size, cpus, onread }) {
  const address = path.join(socketDirectory(), 'peer');
  const server = net.createServer().listen(address);
  await once(server, 'listening');
  const connected = once(server, 'connection');
  await startParty(import.meta.url, { size, cpus, address, onread });
  const [socket] = await connected;
  const frame = privateFrame(size);
  const bytes = new Uint8Array(frame.buffer);
  const post = (k) => {
    frame[0] = k;
    socket.write(bytes);
  };
  return messageTransport(bytesOf(socket), post, () => {});
}

/** Counts what arrives: filled(bytes) of each frame, once it is whole. */
function assembly(size, complete) {
  let at = 0;
  return {
    get at() {
      return at;
    },
    advance(bytes) {
      at += bytes;
      if (at < size) return;
      at = 0;
      complete();
    },
  };
}

function connectReading(address, bytes, incoming) {
  return net.connect({
    path: address,
    onread: {
      buffer: () => bytes.subarray(incoming.at),
      callback(count) {
        incoming.advance(count);
        return true;
      },
    },
  });
}

function connectCopying(address, bytes, incoming) {
  const socket = net.connect({ path: address });
  socket.on('data', (chunk) => {
    for (let from = 0; from < chunk.length; ) {
      const room = bytes.length - incoming.at;
      const part = chunk.subarray(from, from + room);
      bytes.set(part, incoming.at);
      incoming.advance(part.length);
      from += part.length;
    }
  });
  return socket;
}

async function serve() {
  const { size, address, onread } = enter();
  const frame = privateFrame(size);
  let k = 0;
  const incoming = assembly(size, () => {
    consume(frame, k++);
    socket.write(Uint8Array.of(0));
  });
  const connect = onread ? connectReading : connectCopying;
  const socket = connect(address, new Uint8Array(frame.buffer), incoming);
  await once(socket, 'connect');
  await ready();
}

export const measure = (options) => measureTransport(open, options);
if (isOtherParty(import.meta.url)) await serve();
