// SPDX-License-Identifier: MIT
/** Peer: the channel that node:child_process gives passes a socket; until the other process has it as an object. */
import { once } from 'node:events';
import { socketPair, streamOf } from '../lib/byte-socket.mjs';
import { measureOneWay } from '../lib/one-way.mjs';
import { enter, isOtherParty, ready, startParty } from '../lib/process.mjs';
import { sharedClock } from '../lib/timing.mjs';

export async function measure({ cpus, ms }) {
  const child = await startParty(import.meta.url, { cpus });
  const [passed] = socketPair();
  const socket = streamOf(passed);
  const pass = async () => {
    const taken = once(child, 'message');
    const start = sharedClock();
    child.send('take', socket, { keepOpen: true });
    const [end] = await taken;
    return end - start;
  };
  return measureOneWay(pass, ms);
}

if (isOtherParty(import.meta.url)) {
  enter();
  process.on('message', (_, socket) => {
    process.send(sharedClock());
    socket.destroy();
  });
  await ready();
}
