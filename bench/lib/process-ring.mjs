// SPDX-License-Identifier: MIT
/**
 * The sequence of two processes: its words and frames lie in one memory file. Beside it a socket
 * pair, for those who wake by a byte.
 */
import { socketPair, streamOf } from './byte-socket.mjs';
import { futexAt } from './futex.mjs';
import { createMemoryFile, mapMemoryFile } from './memory-file.mjs';
import { enter, FIRST_DESCRIPTOR, startParty } from './process.mjs';
import { fillFrames, sequenceBytes, sequenceOver } from './sequence.mjs';

function ringOver(descriptor, size) {
  const { memory, address } = mapMemoryFile(descriptor, sequenceBytes(size));
  return { ...sequenceOver(memory, size), futex: futexAt(address) };
}

/** @returns { words, frames, futex, fd, stream } of the producer, once the other process is ready */
export async function openRing(url, { size, cpus, ...others }) {
  const descriptor = createMemoryFile(sequenceBytes(size));
  const ring = ringOver(descriptor, size);
  fillFrames(ring);
  const [fd, theirs] = socketPair();
  const data = { size, cpus, ...others };
  await startParty(url, data, { descriptors: [descriptor, theirs] });
  return { ...ring, fd, stream: streamOf(fd) };
}

/** The same of the consumer, and what else openRing() was given. */
export function enterRing() {
  const data = enter();
  const fd = FIRST_DESCRIPTOR + 1;
  return { ...data, ...ringOver(FIRST_DESCRIPTOR, data.size), fd, stream: streamOf(fd) };
}
