// SPDX-License-Identifier: MIT
/**
 * host/linux/message — one message with descriptors, as the kernel takes and gives it: struct msghdr, and what it points to.
 *
 * There is one per thread, held for good, since the kernel is given addresses. It is filled and used in one go, without a break.
 *
 *        0  msghdr  name 0, its length 8, parts 16, their number 24, control 32, its length 40, flags 48
 *       64  iovec   where the payload lies, its length
 *      128  cmsghdr length, level (32 bits), type (32 bits), then the descriptors (32 bits each)
 *     2048  the payload
 *
 * @source Linux sendmsg(2), cmsg(3), SCM_RIGHTS of unix(7), 64 bits
 */

import { addressOfBytes, lazily } from './library.js';

/** Bytes of a payload. */
export const LONGEST_PAYLOAD = 65_536;
/** Linux's own limit, of descriptors in a message. */
export const MOST_DESCRIPTORS = 253;

const PART = 64;
const CONTROL = 128;
const CONTROL_HEADER = 16;
const PAYLOAD = 2048;
const SOL_SOCKET = 1;
const SCM_RIGHTS = 1;
const MSG_CTRUNC = 0x8;
const MSG_TRUNC = 0x20;

const memory = new ArrayBuffer(PAYLOAD + LONGEST_PAYLOAD);
const view = new DataView(memory);
const bytes = new Uint8Array(memory);
const base = lazily(() => addressOfBytes(bytes));

/** What is passed to the system. */
export const header = bytes;

const get64 = (at: number): number => Number(view.getBigUint64(at, true));
const set64 = (at: number, value: number | bigint): void =>
  view.setBigUint64(at, BigInt(value), true);

/** Control data comes in units of eight bytes. */
const padded = (length: number): number => Math.ceil(length / 8) * 8;
const controlLength = (descriptors: number): number => CONTROL_HEADER + 4 * descriptors;

function point(payloadBytes: number, controlBytes: number): void {
  bytes.fill(0, 0, CONTROL);
  set64(16, base() + BigInt(PART));
  set64(24, 1);
  set64(PART, base() + BigInt(PAYLOAD));
  set64(PART + 8, payloadBytes);
  if (controlBytes === 0) return;
  set64(32, base() + BigInt(CONTROL));
  set64(40, controlBytes);
}

export function fill(payload: Uint8Array, descriptors: readonly number[]): void {
  const length = controlLength(descriptors.length);
  const control = descriptors.length === 0 ? 0 : padded(length);
  point(payload.byteLength, control);
  bytes.set(payload, PAYLOAD);
  if (control === 0) return;
  set64(CONTROL, length);
  view.setInt32(CONTROL + 8, SOL_SOCKET, true);
  view.setInt32(CONTROL + 12, SCM_RIGHTS, true);
  for (const [n, fd] of descriptors.entries())
    view.setInt32(CONTROL + CONTROL_HEADER + 4 * n, fd, true);
}

/** Room for the largest message there is. */
export function makeRoom(): void {
  point(LONGEST_PAYLOAD, padded(controlLength(MOST_DESCRIPTORS)));
}

/** What has come, a copy. */
export function receivedPayload(length: number): Uint8Array {
  return bytes.slice(PAYLOAD, PAYLOAD + length);
}

/** The descriptors that have come: open, and the caller's from now on. */
export function receivedDescriptors(): number[] {
  const found: number[] = [];
  const end = CONTROL + get64(40);
  for (let at = CONTROL; at + CONTROL_HEADER <= end; at += padded(get64(at))) {
    const length = get64(at);
    if (length < CONTROL_HEADER) break;
    if (view.getInt32(at + 8, true) !== SOL_SOCKET || view.getInt32(at + 12, true) !== SCM_RIGHTS)
      continue;
    for (let fd = at + CONTROL_HEADER; fd < at + length; fd += 4)
      found.push(view.getInt32(fd, true));
  }
  return found;
}

/** What the system had to leave out of the message that has come; null: it is whole. */
export function truncation(): string | null {
  const flags = view.getInt32(48, true);
  if ((flags & MSG_TRUNC) !== 0) return `the message is longer than ${LONGEST_PAYLOAD} bytes`;
  if ((flags & MSG_CTRUNC) !== 0) return 'not all of its descriptors could be taken';
  return null;
}
