// SPDX-License-Identifier: MIT
/**
 * broker/fetch-within — memory of a single buffer for a thread that blocks, or that has no connection to the broker: by a short
 * connection of its own. While there is no broker, it tries again until the time is over.
 */

import { DmaBufError, fail } from '../../errors.js';
import { block } from '../../mem/index.js';
import { checkMemoryFile } from '../linux/memory-file.js';
import { type Packet, PacketSocket } from '../linux/packet-socket.js';
import { damaged } from './fields.js';
import type { MemoryFile } from './memory-files.js';
import { decode, encode, type MemoryKey } from './messages.js';
import { Parcel } from './parcel.js';

const OP = 'broker';
/** Milliseconds until the next try. */
const AGAIN = 5;
const REQUEST = 1;

/**
 * A descriptor that is the caller's.
 * @throws ENOENT the broker holds no memory of this buffer · ETIMEDOUT no broker answered · EACCES this process is no member · EPROTO
 * @blocking for `ms`
 */
export function fetchWithin(path: string, key: MemoryKey, ms: number): MemoryFile {
  const due = performance.now() + ms;
  const asleep = new Int32Array(new SharedArrayBuffer(4));
  for (;;) {
    const left = due - performance.now();
    const socket = dial(path);
    const file = socket === null ? null : ask(socket, key, Math.max(left, 0));
    if (file !== null) return file;
    if (left <= 0) throw fail('ETIMEDOUT', OP, { timeout: ms }, { why: 'no broker answered' });
    block(asleep, 0, 0, Math.min(AGAIN, left));
  }
}

/** null: nobody listens just now, or too many want to connect. */
function dial(path: string): PacketSocket | null {
  try {
    return PacketSocket.connect(path);
  } catch (error) {
    if (DmaBufError.is(error, 'ENOENT') || DmaBufError.is(error, 'EBUSY')) return null;
    throw error;
  }
}

/** null: the broker has ended meanwhile. */
function ask(socket: PacketSocket, key: MemoryKey, ms: number): MemoryFile | null {
  try {
    socket.send(encode({ type: 'FETCH', request: REQUEST, key }));
    const packet = socket.receiveWithin(ms);
    return packet === 'closed' ? null : understood(packet);
  } catch (error) {
    if (DmaBufError.is(error, 'EPIPE')) return null;
    throw error;
  } finally {
    socket.close();
  }
}

function understood({ payload, descriptors }: Packet): MemoryFile {
  using parcel = new Parcel(descriptors);
  const message = decode(payload, descriptors.length);
  if (message.type === 'FAILED' || message.type === 'REFUSED')
    throw fail(message.code, OP, {}, { why: message.why });
  if (message.type !== 'MEMORY' || message.request !== REQUEST)
    throw damaged(`${message.type} is no answer`);
  checkMemoryFile(OP, parcel.next, message.bytes);
  return { descriptor: parcel.take(), bytes: message.bytes };
}
