// SPDX-License-Identifier: MIT
// @ts-check
/**
 * conform/contract — what a trace may say of Linux's own files and memory, which is no promise to anybody: it is known, and not compared.
 *
 * Counts of file references, inodes, how a file was opened, the room a list of fences has, clock ticks, page numbers, pointers.
 */

/** Fields, arguments and observations, by a part of their name. */
const OWN = /(^|_)(file_count|inodes?|ino|max|room|jiffies|pfn|pointer)($|_)|^(f|export)_flags$/;

/** @param {string} name @returns {boolean} */
export const isPromised = (name) => !OWN.test(name);
