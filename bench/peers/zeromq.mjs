// SPDX-License-Identifier: MIT
/** Peer: zeromq, the whole frame through a pair of push and pull sockets; a byte comes back through another. */
import path from 'node:path';
import { Pull, Push } from 'zeromq';
import { consume, privateFrame } from '../lib/frames.mjs';
import { enter, isOtherParty, ready, startParty } from '../lib/process.mjs';
import { socketDirectory } from '../lib/socket-path.mjs';
import { measureTransport } from '../lib/transport.mjs';

async function open({ size, cpus }) {
  const directory = socketDirectory();
  const [there, back] = ['there', 'back'].map((name) => `ipc://${path.join(directory, name)}`);
  const frame = privateFrame(size);
  const push = new Push({ linger: 0 });
  const pull = new Pull();
  await push.bind(there);
  await pull.bind(back);
  await startParty(import.meta.url, { cpus, there, back });
  return {
    async roundTrip(k) {
      frame[0] = k;
      await push.send(frame);
      await pull.receive();
    },
  };
}

async function serve() {
  const { there, back } = enter();
  const pull = new Pull();
  const push = new Push({ linger: 0 });
  pull.connect(there);
  push.connect(back);
  await ready();
  const first = new Int32Array(1);
  for await (const [bytes] of pull) {
    new Uint8Array(first.buffer).set(bytes.subarray(0, 4));
    consume(first, first[0]);
    await push.send(Uint8Array.of(0));
  }
}

export const measure = (options) => measureTransport(open, options);
if (isOtherParty(import.meta.url)) await serve();
