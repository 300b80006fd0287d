// SPDX-License-Identifier: MIT
/** A stream socket on which every byte is a message. */
import { EventEmitter } from 'node:events';
import { writeSync } from 'node:fs';
import { Socket } from 'node:net';
import { libc } from './libc.mjs';

/** @returns emits 'message' with each byte that comes */
export function bytesOf(socket) {
  const bytes = new EventEmitter();
  socket.on('data', (chunk) => {
    for (const byte of chunk) bytes.emit('message', byte);
  });
  return bytes;
}

const AF_UNIX = 1;
const SOCK_STREAM = 1;
const SOCK_CLOEXEC = 0o2000000;

/** @returns the descriptors of two sockets that are connected to each other */
export function socketPair() {
  const pair = [0, 0];
  if (libc.socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) !== 0) {
    throw new Error('no socket pair');
  }
  return pair;
}

/** The stream over a socket's descriptor. */
export const streamOf = (fd) => new Socket({ fd, readable: true, writable: true });

/** Two ways to write a byte: through the stream, as the manual says, or past it, at once. */
export const throughStream =
  ({ stream }) =>
  (byte) =>
    stream.write(Uint8Array.of(byte));

export function pastStream({ fd }) {
  const one = new Uint8Array(1);
  return (byte) => {
    one[0] = byte;
    writeSync(fd, one);
  };
}
