// SPDX-License-Identifier: MIT
// @ts-check
/**
 * fuzz/member — a broker that sends who joins anything. Who joins must not fail otherwise than by a typed error, hang, or keep a
 * descriptor.
 */

import { rmSync } from 'node:fs';
import { DmaBufError } from '../../dist/errors.js';
import { BrokerClient } from '../../dist/host/broker/client.js';
import { closeAll, closeDescriptor } from '../../dist/host/linux/descriptors.js';
import { createEvent } from '../../dist/host/linux/event-descriptor.js';
import { PacketListener } from '../../dist/host/linux/packet-socket.js';
import { send } from './broker.mjs';
import { Arsenal } from './packets.mjs';

/** @import {Random} from '../model/engine/walks.mjs' */

/** Milliseconds to join: nothing that it waits for takes long. */
const PATIENCE = 5000;
/** Messages that one who joins is sent. */
const MOST = 12;

const turn = () => new Promise((resolve) => setImmediate(resolve));

/** @param {unknown} error */
function mustBeTyped(error) {
  if (!DmaBufError.is(error)) throw error;
}

/** What one does that has joined, until the broker hangs up or it hangs up itself. @param {string} path @param {number} bell */
async function join(path, bell) {
  const { client, welcome } = await BrokerClient.connect(path, { bell }, { timeout: PATIENCE });
  const { arena, slabs, bells } = welcome;
  closeAll([arena, ...slabs, ...bells].map(({ descriptor }) => descriptor));
  const ended = new Promise((resolve) => {
    client.serve({
      onJoined: ({ descriptor }) => closeDescriptor(descriptor),
      onLeft() {},
      onClosed: resolve,
    });
  });
  const key = { row: 1, generation: 1 };
  const fetched = client
    .fetch(key)
    .then(({ descriptor }) => closeDescriptor(descriptor), mustBeTyped);
  const published = client.publish(key, { descriptor: bell, bytes: 1 }).catch(mustBeTyped);
  await ended;
  await Promise.all([fetched, published]);
}

/**
 * So many messages, to as many members as that takes.
 * @param {string} path @param {Random} random @param {number} messages
 */
export async function fuzzMember(path, random, messages) {
  const listener = PacketListener.bind(path);
  const [arsenal, bell] = [new Arsenal(), createEvent()];
  let [sent, joined, refused] = [0, 0, 0];
  while (sent < messages) {
    const joining = join(path, bell).then(
      () => void joined++,
      (error) => {
        mustBeTyped(error);
        refused++;
      },
    );
    const socket = listener.accept();
    if (socket === null) throw new Error('nobody has connected');
    if (random.below(3) > 0) send(socket, arsenal.welcomePacket);
    for (let n = 1 + random.below(MOST); n > 0; n--, sent++) {
      send(socket, arsenal.next(random, 'broker', socket.descriptor));
      if (random.below(3) === 0) await turn();
    }
    socket.close();
    await joining;
  }
  listener.close();
  arsenal.close();
  closeDescriptor(bell);
  rmSync(path);
  return { joined, refused };
}
