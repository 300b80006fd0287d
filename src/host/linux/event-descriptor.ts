// SPDX-License-Identifier: MIT
/**
 * host/linux/event-descriptor — a descriptor that is readable from when it is rung until it is drained: the doorbell of a station.
 *
 * It is a pipe without a name, both ends in one descriptor, so it never ends; a ring is a byte. An eventfd would do the same, but Node
 * can watch a pipe by itself (event-watch.ts), and that is what a thread survives that is ended meanwhile. Nothing here ever blocks:
 * a pipe that is full has been rung enough.
 *
 * @source Linux pipe(7); opening one end for both through /proc/self/fd
 */

import { constants, readlinkSync } from 'node:fs';
import { fail } from '../../errors.js';
import { closeAll, control } from './descriptors.js';
import { functions, systemError } from './library.js';

const { O_RDWR, O_NONBLOCK } = constants;
const O_CLOEXEC = 0o2000000;
const F_GETFL = 3;

const calls = functions<{
  pipe2: (ends: Int32Array, flags: number) => number;
  open: (path: string, flags: number) => number;
  write: (fd: number, bytes: Uint8Array, count: number) => number;
  read: (fd: number, bytes: Uint8Array, count: number) => number;
}>({
  pipe2: 'int pipe2(void *ends, int flags)',
  open: 'int open(const char *path, int flags)',
  write: 'int64_t write(int fd, void *bytes, size_t count)',
  read: 'int64_t read(int fd, void *bytes, size_t count)',
});

const ring = new Uint8Array(new ArrayBuffer(1)).fill(1);
/** Where rings go: nobody wants to know how many there were. */
export const drain = new Uint8Array(new ArrayBuffer(4096));

/** @throws ENFILE */
export function createEvent(): number {
  const op = 'createEvent';
  const ends = new Int32Array(new ArrayBuffer(8));
  if (calls().pipe2(ends, O_CLOEXEC) < 0) throw systemError(op, 'pipe2');
  try {
    const fd = calls().open(`/proc/self/fd/${ends[0]}`, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) throw systemError(op, 'open');
    return fd;
  } finally {
    closeAll(ends);
  }
}

/** That this descriptor, which came from elsewhere, can be rung and drained, and blocks nobody. Does not close it. @throws EPROTO */
export function checkEvent(op: string, fd: number): void {
  const flags = control(fd, F_GETFL, 0);
  const refuse = (why: string): Error => fail('EPROTO', op, { descriptor: fd }, { why });
  if (flags < 0 || !readlinkSync(`/proc/self/fd/${fd}`).startsWith('pipe:['))
    throw refuse('the descriptor is no pipe, as doorbells are');
  if ((flags & O_NONBLOCK) === 0) throw refuse('the doorbell might block');
  if ((flags & O_RDWR) === 0)
    throw refuse('the doorbell is not open for both, ringing and draining');
}

/** A bell that cannot be rung is rung enough already, or nobody hears it any more. */
export function ringEvent(fd: number): void {
  calls().write(fd, ring, 1);
}

/** @returns whether it had been rung */
export function drainEvent(fd: number): boolean {
  let rung = false;
  for (;;) {
    const count = calls().read(fd, drain, drain.length);
    rung ||= count > 0;
    if (count < drain.length) return rung;
  }
}
