// SPDX-License-Identifier: MIT
// @ts-check
/**
 * The open descriptors of this process, counted by kind. Without those of scripts: Node opens them to load them, and when a thread is
 * terminated meanwhile, one may stay open.
 */
import { readdirSync, readlinkSync } from 'node:fs';

const SCRIPT = /\.(m|c)?js(on)?$/;

/** @returns {Record<string, number>} kind → how many */
export function descriptors() {
  /** @type {Record<string, number>} */
  const counts = {};
  for (const fd of readdirSync('/proc/self/fd')) {
    const kind = kindOf(fd);
    if (kind !== null && !SCRIPT.test(kind)) counts[kind] = (counts[kind] ?? 0) + 1;
  }
  return counts;
}

/** Without the numbers that tell one from another. @param {string} fd */
function kindOf(fd) {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`).replace(/:\[\d+\]$/, '');
  } catch {
    // The one that the directory was read by.
    return null;
  }
}

/** What there is more of than at that time, by kind. @param {Record<string, number>} before @param {Record<string, number>} now */
export function grown(before, now) {
  return Object.entries(now)
    .map(([kind, count]) => ({ kind, more: count - (before[kind] ?? 0) }))
    .filter(({ more }) => more > 0);
}
