// SPDX-License-Identifier: MIT
/**
 * Placement: whether two parties share a core changes a hand-off by a factor of 10 to 400, so
 * every thread of a measurement is pinned and every row says where.
 */
import { readFileSync } from 'node:fs';
import { libc } from './libc.mjs';

const MASK_WORDS = 16; // room for 1 024 processors, what glibc's cpu_set_t has

/** Pins the calling thread to `cpus`. Threads and processes that it starts afterwards inherit that. */
export function pin(cpus) {
  if (libc === null) throw new Error('pinning needs the optional package koffi');
  const mask = new BigUint64Array(MASK_WORDS);
  for (const cpu of cpus) mask[cpu >> 6] |= 1n << BigInt(cpu & 63);
  if (libc.setAffinity(0, mask.byteLength, mask) !== 0) {
    throw new Error(`sched_setaffinity to processors ${cpus} failed`);
  }
}

/** The processors this process may use, from the kernel's list such as "0-3,8". */
function allowedCpus() {
  const status = readFileSync('/proc/self/status', 'utf8');
  const list = /^Cpus_allowed_list:\s*(\S+)/m.exec(status)?.[1] ?? '0';
  return list.split(',').flatMap((part) => {
    const [first, last = first] = part.split('-').map(Number);
    return Array.from({ length: last - first + 1 }, (_, k) => first + k);
  });
}

/** Runs `job` with this thread, and whatever it starts meanwhile, on `cpus`. */
export function pinnedTo(cpus, job) {
  const before = allowedCpus();
  pin(cpus);
  try {
    return job();
  } finally {
    pin(before);
  }
}

/**
 * The processors of the two parties: "1" = both on one core, "2" = one core each.
 * @returns null when this machine cannot do it
 */
export function cpusOf(placement) {
  if (libc === null) return null;
  const [first, second] = allowedCpus();
  if (placement === '1') return [first, first];
  return second === undefined ? null : [first, second];
}
