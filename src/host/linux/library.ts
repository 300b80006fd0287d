// SPDX-License-Identifier: MIT
/**
 * host/linux/library — libc, through koffi: the one place that loads koffi, once per thread and when it is first asked for.
 *
 * koffi is optional, and loading it is dangerous in a thread that somebody may end meanwhile (see host/addon-gate). So there are
 * three kinds of threads. The main thread loads it. A thread with a gate loads it behind the gate. A thread without one (started by
 * somebody else, or by a thread that may itself be ended) loads nothing, unless it `insist`s: in a domain of processes it
 * could not live without. The risk is then its starter's: who ends such a thread within the 5 to 30 milliseconds in which it
 * loads, takes the process down. Looking up a function is as dangerous as loading, so all of them are looked up then; calling one is
 * not.
 *
 * Prototypes are fixed ones, of variadic functions too (fcntl, syscall): on x64 and arm64 Linux both are called alike. Pointers that a
 * function keeps only while it runs may be typed arrays; they must lie over an ArrayBuffer of their own, which does not move.
 */

import { createRequire } from 'node:module';
import { getSystemErrorName } from 'node:util';
import {
  type DmaBufError,
  ERROR_CODES,
  type ErrorCode,
  type ErrorDetails,
  fail,
} from '../../errors.js';
import { throughGate } from '../addon-gate.js';
import { inheritance } from '../node-workers.js';

export interface PollEvents {
  readonly readable: boolean;
  readonly disconnect: boolean;
}

/** Its sharp edges are in readiness.ts. */
export interface PollHandle {
  ref(): void;
  unref(): void;
  close(): void;
}

interface Libc {
  func(prototype: string): unknown;
}

/** What we use of koffi. */
interface Koffi {
  readonly version: string;
  readonly node?: {
    poll(
      fd: number,
      events: { readonly readable: true; readonly disconnect: true },
      onEvent: (status: number, events: PollEvents) => void,
    ): PollHandle;
  };
  load(path: null): Libc;
  errno(): number;
  address(of: Uint8Array): bigint;
  view(address: bigint, bytes: number): ArrayBuffer;
}

interface Found {
  readonly koffi: Koffi;
  readonly libc: Libc;
}

type Loaded = Found | { readonly why: string };

const MFD_NOEXEC_SEAL = 8;
const EINVAL = 22;

const ENDANGERED: Loaded = { why: 'this thread may be ended while it loads koffi' };

let loaded: Loaded | undefined;
/** Why it does not work, asked once; null: it works. */
let verdict: string | null | undefined;

interface Group {
  readonly prototypes: Readonly<Record<string, string>>;
  made: object | undefined;
}

const groups: Group[] = [];

function lookUp(libc: Libc, group: Group): void {
  const made = Object.entries(group.prototypes).map(([name, text]) => [name, libc.func(text)]);
  group.made = Object.fromEntries(made);
}

/** What this system lacks fails when it is used. */
function tryLookUp(libc: Libc, group: Group): void {
  try {
    lookUp(libc, group);
  } catch {
    group.made = undefined;
  }
}

function load(): Loaded {
  try {
    const koffi = createRequire(import.meta.url)('koffi') as Koffi;
    const libc = koffi.load(null);
    for (const group of groups) tryLookUp(libc, group);
    return { koffi, libc };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'MODULE_NOT_FOUND' && message.includes("'koffi'"))
      return { why: 'koffi is not installed' };
    return { why: `koffi cannot be loaded: ${message.split('\n', 1)[0]}` };
  }
}

function library(): Loaded {
  loaded ??= throughGate(inheritance()?.gate ?? null, load) ?? ENDANGERED;
  return loaded;
}

/** From now on this thread loads koffi though it has no gate. */
export function insist(): void {
  if (library() !== ENDANGERED || (inheritance()?.gate ?? null) !== null) return;
  loaded = load();
  verdict = undefined;
}

function needed(): Found {
  const now = library();
  if (!('why' in now)) return now;
  throw fail('ENOTSUP', 'Domain', {}, { why: `${now.why}: threads work without it` });
}

/** What `make` makes, from the first use on. */
export function lazily<T extends {}>(make: () => T): () => T {
  let made: T | undefined;
  return () => (made ??= make());
}

