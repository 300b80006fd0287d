// SPDX-License-Identifier: MIT
// @ts-check
/**
 * fuzz/packets — what somebody hostile, broken or of another version sends: messages, half of them damaged in some way, with
 * descriptors that fit or do not.
 */

import { openSync } from 'node:fs';
import { encode } from '../../dist/host/broker/messages.js';
import { closeAll } from '../../dist/host/linux/descriptors.js';
import { createEvent } from '../../dist/host/linux/event-descriptor.js';
import { createMemoryFile } from '../../dist/host/linux/memory-file.js';

/** @import {Random} from '../model/engine/walks.mjs' */
/** @typedef {Parameters<typeof encode>[0]} Message */

/** Bytes of memory files. */
export const BYTES = 65_536;
/** Linux's limit, of descriptors in a packet. */
const MOST_DESCRIPTORS = 253;
const MOST_BYTES = 65_536;
const U32 = 2 ** 32 - 1;

/** Numbers that something depends on, more often than others. @param {Random} random */
const number = (random) =>
  random.pick([0, 1, 2, 255, 256, U32, random.below(U32), random.below(8)]);
/** @param {Random} random */
const u32 = (random) => Math.min(number(random), U32);
/** @param {Random} random */
const size = (random) => random.pick([0, 1, BYTES, 2 * BYTES, 2 ** 52, number(random)]);
/** @param {Random} random */
const station = (random) => ({ station: random.below(256) * random.below(2), life: u32(random) });
/** @param {Random} random */
const key = (random) => ({ row: random.below(4), generation: random.below(2) });
/** @param {Random} random */
const text = (random) => 'ä'.repeat(random.below(40));
/** @template T @param {Random} random @param {(random: Random) => T} item */
const list = (random, item) => Array.from({ length: random.below(4) }, () => item(random));

/** @type {Message} */
const HELLO = {
  type: 'HELLO',
  pid: process.pid,
  again: false,
  station: { station: 0, life: 0 },
  arena: 0,
};
/** @type {Message} */
const WELCOME = {
  type: 'WELCOME',
  station: { station: 1, life: 1 },
  broker: { station: 0, life: 1 },
  arena: BYTES,
  slabs: 0,
  bells: 0,
};

/** @type {Readonly<Record<string, (random: Random) => Message>>} */
const MEMBER_SAYS = {
  hello: () => HELLO,
  anyHello: (random) => ({
    type: 'HELLO',
    pid: random.pick([process.pid, 0, 1, u32(random)]),
    again: random.below(2) === 1,
    station: station(random),
    arena: size(random),
  }),
  bye: () => ({ type: 'BYE' }),
  publish: (random) => ({ type: 'PUBLISH', request: u32(random), key: key(random), bytes: BYTES }),
  anyPublish: (random) => ({
    type: 'PUBLISH',
    request: u32(random),
    key: { row: u32(random), generation: u32(random) },
    bytes: size(random),
  }),
  withdraw: (random) => ({ type: 'WITHDRAW', key: key(random) }),
  fetch: (random) => ({ type: 'FETCH', request: u32(random), key: key(random) }),
};

/** @type {Readonly<Record<string, (random: Random) => Message>>} */
const BROKER_SAYS = {
  welcome: (random) => ({ ...WELCOME, slabs: random.below(2), bells: random.below(2) }),
  anyWelcome: (random) => ({
    type: 'WELCOME',
    station: station(random),
    broker: station(random),
    arena: size(random),
    slabs: u32(random),
    bells: u32(random),
  }),
  slabs: (random) => ({ type: 'SLABS', list: list(random, () => BYTES) }),
  anySlabs: (random) => ({ type: 'SLABS', list: list(random, size) }),
  joined: (random) => ({ type: 'JOINED', list: list(random, station) }),
  left: (random) => ({ type: 'LEFT', station: station(random) }),
  refused: (random) => ({ type: 'REFUSED', code: 'EACCES', why: text(random) }),
  // Requests are numbered from 1.
  done: (random) => ({ type: 'DONE', request: random.pick([1, 2, u32(random)]) }),
  failed: (random) => ({
    type: 'FAILED',
    request: random.pick([1, 2, u32(random)]),
    code: 'ENOENT',
    why: text(random),
  }),
  memory: (random) => ({
    type: 'MEMORY',
    request: random.pick([1, 2, u32(random)]),
    bytes: random.pick([BYTES, size(random)]),
  }),
};

