// SPDX-License-Identifier: MIT
/**
 * The two calls of libc that a benchmark needs and Node lacks, through the optional package koffi.
 * `libc` is null where koffi or a C library is missing: then nothing can be pinned.
 */

async function load() {
  try {
    const { default: koffi } = await import('koffi');
    const library = koffi.load('libc.so.6');
    return {
      setAffinity: library.func('int sched_setaffinity(int, size_t, const uint64 *)'),
      schedYield: library.func('int sched_yield()'),
    };
  } catch {
    return null;
  }
}

export const libc = await load();