/**
 * Functions of libc by their prototypes. To be called while a module is evaluated: they are all made when koffi is loaded.
 * @example const calls = functions<{ getpid: () => number }>({ getpid: 'int getpid()' }); calls().getpid();
 * @throws ENOTSUP, at the first use: no koffi
 */
export function functions<T extends {}>(prototypes: Readonly<Record<keyof T, string>>): () => T {
  const group: Group = { prototypes, made: undefined };
  groups.push(group);
  return () => {
    if (group.made === undefined) lookUp(needed().libc, group);
    return group.made as T;
  };
}

const probe = functions<{
  create: (name: string, flags: number) => number;
  close: (fd: number) => number;
}>({ create: 'int memfd_create(const char *name, uint flags)', close: 'int close(int fd)' });

/** Some sandboxes refuse memory files. */
function tryMemoryFile(): string | null {
  const fd = probe().create('dmabuf-probe', MFD_NOEXEC_SEAL);
  if (fd >= 0) probe().close(fd);
  // Before Linux 6.3 that flag is an error, and memory files are not.
  if (fd >= 0 || lastErrno() === EINVAL) return null;
  return `this system refuses memory files (memfd_create failed with ${errnoName()})`;
}

function examine(): string | null {
  const { platform, arch } = process;
  if (platform !== 'linux') return `it takes Linux, this is ${platform}`;
  if (arch !== 'x64' && arch !== 'arm64') return `it takes x64 or arm64, this is ${arch}`;
  const now = library();
  if ('why' in now) return now.why;
  const { version, node } = now.koffi;
  if (typeof node?.poll !== 'function')
    return `koffi ${version} is too old: it has to be 3.3 or later`;
  return tryMemoryFile();
}

/** Why system calls are not to be had here, as a sentence; null: they are. Loads koffi. */
export function whyNotLinux(): string | null {
  if (verdict === undefined) verdict = examine();
  return verdict;
}

/** Whether system calls are to be had here. Loads koffi. */
export function hasLinux(): boolean {
  return whyNotLinux() === null;
}

/** Polls a descriptor on this thread's event loop. */
export function poll(
  fd: number,
  onEvent: (status: number, events: PollEvents) => void,
): PollHandle {
  const { node } = needed().koffi;
  if (node === undefined) throw fail('ENOTSUP', 'Domain', {}, { why: whyNotLinux() ?? undefined });
  return node.poll(fd, { readable: true, disconnect: true }, onEvent);
}

/** Where these bytes lie. They must not be able to move: over a SharedArrayBuffer, or an ArrayBuffer of their own. */
export function addressOfBytes(bytes: Uint8Array): bigint {
  return needed().koffi.address(bytes);
}

/** The memory there, as long as nobody unmaps it. */
export function viewOf(address: bigint, bytes: number): ArrayBuffer {
  return needed().koffi.view(address, bytes);
}

/** errno of the call that has just failed. */
export function lastErrno(): number {
  return needed().koffi.errno();
}

function errnoName(): string {
  return getSystemErrorName(-lastErrno());
}

/** Where the table of codes has no such name. */
const CODES: Readonly<Record<string, ErrorCode>> = {
  EPERM: 'EACCES',
  EMFILE: 'ENFILE',
  ENOBUFS: 'ENOMEM',
  EADDRINUSE: 'EEXIST',
  ECONNREFUSED: 'ENOENT',
  ENOTDIR: 'ENOENT',
  EAGAIN: 'EBUSY',
  ECONNRESET: 'EPIPE',
  ENOTCONN: 'EPIPE',
  ESRCH: 'ESTALE',
  ENOSYS: 'ENOTSUP',
  EOPNOTSUPP: 'ENOTSUP',
};

/** What helps, where it is not plain. */
const REMEDIES: Readonly<Record<string, string>> = {
  EMFILE: 'this process has too many descriptors open: raise its limit (ulimit -n)',
  ENFILE: 'the system has too many files open',
};

/** The error of a call that has just failed: nothing may call the library in between. */
export function systemError(op: string, name: string, details: ErrorDetails = {}): DmaBufError {
  const errno = errnoName();
  const code = ERROR_CODES.find((known) => known === errno) ?? CODES[errno] ?? 'EIO';
  const remedy = REMEDIES[errno];
  const why = `${name} failed with ${errno}${remedy === undefined ? '' : `: ${remedy}`}`;
  return fail(code, op, details, { why });
}
