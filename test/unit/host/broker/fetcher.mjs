// SPDX-License-Identifier: MIT
/** Asks the broker for memory and blocks: `fetcher.mjs PATH member|cut|stranger`; `cut`: its connection has just ended. Says what it got. */
import { fstatSync } from 'node:fs';
import { BrokerClient } from '../../../../dist/host/broker/client.js';
import { fetchWithin } from '../../../../dist/host/broker/fetch-within.js';
import { createEvent } from '../../../../dist/host/linux/event-descriptor.js';

const [, , path, how] = process.argv;
if (how !== 'stranger') {
  const { client } = await BrokerClient.connect(path, { bell: createEvent() });
  if (how === 'cut') client.close();
}
let answer;
try {
  const { descriptor, bytes } = fetchWithin(path, { row: 5, generation: 3 }, 10_000);
  answer = { bytes, ino: fstatSync(descriptor).ino };
} catch ({ code }) {
  answer = { code };
}
process.send(answer, () => process.exit(0));
