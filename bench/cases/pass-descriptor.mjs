// SPDX-License-Identifier: MIT
/**
 * A descriptor passed from process to process the way members of a domain get theirs: sent in a
 * packet, received on the event loop, found to be a memory file with the right size and seals.
 */
import path from 'node:path';
import { measureOneWay } from '../lib/one-way.mjs';
import { enter, isOtherParty, ready, startParty } from '../lib/process.mjs';
import { socketDirectory } from '../lib/socket-path.mjs';
import { sharedClock } from '../lib/timing.mjs';

const LINUX = new URL('../../dist/host/linux/', import.meta.url);
const load = (name) => import(new URL(name, LINUX));

const { PacketListener, PacketSocket } = await load('packet-socket.js');
const { Readiness } = await load('readiness.js');
const { checkMemoryFile, createMemoryFile } = await load('memory-file.js');
const { closeDescriptor } = await load('descriptors.js');

const BYTES = 64 * 1024;
const PAYLOAD = Uint8Array.of(0);

const onReadable = (socket, read) => new Readiness(socket.descriptor, read);
const clockToBytes = (time) => new Uint8Array(Float64Array.of(time).buffer);
const clockFromBytes = (bytes) => new Float64Array(bytes.slice().buffer)[0];

export async function measure({ cpus, ms }) {
  const address = path.join(socketDirectory(), 'packets');
  const listener = PacketListener.bind(address);
  await startParty(import.meta.url, { cpus, address });
  const socket = listener.accept();
  const file = createMemoryFile('bench', BYTES);
  let answered = () => {};
  onReadable(socket, () => answered(clockFromBytes(socket.receive().payload)));
  const pass = () =>
    new Promise((resolve) => {
      const start = sharedClock();
      answered = (end) => resolve(end - start);
      socket.send(PAYLOAD, [file]);
    });
  return measureOneWay(pass, ms);
}

async function serve() {
  const { address } = enter();
  const socket = PacketSocket.connect(address);
  onReadable(socket, () => {
    const [file] = socket.receive().descriptors;
    checkMemoryFile('bench', file, BYTES);
    socket.send(clockToBytes(sharedClock()));
    closeDescriptor(file);
  });
  await ready();
}

if (isOtherParty(import.meta.url)) await serve();
