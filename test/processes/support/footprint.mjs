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

/** Descriptors of memory files of this name. @param {string} name */
function memoryFiles(name) {
  return readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith(`/memfd:${name} `);
    } catch {
      return false; // the descriptor by which the list was read
    }
  });
}

/** Bytes that the slabs of this process' domains use. */
export function slabsInUse() {
  const blocks = memoryFiles('dmabuf-slab').map((fd) => fstatSync(Number(fd)).blocks);
  return blocks.reduce((sum, each) => sum + each * 512, 0);
}

/** Memory files of sealed buffers that this process has made, or holds for others. */
export function sealedFiles() {
  return memoryFiles('dmabuf-sealed').length;
}
