// SPDX-License-Identifier: MIT
/**
 * host/linux/wait-readable — what can be said about a descriptor right now, or by blocking for a short time.
 *
 * @source Linux poll(2)
 */

import { functions } from './library.js';

const POLLIN = 0x1;
const POLLHUP = 0x10;
const POLLRDHUP = 0x2000;

/** struct pollfd: the descriptor; what is asked for, and what is so. */
const memory = new ArrayBuffer(8);
const descriptor = new Int32Array(memory, 0, 1);
const events = new Uint16Array(memory, 4, 2);

const calls = functions<{
  poll: (fds: Int32Array, count: number, ms: number) => number;
}>({
  poll: 'int poll(void *fds, ulong count, int ms)',
});

function ask(fd: number, wanted: number, ms: number): number {
  descriptor[0] = fd;
  events[0] = wanted;
  events[1] = 0;
  return calls().poll(descriptor, 1, Math.ceil(ms)) > 0 ? (events[1] ?? 0) : 0;
}

/** Whether a read would not wait: there is something, or the end. May be false before `ms` are over. @blocking for `ms` */
export function waitReadable(fd: number, ms: number): boolean {
  return ask(fd, POLLIN, ms) !== 0;
}

/** Whether the other side has closed. */
export function isHungUp(fd: number): boolean {
  return (ask(fd, POLLRDHUP, 0) & (POLLHUP | POLLRDHUP)) !== 0;
}
