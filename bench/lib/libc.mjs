// SPDX-License-Identifier: MIT
/**
 * The calls of libc that a benchmark needs and Node lacks, through the optional package koffi.
 * `libc` is null where koffi or a C library is missing: then nothing can be pinned, and no two
 * processes share memory.
 */

async function load() {
  try {
    const { default: koffi } = await import('koffi');
    const library = koffi.load('libc.so.6');
    return {
      setAffinity: library.func('int sched_setaffinity(int, size_t, const uint64 *)'),
      schedYield: library.func('int sched_yield()'),
      prctl: library.func('prctl', 'int', ['int', 'ulong', 'ulong', 'ulong', 'ulong']),
      memfdCreate: library.func('int memfd_create(const char *, uint)'),
      ftruncate: library.func('int ftruncate(int, int64)'),
      mmap: library.func('uintptr_t mmap(uintptr_t, size_t, int, int, int, int64)'),
      futex: futexOf(library),
      socketpair: library.func('int socketpair(int, int, int, _Out_ int *)'),
      view: (address, bytes) => koffi.view(BigInt(address), bytes),
    };
  } catch {
    return null;
  }
}

/** futex(address, operation, value): has no name in libc, only its number. */
function futexOf(library) {
  const types = ['long', 'uintptr_t', 'int', 'int', 'uintptr_t', 'uintptr_t', 'int'];
  const syscall = library.func('syscall', 'long', types);
  const number = process.arch === 'arm64' ? 98 : 202;
  return (address, operation, value) => syscall(number, address, operation, value, 0, 0, 0);
}

export const libc = await load();
