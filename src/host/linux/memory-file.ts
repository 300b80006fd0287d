// SPDX-License-Identifier: MIT
/**
 * host/linux/memory-file — files that are nothing but memory (memfd), of a size that nobody can change.
 *
 * Who maps a file that somebody else can shorten is killed at the next access (SIGBUS). So a memory file is sealed before it is
 * given away, and nobody maps one that came from elsewhere before `checkMemoryFile` has looked at the seals and the size.
 *
 * A file for readers is sealed in two steps, since the seal against writing spares mappings that stand when it is put on: its owner
 * maps it, then seals it. From then on nobody maps it for writing, and nobody can make a mapping for reading writable.
 *
 * @source Linux memfd_create(2), F_ADD_SEALS of fcntl(2)
 */

import { fstatSync } from 'node:fs';
import { fail } from '../../errors.js';
import { closeDescriptor, control } from './descriptors.js';
import { functions, lastErrno, systemError } from './library.js';

const MFD_CLOEXEC = 1;
const MFD_ALLOW_SEALING = 2;
const MFD_NOEXEC_SEAL = 8;
const F_ADD_SEALS = 1033;
const F_GET_SEALS = 1034;
const SEAL = 1;
const SHRINK = 2;
const GROW = 4;
const FUTURE_WRITE = 16;
const EINVAL = 22;

const calls = functions<{
  memfdCreate: (name: string, flags: number) => number;
  ftruncate: (fd: number, bytes: number) => number;
}>({
  memfdCreate: 'int memfd_create(const char *name, uint flags)',
  ftruncate: 'int ftruncate(int fd, int64_t bytes)',
});

/** Systems before 6.3 do not know that memory may be made unfit for programs; later ones may insist on it. */
function create(name: string): number {
  const flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
  const fd = calls().memfdCreate(name, flags | MFD_NOEXEC_SEAL);
  return fd < 0 && lastErrno() === EINVAL ? calls().memfdCreate(name, flags) : fd;
}

function addSeals(op: string, fd: number, seals: number): void {
  if (control(fd, F_ADD_SEALS, seals) < 0) throw systemError(op, 'fcntl(F_ADD_SEALS)');
}

/**
 * A new memory file of `bytes` zeros: no memory is used before it is written. With `forReaders`, `sealForReaders` has to follow.
 * @throws ENFILE · ENOMEM · EINVAL a name of more than 249 bytes
 */
export function createMemoryFile(
  name: string,
  bytes: number,
  { forReaders = false }: { readonly forReaders?: boolean } = {},
): number {
  const op = 'createMemoryFile';
  const fd = create(name);
  if (fd < 0) throw systemError(op, 'memfd_create', { name });
  try {
    if (calls().ftruncate(fd, bytes) < 0) throw systemError(op, 'ftruncate', { name, bytes });
    addSeals(op, fd, SHRINK | GROW | (forReaders ? 0 : SEAL));
    return fd;
  } catch (error) {
    closeDescriptor(fd);
    throw error;
  }
}

/** Mappings that stand stay as they are; from now on there are new ones for reading only. @throws EACCES sealed already */
export function sealForReaders(fd: number): void {
  addSeals('sealForReaders', fd, FUTURE_WRITE | SEAL);
}

/**
 * That this descriptor, which came from elsewhere, is a memory file of that size, and stays one. Does not close it.
 * @throws EPROTO
 */
export function checkMemoryFile(op: string, fd: number, bytes: number): void {
  const refuse = (why: string): Error => fail('EPROTO', op, { descriptor: fd }, { why });
  const seals = control(fd, F_GET_SEALS, 0);
  if (seals < 0) throw refuse('the descriptor is no memory file');
  const missing = (SHRINK | GROW | SEAL) & ~seals;
  if (missing !== 0) throw refuse(`the memory file lacks seals (${missing})`);
  const { size } = fstatSync(fd);
  if (size !== bytes) throw refuse(`the memory file has ${size} bytes instead of ${bytes}`);
}
