// SPDX-License-Identifier: MIT
// @ts-check
/** What a domain costs the process that asks: descriptors, mappings, memory. */
import { fstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';

/**
 * @typedef {object} Footprint
 * @property {number} descriptors
 * @property {number} mappings
 * @property {number} shared  bytes of shared memory that are mapped and in memory
 * @property {number} resident  bytes of this process in memory
 */

/** @returns {Footprint} */
export function footprint() {
  const status = readFileSync('/proc/self/status', 'latin1');
  const bytes = (/** @type {string} */ name) =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) * 1024;
  return {
    descriptors: readdirSync('/proc/self/fd').length,
    mappings: readFileSync('/proc/self/maps', 'latin1').split('\n').length,
    shared: bytes('RssShmem'),
    resident: bytes('VmRSS'),
  };
}

/** Bytes that the slabs of this process' domains use. */
export function slabsInUse() {
  let sum = 0;
  for (const fd of readdirSync('/proc/self/fd')) {
    try {
      const file = readlinkSync(`/proc/self/fd/${fd}`);
      if (file.startsWith('/memfd:dmabuf-slab')) sum += fstatSync(Number(fd)).blocks * 512;
    } catch {
      // The descriptor by which the list was read.
    }
  }
  return sum;
}
