// SPDX-License-Identifier: MIT
/**
 * host/linux/mapped-memory — memory files as SharedArrayBuffers.
 *
 * JavaScript cannot make a SharedArrayBuffer over given memory, but the memory of a shared WebAssembly.Memory lies where it lies: the
 * file is mapped on top of it (MAP_FIXED). The result is a SharedArrayBuffer like any other: atomics, waiting, posting it to
 * workers. It is unmapped when it is collected, with the rest of what was reserved for it; nothing else unmaps it.
 *
 * Only waiting ends at the process: `notify` wakes who waits on this very SharedArrayBuffer, or on one posted from it. Between
 * processes there are shared futexes (futex.ts). Each mapping reserves address space, on Node 20 ten GiB of it, so few large ones.
 *
 * Where there is no WebAssembly (--jitless), or no such address space (ulimit -v), the file is mapped anywhere and looked at as an
 * ArrayBuffer: good for all that one thread does, see `view`.
 */

import { type DmaBufError, fail } from '../../errors.js';
import { addressOfBytes, functions, lazily, systemError, viewOf } from './library.js';

/** What a WebAssembly memory is measured in. */
const UNIT = 65_536;
const MOST_UNITS = 65_536;
const PROT_READ = 1;
const PROT_WRITE = 2;
const MAP_SHARED = 1;
const MAP_FIXED = 0x10;
const MADV_REMOVE = 9;
const SC_PAGESIZE = 30;
const MAP_FAILED = 0xffff_ffff_ffff_ffffn;

/** Not among the types of ES2023. */
interface WebAssemblyLike {
  readonly Memory: new (units: {
    readonly initial: number;
    readonly maximum: number;
    readonly shared: true;
  }) => { readonly buffer: SharedArrayBuffer };
}

const calls = functions<{
  mmap: (
    at: bigint,
    bytes: number,
    protection: number,
    flags: number,
    fd: number,
    offset: number,
  ) => bigint | number;
  munmap: (at: bigint, bytes: number) => number;
  madvise: (at: bigint, bytes: number, advice: number) => number;
  sysconf: (name: number) => number;
}>({
  mmap: 'uintptr_t mmap(uintptr_t at, size_t bytes, int protection, int flags, int fd, int64_t offset)',
  munmap: 'int munmap(uintptr_t at, size_t bytes)',
  madvise: 'int madvise(uintptr_t at, size_t bytes, int advice)',
  sysconf: 'long sysconf(int name)',
});

const pageBytes = lazily(() => calls().sysconf(SC_PAGESIZE));

/** Address space with a SharedArrayBuffer over it; null where there is no WebAssembly, or no room for its reservation. */
function reserve(bytes: number): SharedArrayBuffer | null {
  const { WebAssembly } = globalThis as { WebAssembly?: WebAssemblyLike };
  if (WebAssembly === undefined) return null;
  const units = bytes / UNIT;
  try {
    return new WebAssembly.Memory({ initial: units, maximum: units, shared: true }).buffer;
  } catch {
    return null;
  }
}

function map(op: string, fd: number, bytes: number, protection: number): SharedArrayBuffer {
  if (bytes <= 0 || bytes > MOST_UNITS * UNIT || bytes % UNIT !== 0) {
    const why = `bytes must be a multiple of ${UNIT}, from 1 to ${MOST_UNITS} of them`;
    throw fail('EINVAL', op, { bytes }, { why });
  }
  const memory = reserve(bytes);
  if (memory === null) return view(op, fd, bytes, protection);
  const at = addressOf(memory);
  if (BigInt(calls().mmap(at, bytes, protection, MAP_SHARED | MAP_FIXED, fd, 0)) === MAP_FAILED)
    throw systemError(op, 'mmap', { descriptor: fd, bytes });
  return memory;
}

/** Of mmap, which just failed. */
function notMapped(op: string, fd: number, bytes: number): DmaBufError {
  const error = systemError(op, 'mmap', { descriptor: fd, bytes });
  if (error.code !== 'ENOMEM') return error;
  const why = 'the address space has no room for it: raise ulimit -v, or make a smaller domain';
  return fail('ENOMEM', op, { bytes }, { why, cause: error });
}

/** Views that are open keep their mappings. */
const unmapping = new FinalizationRegistry<{ readonly at: bigint; readonly bytes: number }>(
  ({ at, bytes }) => calls().munmap(at, bytes),
);

/**
 * The fall-back: the same memory, and atomics work on it as well, but it is an ArrayBuffer to the engine: it cannot be posted to
 * threads, and the engine's own waiting refuses it.
 */
function view(op: string, fd: number, bytes: number, protection: number): SharedArrayBuffer {
  const at = BigInt(calls().mmap(0n, bytes, protection, MAP_SHARED, fd, 0));
  if (at === MAP_FAILED) throw notMapped(op, fd, bytes);
  const buffer = viewOf(at, bytes);
  unmapping.register(buffer, { at, bytes });
  return buffer as unknown as SharedArrayBuffer;
}

/** Can it be posted to threads, and waited on by the engine? False for the fall-back. */
export function isShared(memory: SharedArrayBuffer): boolean {
  return memory instanceof SharedArrayBuffer;
}

/**
 * A memory file, shared with everybody who maps it.
 * @param bytes a multiple of 64 KiB, at most 4 GiB
 * @throws EINVAL · ENOMEM no address space · EACCES the file is for readers
 */
export function mapShared(op: string, fd: number, bytes: number): SharedArrayBuffer {
  return map(op, fd, bytes, PROT_READ | PROT_WRITE);
}

/** As `mapShared`, to be read only: who writes to it, or changes it by an atomic operation, is killed (SIGSEGV). */
export function mapForReading(op: string, fd: number, bytes: number): SharedArrayBuffer {
  return map(op, fd, bytes, PROT_READ);
}

/** Where it lies in this process. */
export function addressOf(memory: SharedArrayBuffer): bigint {
  return addressOfBytes(new Uint8Array(memory));
}

/**
 * From now on these bytes are 0, in every process, and the whole pages among them use no memory until they are written again.
 * Never fails: what the system does not take back is zeroed.
 */
export function discard(memory: SharedArrayBuffer, offset: number, bytes: number): void {
  const page = pageBytes();
  const end = offset + bytes;
  const first = Math.min(Math.ceil(offset / page) * page, end);
  const last = Math.max(Math.floor(end / page) * page, first);
  const given =
    last === first ||
    calls().madvise(addressOf(memory) + BigInt(first), last - first, MADV_REMOVE) === 0;
  const all = new Uint8Array(memory);
  if (!given) all.fill(0, offset, end);
  else all.fill(0, offset, first).fill(0, last, end);
}