const BY = { member: Object.values(MEMBER_SAYS), broker: Object.values(BROKER_SAYS) };

/** @param {Message} message */
function expectedDescriptors(message) {
  if ('list' in message) return message.list.length;
  return ['HELLO', 'PUBLISH', 'WELCOME', 'MEMORY'].includes(message.type) ? 1 : 0;
}

/** @param {Random} random @param {number} length */
const noise = (random, length) => Uint8Array.from({ length }, () => random.below(256));

/** @type {readonly ((random: Random, packet: Uint8Array, other: Uint8Array) => Uint8Array)[]} */
const DAMAGES = [
  (random, packet) => {
    const changed = Uint8Array.from(packet);
    for (let n = 1 + random.below(4); n > 0; n--)
      changed[random.below(changed.length)] = random.pick([0, 1, 0x7f, 0xff, random.below(256)]);
    return changed;
  },
  (random, packet) => packet.slice(0, 1 + random.below(packet.length - 1)),
  (random, packet) => Uint8Array.from([...packet, ...noise(random, 1 + random.below(64))]),
  (random, packet, other) => {
    const at = random.below(packet.length);
    return Uint8Array.from([...packet.subarray(0, at), ...other.subarray(at)]);
  },
  (random) => noise(random, 1 + random.below(200)),
  (random, packet) => {
    const whole = new Uint8Array(MOST_BYTES).fill(random.below(256));
    whole.set(packet);
    return whole;
  },
];

/** Descriptors to send, and what they are sent with. */
export class Arsenal {
  /** What a message with one descriptor should come with, first. */
  #bell = createEvent();
  #memory = createMemoryFile('dmabuf-fuzz', BYTES);
  #others = [
    createMemoryFile('dmabuf-fuzz', 2 * BYTES),
    createMemoryFile('dmabuf-fuzz', BYTES, { forReaders: true }),
    openSync('/dev/null', 'r+'),
    openSync('/', 'r'),
  ];

  /** @param {Random} random */
  #any(random) {
    return random.pick([this.#bell, this.#memory, ...this.#others]);
  }

  /**
   * The next packet, and its descriptors. `own`: the socket that it is sent on, which may be sent, too.
   * @param {Random} random @param {keyof typeof BY} by @param {number} own
   */
  next(random, by, own) {
    const [message, other] = [random.pick(BY[by])(random), random.pick(BY[by])(random)];
    const whole = encode(message);
    const isDamaged = random.below(2) === 0;
    const payload = isDamaged ? random.pick(DAMAGES)(random, whole, encode(other)) : whole;
    return { payload, descriptors: this.#descriptors(random, message, own) };
  }

  /** What gets a connection further, so that what comes then meets somebody who has joined. */
  get helloPacket() {
    return { payload: encode(HELLO), descriptors: [this.#bell] };
  }

  get welcomePacket() {
    return { payload: encode(WELCOME), descriptors: [this.#memory] };
  }

  /** @param {Random} random @param {Message} message @param {number} own */
  #descriptors(random, message, own) {
    const expected = expectedDescriptors(message);
    const fits = ['HELLO', 'JOINED'].includes(message.type) ? this.#bell : this.#memory;
    switch (random.below(12)) {
      case 0:
        return Array.from({ length: random.below(4) }, () => this.#any(random));
      case 1:
        return Array.from({ length: expected }, () => this.#any(random));
      case 2:
        return [own];
      case 3:
        return random.below(20) === 0 ? Array.from({ length: MOST_DESCRIPTORS }, () => fits) : [];
      default:
        return Array.from({ length: expected }, () => fits);
    }
  }

  close() {
    closeAll([this.#bell, this.#memory, ...this.#others]);
  }
}
