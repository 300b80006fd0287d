// SPDX-License-Identifier: MIT
/** A broker in a process of its own: `broker.mjs PATH`. Says { most } (descriptors), then why it refuses. */
import { execFileSync } from 'node:child_process';
import { BrokerServer } from '../../../../dist/host/broker/server.js';
import { closeDescriptor } from '../../../../dist/host/linux/descriptors.js';
import { createEvent } from '../../../../dist/host/linux/event-descriptor.js';
import { createMemoryFile } from '../../../../dist/host/linux/memory-file.js';
import { PacketListener } from '../../../../dist/host/linux/packet-socket.js';

const BYTES = 65_536;
const [, , path] = process.argv;
let station = 0;
const server = new BrokerServer(
  PacketListener.bind(path),
  {
    admit: () => ({ station: ++station, life: 1 }),
    knows: () => true,
    joined: ({ descriptor }) => closeDescriptor(descriptor),
    gone() {},
    refused: (why) => process.send(why),
    timer(ms, fn) {
      const timer = setTimeout(fn, ms);
      return { cancel: () => clearTimeout(timer) };
    },
    arena: { descriptor: createMemoryFile('dmabuf-test', BYTES), bytes: BYTES },
    slabs: [],
    bell: { station: { station: 0, life: 1 }, descriptor: createEvent() },
  },
  { uids: [] },
);
process.on('disconnect', () => server.close());
process.send({ most: Number(execFileSync('sh', ['-c', 'ulimit -n'], { encoding: 'utf8' })) });
