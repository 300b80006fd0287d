// SPDX-License-Identifier: MIT
/**
 * host/linux/descriptors — file descriptors as such. All that are made here close when another program is executed.
 *
 * Node remembers the numbers that `node:fs` has opened in a worker, and closes them when that ends, whatever they are by then. So what is
 * closed here must not have been opened there, and the other way round.
 */

import { readdirSync } from 'node:fs';
import { functions, systemError } from './library.js';

const F_DUPFD_CLOEXEC = 1030;
const O_CLOEXEC = 0o2000000;

const calls = functions<{
  close: (fd: number) => number;
  fcntl: (fd: number, command: number, argument: number) => number;
  dup3: (from: number, to: number, flags: number) => number;
}>({
  close: 'int close(int fd)',
  fcntl: 'int fcntl(int fd, int command, int argument)',
  dup3: 'int dup3(int from, int to, int flags)',
});

/** fcntl with an integer argument. @returns what it returns: -1 is a failure */
export function control(fd: number, command: number, argument: number): number {
  return calls().fcntl(fd, command, argument);
}

/** @throws EBADF: closed before, and the number may be somebody else's by then */
export function closeDescriptor(fd: number): void {
  // EINTR: Linux has closed it all the same, and tells nothing else that could be acted on.
  if (calls().close(fd) < 0) {
    const error = systemError('close', 'close', { descriptor: fd });
    if (error.code === 'EBADF') throw error;
  }
}

export function closeAll(fds: Iterable<number>): void {
  for (const fd of fds) closeDescriptor(fd);
}

/** Another descriptor of the same open file. @throws EBADF · ENFILE */
export function duplicate(fd: number): number {
  const copy = control(fd, F_DUPFD_CLOEXEC, 0);
  if (copy < 0) throw systemError('duplicate', 'fcntl(F_DUPFD_CLOEXEC)', { descriptor: fd });
  return copy;
}

/** From now on `fd` is the open file that `by` is; what it was before is closed. @throws EBADF */
export function replace(fd: number, by: number): void {
  if (calls().dup3(by, fd, O_CLOEXEC) < 0)
    throw systemError('replace', 'dup3', { descriptor: fd, by });
}

/** How many descriptors this process has open. */
export function openDescriptors(): number {
  // The list has the directory itself, open while it is read.
  return readdirSync('/proc/self/fd').length - 1;
}
