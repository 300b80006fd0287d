// SPDX-License-Identifier: MIT
/**
 * broker/messages — what the broker and the members say to each other, declared as data.
 *
 * A packet is one message: magic, version, type, length, then the fields of its type in order, and nothing behind
 * them. Descriptors travel beside it; each type says how many. So what is no message is known as such before anybody acts on it.
 *
 *    member                                broker
 *    HELLO {pid, again} +bell ─▶            first, and once
 *         ◀─ WELCOME {station, …} +arena, then SLABS and JOINED until all that it counts have come
 *         ◀─ REFUSED {code, why}                       and the connection is cut, whenever
 *         ◀─ JOINED {stations} +bells, LEFT {station}  from then on, whenever
 *    PUBLISH {request, key, bytes} +memory ─▶  DONE    FAILED
 *    WITHDRAW {key} ─▶
 *    FETCH {request, key} ─▶  MEMORY {request, bytes} +memory    FAILED; also instead of a HELLO
 *    BYE ─▶                                            and the connection ends
 */

import { STATIONS } from '../../agent/index.js';
import { fail } from '../../errors.js';
import {
  below,
  damaged,
  errorName,
  type Fields,
  list,
  Reader,
  record,
  text,
  u32,
  u53,
  type ValuesOf,
  Writer,
  yesNo,
} from './fields.js';

const MAGIC = 0x6266_6d64;
/** Of the messages, not of the arena: that has a version of its own. */
export const PROTOCOL = 1;
const HEADER = record({ magic: u32, version: u32, type: u32, length: u32 });
/** Descriptors in one packet; the system takes a few more. */
export const MOST_DESCRIPTORS = 250;
/** Bytes of a packet. */
const MOST_BYTES = 65_536;

const station = record({ station: below(STATIONS), life: u32 });
const key = record({ row: u32, generation: u32 });

/** A row of the arena's table of processes, and its incarnation. */
export interface Station {
  readonly station: number;
  readonly life: number;
}

/** A buffer with memory of its own. */
export interface MemoryKey {
  readonly row: number;
  readonly generation: number;
}

interface Shape {
  readonly number: number;
  readonly fields: Fields;
  /** How many descriptors it comes with; 'each' one for each entry of its list. */
  readonly descriptors: number | 'each';
}

const MESSAGES = {
  HELLO: {
    number: 1,
    fields: { pid: u32, again: yesNo, station, arena: u53 },
    descriptors: 1,
  },
  BYE: { number: 2, fields: {}, descriptors: 0 },
  PUBLISH: { number: 3, fields: { request: u32, key, bytes: u53 }, descriptors: 1 },
  WITHDRAW: { number: 4, fields: { key }, descriptors: 0 },
  FETCH: { number: 5, fields: { request: u32, key }, descriptors: 0 },
  WELCOME: {
    number: 16,
    fields: { station, broker: station, arena: u53, slabs: u32, bells: u32 },
    descriptors: 1,
  },
  SLABS: { number: 17, fields: { list: list(u53, MOST_DESCRIPTORS) }, descriptors: 'each' },
  JOINED: { number: 18, fields: { list: list(station, MOST_DESCRIPTORS) }, descriptors: 'each' },
  LEFT: { number: 19, fields: { station }, descriptors: 0 },
  REFUSED: { number: 20, fields: { code: errorName, why: text }, descriptors: 0 },
  DONE: { number: 21, fields: { request: u32 }, descriptors: 0 },
  FAILED: { number: 22, fields: { request: u32, code: errorName, why: text }, descriptors: 0 },
  MEMORY: { number: 23, fields: { request: u32, bytes: u53 }, descriptors: 1 },
} as const satisfies Record<string, Shape>;

type Messages = typeof MESSAGES;
export type MessageType = keyof Messages;
/** Of several types: any of them. */
export type MessageOf<T extends MessageType> = T extends MessageType
  ? { readonly type: T } & ValuesOf<Messages[T]['fields']>
  : never;
export type Message = MessageOf<MessageType>;

const TYPES = new Map(
  Object.entries(MESSAGES).map(([type, { number }]) => [number as number, type as MessageType]),
);

/** @throws EINVAL a value is out of its range */
export function encode(message: Message): Uint8Array {
  const { number, fields } = MESSAGES[message.type];
  const body = new Writer();
  record(fields as Fields).write(body, message);
  const bytes = body.packet();
  const packet = new Writer();
  const length = bytes.byteLength;
  HEADER.write(packet, { magic: MAGIC, version: PROTOCOL, type: number, length });
  packet.bytes(bytes);
  return packet.packet();
}

/**
 * What a packet says, if `descriptors` came with it.
 * @throws EPROTO it is no message · EPROTONOSUPPORT it is one of another version
 */
export function decode(packet: Uint8Array, descriptors: number): Message {
  const from = new Reader(packet);
  const { magic, version, type: number, length } = HEADER.read(from);
  if (magic !== MAGIC) throw damaged('this is no message of a dmabuf domain');
  if (version !== PROTOCOL) {
    const why = `the other side speaks version ${version} of the protocol, this one ${PROTOCOL}: use the same version of dmabuf`;
    throw fail('EPROTONOSUPPORT', 'broker', { version }, { why });
  }
  if (length !== from.left || packet.byteLength > MOST_BYTES)
    throw damaged(`a message of ${from.left} bytes says that it has ${length}`);
  const type = TYPES.get(number);
  if (type === undefined) throw damaged(`there is no message of type ${number}`);
  const shape: Shape = MESSAGES[type];
  const values = record(shape.fields).read(from) as { readonly list?: readonly unknown[] };
  if (from.left !== 0) throw damaged(`${type} has ${from.left} bytes too many`);
  const expected = shape.descriptors === 'each' ? (values.list ?? []).length : shape.descriptors;
  if (descriptors !== expected)
    throw damaged(`${type} came with ${descriptors} descriptors instead of ${expected}`);
  return { type, ...values } as unknown as Message;
}
