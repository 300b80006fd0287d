// SPDX-License-Identifier: MIT
/**
 * Memory that two processes share: an unnamed file that lives in memory, mapped by each. Nobody
 * unmaps or closes: the process of a case ends soon.
 */
import { libc } from './libc.mjs';

const MFD_CLOEXEC = 1;
const READ_WRITE = 3;
const MAP_SHARED = 1;

/** @returns its descriptor */
export function createMemoryFile(bytes) {
  const descriptor = libc.memfdCreate('bench', MFD_CLOEXEC);
  if (descriptor < 0 || libc.ftruncate(descriptor, bytes) !== 0) {
    throw new Error(`no memory file of ${bytes} bytes`);
  }
  return descriptor;
}

/** @returns { memory, address }: an ArrayBuffer whose pages are the file's, and where it begins */
export function mapMemoryFile(descriptor, bytes) {
  const address = libc.mmap(0, bytes, READ_WRITE, MAP_SHARED, descriptor, 0);
  if (BigInt.asIntN(64, BigInt(address)) === -1n) throw new Error(`no mapping of ${bytes} bytes`);
  return { memory: libc.view(address, bytes), address: Number(address) };
}
