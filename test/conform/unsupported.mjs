// SPDX-License-Identifier: MIT
// @ts-check
/**
 * conform/unsupported — calls of Linux that have no counterpart in this version: a scenario that makes one is listed, not run.
 */

/** @import {Scenario, Step} from './types.js' */

/** What is missing → the calls that need it. */
const MISSING = new Map([
  [
    'files',
    /^(dma_buf_fd|dma_buf_get|get_dma_buf|close|l?l?seek|dup|fcntl|readlink|f?stat|f(ge|pu)t)$/,
  ],
  ['mmap', /mmap|munmap/],
  ['poll', /poll|select|^settle$/],
  ['sync files', /sync_file/],
]);
/** Renaming is a call of a buffer here; all other ioctls are of files. */
const RENAME = /^DMA_BUF_SET_NAME/;

/** @param {Step} step @returns {string | null} what is missing for it */
function missingFor({ call, args }) {
  if (call === 'ioctl') {
    const renames = RENAME.test(String(args.cmd)) && args['pointer'] === undefined;
    return renames ? null : `files (ioctl ${args.cmd})`;
  }
  for (const [what, calls] of MISSING) if (calls.test(call)) return `${what} (${call})`;
  return null;
}

/** @param {Scenario} scenario @returns {string | null} */
export function missing({ trace }) {
  for (const entry of trace) {
    if (entry.call === undefined) continue;
    const needed = missingFor(/** @type {Step} */ (entry));
    if (needed !== null) return needed;
  }
  return null;
}
