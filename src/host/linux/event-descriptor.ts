// SPDX-License-Identifier: MIT
/**
 * host/linux/event-descriptor — a descriptor that is readable from when it is rung until it is drained (eventfd): the doorbell of a
 * station. Nothing here ever blocks, and rings before a drain are one.
 *
 * @source Linux eventfd(2)
 */

import { readlinkSync } from 'node:fs';
import { fail } from '../../errors.js';
import { control } from './descriptors.js';
import { functions, systemError } from './library.js';

const EFD_CLOEXEC = 0o2000000;
const EFD_NONBLOCK = 0o4000;
const F_GETFL = 3;

const calls = functions<{
  eventfd: (count: number, flags: number) => number;
  write: (fd: number, count: number) => number;
  read: (fd: number, count: BigUint64Array) => number;
}>({
  eventfd: 'int eventfd(uint count, int flags)',
  write: 'int eventfd_write(int fd, uint64_t count)',
  read: 'int eventfd_read(int fd, void *count)',
});

/** Where a read count goes: nobody wants it. */
const count = new BigUint64Array(new ArrayBuffer(8));

/** @throws ENFILE · ENOMEM */
export function createEvent(): number {
  const fd = calls().eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (fd < 0) throw systemError('createEvent', 'eventfd');
  return fd;
}

/** That this descriptor, which came from elsewhere, can be rung and blocks nobody. Does not close it. @throws EPROTO */
export function checkEvent(op: string, fd: number): void {
  const flags = control(fd, F_GETFL, 0);
  if (flags < 0 || readlinkSync(`/proc/self/fd/${fd}`) !== 'anon_inode:[eventfd]') {
    throw fail('EPROTO', op, { descriptor: fd }, { why: 'the descriptor is no event descriptor' });
  }
  if ((flags & EFD_NONBLOCK) === 0) {
    throw fail('EPROTO', op, { descriptor: fd }, { why: 'the event descriptor may block' });
  }
}

/** A bell that cannot be rung is rung enough already, or nobody hears it any more. */
export function ringEvent(fd: number): void {
  calls().write(fd, 1);
}

/** @returns whether it had been rung */
export function drainEvent(fd: number): boolean {
  return calls().read(fd, count) === 0;
}
