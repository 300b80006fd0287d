// SPDX-License-Identifier: MIT
/**
 * A member in a process of its own: `member.mjs PATH`. Says { joined } or { code, message }, then does what it is told: 'bye', 'close',
 * 'hang' (blocks for ever).
 */
import { BrokerClient } from '../../../../dist/host/broker/client.js';
import { createEvent } from '../../../../dist/host/linux/event-descriptor.js';

const [, , path] = process.argv;
try {
  const { client, welcome } = await BrokerClient.connect(path, { bell: createEvent() });
  client.serve({ onJoined() {}, onLeft() {}, onClosed: () => process.send('closed') });
  process.on('message', (told) => {
    if (told === 'hang') Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
    client[told]();
    process.send(told);
  });
  process.send({ joined: welcome.station });
} catch ({ code, message }) {
  process.send({ code, message }, () => process.exit(1));
}
