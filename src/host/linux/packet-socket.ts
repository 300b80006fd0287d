// SPDX-License-Identifier: MIT
/**
 * host/linux/packet-socket — connections between processes that carry packets, and descriptors with them (SOCK_SEQPACKET, SCM_RIGHTS).
 *
 * A packet arrives whole or not at all, and in order. Nothing here waits except `receiveWithin`. Who the other side is, the system
 * says, not the other side: the process that connected, or that listened, at that time.
 *
 * Descriptors that arrive are the receiver's: whoever takes a packet closes those that it does not want. Those of a packet that
 * is refused here are closed here.
 *
 * @source Linux unix(7), SO_PEERCRED
 */

import { fail } from '../../errors.js';
import { closeAll, closeDescriptor, duplicate } from './descriptors.js';
import { functions, lastErrno, systemError } from './library.js';
import * as message from './message.js';
import { waitReadable } from './wait-readable.js';

const AF_UNIX = 1;
const SOCK_SEQPACKET = 5;
const SOCK_CLOEXEC = 0o2000000;
const SOCK_NONBLOCK = 0o4000;
const SOL_SOCKET = 1;
const SO_PEERCRED = 17;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
const MSG_CMSG_CLOEXEC = 0x4000_0000;

const EINTR = 4;
const EAGAIN = 11;
const ENFILE = 23;
const EMFILE = 24;
const ECONNABORTED = 103;
const ECONNRESET = 104;
const ENOBUFS = 105;
const ETOOMANYREFS = 109;

/** Not more than the system's own limit, usually. */
const BACKLOG = 128;
/** Of sockaddr_un, without the terminating 0. */
const LONGEST_PATH = 107;
/** Milliseconds in which a thread cannot be ended. */
const SLICE = 100;

const calls = functions<{
  socket: (domain: number, type: number, protocol: number) => number;
  bind: (fd: number, address: Uint8Array, bytes: number) => number;
  listen: (fd: number, backlog: number) => number;
  accept4: (fd: number, address: null, bytes: null, flags: number) => number;
  connect: (fd: number, address: Uint8Array, bytes: number) => number;
  sendmsg: (fd: number, header: Uint8Array, flags: number) => number;
  recvmsg: (fd: number, header: Uint8Array, flags: number) => number;
  getsockopt: (
    fd: number,
    level: number,
    option: number,
    value: Int32Array,
    bytes: Uint32Array,
  ) => number;
}>({
  socket: 'int socket(int domain, int type, int protocol)',
  bind: 'int bind(int fd, void *address, uint32_t bytes)',
  listen: 'int listen(int fd, int backlog)',
  accept4: 'int accept4(int fd, void *address, void *bytes, int flags)',
  connect: 'int connect(int fd, void *address, uint32_t bytes)',
  sendmsg: 'int64_t sendmsg(int fd, void *header, int flags)',
  recvmsg: 'int64_t recvmsg(int fd, void *header, int flags)',
  getsockopt: 'int getsockopt(int fd, int level, int option, void *value, void *bytes)',
});

/** The process at the other side. A pid of 0 is one that this process cannot see. */
export interface Peer {
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
}

export interface Packet {
  readonly payload: Uint8Array;
  readonly descriptors: number[];
}

/** The integers that an option of the socket consists of; null: the system refuses it. */
export function socketOption(fd: number, option: number, integers: number): Int32Array | null {
  const value = new Int32Array(new ArrayBuffer(4 * integers));
  const bytes = new Uint32Array(new ArrayBuffer(4));
  bytes[0] = value.byteLength;
  return calls().getsockopt(fd, SOL_SOCKET, option, value, bytes) < 0 ? null : value;
}

function peerOf(op: string, fd: number): Peer {
  const credentials = socketOption(fd, SO_PEERCRED, 3);
  if (credentials === null) throw systemError(op, 'getsockopt(SO_PEERCRED)');
  const [pid = 0, uid = 0, gid = 0] = credentials;
  return { pid, uid, gid };
}

/** That a socket can be there. @throws EINVAL · ENAMETOOLONG */
export function checkPath(op: string, path: string): void {
  if (path === '' || path.includes('\0')) {
    const why = 'the path of a socket must not be empty, nor hold a zero byte';
    throw fail('EINVAL', op, {}, { why });
  }
  if (Buffer.byteLength(path) <= LONGEST_PATH) return;
  const why = `the path of a socket has at most ${LONGEST_PATH} bytes: take a shorter one`;
  throw fail('ENAMETOOLONG', op, { path }, { why });
}

/** struct sockaddr_un. */
function address(op: string, path: string): Uint8Array {
  checkPath(op, path);
  const name = Buffer.from(path);
  const bytes = new Uint8Array(new ArrayBuffer(2 + name.length + 1));
  bytes[0] = AF_UNIX;
  bytes.set(name, 2);
  return bytes;
}

function newSocket(op: string): number {
  const fd = calls().socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) throw systemError(op, 'socket');
  return fd;
}

/** What `using` returns, of a descriptor that is closed if it throws. */
function orClose<T>(fd: number, using: () => T): T {
  try {
    return using();
  } catch (error) {
    closeDescriptor(fd);
    throw error;
  }
}

export class PacketSocket {
  readonly descriptor: number;
  readonly peer: Peer;
  #open = true;

  private constructor(op: string, descriptor: number) {
    this.descriptor = descriptor;
    this.peer = orClose(descriptor, () => peerOf(op, descriptor));
  }

  /** Of a descriptor, which is its own from now on. @internal */
  static over(op: string, descriptor: number): PacketSocket {
    return new PacketSocket(op, descriptor);
  }

