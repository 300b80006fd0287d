// SPDX-License-Identifier: MIT
// @ts-check
/**
 * fuzz/broker — peers that send a broker anything. It must not fail, hang, or keep a descriptor, and a member that behaves must notice
 * nothing.
 */

import { rmSync } from 'node:fs';
import { DmaBufError } from '../../dist/errors.js';
import { BrokerClient } from '../../dist/host/broker/client.js';
import { BrokerServer } from '../../dist/host/broker/server.js';
import { closeAll, closeDescriptor } from '../../dist/host/linux/descriptors.js';
import { createEvent } from '../../dist/host/linux/event-descriptor.js';
import { createMemoryFile } from '../../dist/host/linux/memory-file.js';
import { PacketListener, PacketSocket } from '../../dist/host/linux/packet-socket.js';
import { Arsenal, BYTES } from './packets.mjs';

/** @import {Random} from '../model/engine/walks.mjs' */

/** Connections at a time. */
const PEERS = 6;
/** Processes in the domain at most, those included that were cut off. */
const STATIONS = 40;

const turn = () => new Promise((resolve) => setImmediate(resolve));

/** Timers of the broker. @param {number} ms @param {() => void} fn */
const after = (ms, fn) => {
  const timer = setTimeout(fn, ms).unref();
  return { cancel: () => clearTimeout(timer) };
};

/** A broker without a domain. */
class Target {
  refused = 0;
  gone = 0;
  /** @type {Map<number, number>} */
  #stations = new Map();
  #arena = createMemoryFile('dmabuf-fuzz', BYTES);
  #bell = createEvent();
  /** @type {BrokerServer} */
  #server;

  /** @param {string} path */
  constructor(path) {
    this.#server = new BrokerServer(
      PacketListener.bind(path),
      {
        admit: () => this.#admit(),
        knows: ({ station, life }) => this.#stations.get(station) === life,
        has: (pid) => pid === process.pid,
        joined: ({ descriptor }) => closeDescriptor(descriptor),
        gone: ({ station }) => {
          this.gone++;
          this.#stations.delete(station);
        },
        refused: () => void this.refused++,
        timer: after,
        arena: { descriptor: this.#arena, bytes: BYTES },
        slabs: [{ descriptor: this.#arena, bytes: BYTES }],
        bell: { station: { station: 0, life: 1 }, descriptor: this.#bell },
      },
      { uids: [] },
    );
  }

  #admit() {
    for (let station = 1; station < STATIONS; station++) {
      if (this.#stations.has(station)) continue;
      this.#stations.set(station, 1);
      return { station, life: 1 };
    }
    throw new RangeError('no station is free');
  }

  close() {
    this.#server.close();
    closeAll([this.#arena, this.#bell]);
  }
}

/** A member that behaves. */
class Witness {
  /** @type {BrokerClient | null} */
  #client = null;
  #memory = createMemoryFile('dmabuf-fuzz', BYTES);
  #bell = createEvent();
  /** @type {unknown} */
  #ended = null;

  /** @param {string} path */
  async join(path) {
    const { client, welcome } = await BrokerClient.connect(path, { bell: this.#bell });
    const { arena, slabs, bells } = welcome;
    closeAll([arena, ...slabs, ...bells].map(({ descriptor }) => descriptor));
    client.serve({
      onJoined: ({ descriptor }) => closeDescriptor(descriptor),
      onLeft() {},
      onClosed: (why) => {
        this.#ended = why ?? new Error('the broker hung up');
      },
    });
    this.#client = client;
  }

  /** Asks for something, and gets it. @param {number} row where nobody else publishes */
  async check(row) {
    if (this.#ended !== null) throw this.#ended;
    if (this.#client === null) throw new Error('it has not joined');
    const key = { row, generation: 77 };
    await this.#client.publish(key, { descriptor: this.#memory, bytes: BYTES });
    const { descriptor, bytes } = await this.#client.fetch(key);
    closeDescriptor(descriptor);
    if (bytes !== BYTES) throw new Error(`memory of ${bytes} bytes`);
    this.#client.withdraw(key);
  }

  close() {
    this.#client?.bye();
    closeAll([this.#memory, this.#bell]);
  }
}

/** Reads what a peer was sent, and lets go of it. @param {PacketSocket} socket @returns whether it is still connected */
function listen(socket) {
  for (;;) {
    const packet = socket.receive();
    if (packet === 'later') return true;
    if (packet === 'closed') return false;
    closeAll(packet.descriptors);
  }
}

/** If the other side still listens. @param {PacketSocket} socket @param {{ payload: Uint8Array, descriptors: number[] }} packet */
export function send(socket, { payload, descriptors }) {
  try {
    socket.send(payload, descriptors);
  } catch (error) {
    if (!DmaBufError.is(error, 'EPIPE')) throw error;
  }
}

/**
 * One broker, and so many messages.
 * @param {string} path @param {Random} random @param {number} messages
 */
export async function fuzzBroker(path, random, messages) {
  const target = new Target(path);
  const [arsenal, witness] = [new Arsenal(), new Witness()];
  /** @type {PacketSocket[]} */
  let peers = [];
  await witness.join(path);
  for (let sent = 0; sent < messages; sent++) {
    if (peers.length < PEERS) {
      const socket = PacketSocket.connect(path);
      peers.push(socket);
      if (random.below(3) > 0) send(socket, arsenal.helloPacket);
    }
    const socket = random.pick(peers);
    send(socket, arsenal.next(random, 'member', socket.descriptor));
    // Some hang up in the middle of it.
    if (random.below(50) === 0) {
      socket.close();
      peers = peers.filter((peer) => peer !== socket);
    }
    if (random.below(4) !== 0) continue;
    await turn();
    peers = peers.filter((peer) => isOpen(peer));
  }
  for (const peer of peers) peer.close();
  await witness.check(2 ** 32 - 1);
  witness.close();
  await turn();
  target.close();
  arsenal.close();
  rmSync(path);
  return { refused: target.refused };
}

/** @param {PacketSocket} peer */
function isOpen(peer) {
  if (listen(peer)) return true;
  peer.close();
  return false;
}
