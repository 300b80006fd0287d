// SPDX-License-Identifier: MIT
/**
 * host/linux/process-descriptor — a process by a descriptor instead of a number (pidfd): no other process is ever meant by it. It is
 * readable when all threads of the process have ended: from then on nobody in it can write to shared memory any more.
 *
 * @source Linux pidfd_open(2), pidfd_send_signal(2), SO_PEERPIDFD
 */

import { fail } from '../../errors.js';
import { closeDescriptor } from './descriptors.js';
import { functions, lastErrno, systemError } from './library.js';
import { type PacketSocket, socketOption } from './packet-socket.js';
import { isHungUp, waitReadable } from './wait-readable.js';

const SYS_PIDFD_SEND_SIGNAL = 424;
const SYS_PIDFD_OPEN = 434;
const SO_PEERPIDFD = 77;
const ESRCH = 3;

const calls = functions<{
  open: (nr: number, pid: number, flags: number) => number;
  signal: (nr: number, fd: number, signal: number, info: null, flags: number) => number;
}>({
  open: 'long syscall(long nr, int pid, uint flags)',
  signal: 'long syscall(long nr, int fd, int signal, void *info, uint flags)',
});

export class ProcessDescriptor {
  readonly descriptor: number;
  #open = true;

  private constructor(descriptor: number) {
    this.descriptor = descriptor;
  }

  /** That process; null: there is none. @throws ENFILE · EINVAL no pid · ENOTSUP Linux before 5.3 */
  static open(pid: number): ProcessDescriptor | null {
    const fd = calls().open(SYS_PIDFD_OPEN, pid, 0);
    if (fd >= 0) return new ProcessDescriptor(fd);
    if (lastErrno() === ESRCH) return null;
    throw systemError('ProcessDescriptor.open', 'pidfd_open', { pid });
  }

  /** The process at the other side of a connection; null: it has ended, or closed, by now. @throws as `open` */
  static ofPeer(socket: PacketSocket): ProcessDescriptor | null {
    const option = socketOption(socket.descriptor, SO_PEERPIDFD, 1);
    if (option?.[0] !== undefined) return new ProcessDescriptor(option[0]);
    // Linux before 6.5, or no process. Only while the connection stands it is certain whose number that is.
    const opened = ProcessDescriptor.open(socket.peer.pid);
    if (!isHungUp(socket.descriptor)) return opened;
    opened?.close();
    return null;
  }

  /** Whether it runs no more. */
  hasEnded(): boolean {
    if (!this.#open) throw fail('EBADF', 'ProcessDescriptor.hasEnded');
    return waitReadable(this.descriptor, 0);
  }

  /** Nothing happens when it has ended. @throws EACCES a process of somebody else · EINVAL no such signal */
  signal(number: number): void {
    const op = 'ProcessDescriptor.signal';
    if (!this.#open) throw fail('EBADF', op);
    const sent = calls().signal(SYS_PIDFD_SEND_SIGNAL, this.descriptor, number, null, 0);
    if (sent < 0 && lastErrno() !== ESRCH)
      throw systemError(op, 'pidfd_send_signal', { signal: number });
  }

  /** May be called again. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    closeDescriptor(this.descriptor);
  }
}