  /**
   * @throws ENOENT nobody listens there · EACCES · EBUSY too many wait to be accepted: try again · ENFILE · ENAMETOOLONG
   */
  static connect(path: string): PacketSocket {
    const op = 'PacketSocket.connect';
    const where = address(op, path);
    const fd = newSocket(op);
    return orClose(fd, () => {
      if (calls().connect(fd, where, where.byteLength) < 0)
        throw systemError(op, 'connect', { path });
      return new PacketSocket(op, fd);
    });
  }

  /**
   * The descriptors stay the sender's, too.
   * @returns false: the queue is full, try later
   * @throws EPIPE the other side has closed · EINVAL an empty or too large packet · EBADF a closed descriptor
   */
  send(payload: Uint8Array, descriptors: readonly number[] = []): boolean {
    const op = 'PacketSocket.send';
    const { byteLength } = payload;
    // An empty packet would look like the end.
    if (byteLength === 0 || byteLength > message.LONGEST_PAYLOAD)
      throw fail('EINVAL', op, { bytes: byteLength });
    if (descriptors.length > message.MOST_DESCRIPTORS)
      throw fail('EINVAL', op, { descriptors: descriptors.length });
    this.#check(op);
    for (;;) {
      message.fill(payload, descriptors);
      if (calls().sendmsg(this.descriptor, message.header, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
        return true;
      const errno = lastErrno();
      if (errno === EAGAIN || errno === ENOBUFS || errno === ETOOMANYREFS) return false;
      if (errno !== EINTR) throw systemError(op, 'sendmsg');
    }
  }

  /** @throws EPROTO a packet that is longer than it may be, or whose descriptors did not all come: it is gone */
  receive(): Packet | 'later' | 'closed' {
    const op = 'PacketSocket.receive';
    this.#check(op);
    for (;;) {
      message.makeRoom();
      const flags = MSG_DONTWAIT | MSG_CMSG_CLOEXEC;
      const length = calls().recvmsg(this.descriptor, message.header, flags);
      if (length >= 0) return taken(op, length);
      const errno = lastErrno();
      if (errno === EAGAIN) return 'later';
      // ECONNRESET is said once, when the other side has closed without reading all: what it sent comes next.
      if (errno !== EINTR && errno !== ECONNRESET) throw systemError(op, 'recvmsg');
    }
  }

  /**
   * @blocking for `ms`
   * @throws EPROTO as `receive` · ETIMEDOUT
   */
  receiveWithin(ms: number): Packet | 'closed' {
    const due = performance.now() + ms;
    for (;;) {
      const packet = this.receive();
      if (packet !== 'later') return packet;
      const left = due - performance.now();
      if (left <= 0) throw fail('ETIMEDOUT', 'PacketSocket.receiveWithin', { timeout: ms });
      waitReadable(this.descriptor, Math.min(left, SLICE));
    }
  }

  #check(op: string): void {
    if (!this.#open) throw fail('EBADF', op);
  }

  /** May be called again. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    closeDescriptor(this.descriptor);
  }
}

/** What a packet of that length is. */
function taken(op: string, length: number): Packet | 'closed' {
  const descriptors = message.receivedDescriptors();
  const truncated = message.truncation();
  if (truncated !== null) {
    closeAll(descriptors);
    throw fail('EPROTO', op, {}, { why: truncated });
  }
  if (length === 0 && descriptors.length === 0) return 'closed';
  return { payload: message.receivedPayload(length), descriptors };
}

export class PacketListener {
  readonly descriptor: number;
  /** Given up for a moment when there are no descriptors left, to refuse somebody who would otherwise wait for ever. */
  #spare: number;
  #open = true;

  private constructor(descriptor: number) {
    this.descriptor = descriptor;
    this.#spare = orClose(descriptor, () => duplicate(descriptor));
  }

  /**
   * Listens there from now on. Nobody removes the file at the end: who made the place does.
   * @throws EEXIST there is something at the path · ENOENT no such directory · EACCES · ENAMETOOLONG
   */
  static bind(path: string): PacketListener {
    const op = 'PacketListener.bind';
    const where = address(op, path);
    const fd = newSocket(op);
    return orClose(fd, () => {
      if (calls().bind(fd, where, where.byteLength) < 0) throw systemError(op, 'bind', { path });
      if (calls().listen(fd, BACKLOG) < 0) throw systemError(op, 'listen', { path });
      return new PacketListener(fd);
    });
  }

  /**
   * The next one who wants to connect; null: nobody does.
   * @throws ENFILE there are no descriptors left: he was refused
   */
  accept(): PacketSocket | null {
    const op = 'PacketListener.accept';
    if (!this.#open) throw fail('EBADF', op);
    for (;;) {
      const fd = this.#next();
      if (fd >= 0) return PacketSocket.over(op, fd);
      const errno = lastErrno();
      if (errno === EAGAIN) return null;
      if (errno === EINTR || errno === ECONNABORTED) continue;
      const error = systemError(op, 'accept4');
      const scarce = errno === EMFILE || errno === ENFILE;
      if (scarce && !this.#refuse()) return null;
      throw error;
    }
  }

  #next(): number {
    return calls().accept4(this.descriptor, null, null, SOCK_CLOEXEC | SOCK_NONBLOCK);
  }

  /** Without descriptors the system does not even say whether somebody is there. @returns whether somebody was */
  #refuse(): boolean {
    closeDescriptor(this.#spare);
    const fd = this.#next();
    // Nothing has run in between in this thread; another one may have been faster.
    if (fd >= 0) closeDescriptor(fd);
    this.#spare = duplicate(this.descriptor);
    return fd >= 0;
  }

  /** May be called again. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    closeAll([this.descriptor, this.#spare]);
  }
}
