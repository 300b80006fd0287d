// SPDX-License-Identifier: MIT
// @ts-check
/**
 * conform/unsupported — calls of Linux that have no counterpart in this version: a scenario that makes one is listed, not run.
 */

/** @import {Scenario, Step} from './types.js' */

/** What is missing → the calls that need it. */
const MISSING = new Map([
  ['fence containers', /^dma_fence_(array|chain|unwrap)_/],
  [
    'files',
    /^(dma_buf_fd|dma_buf_get|get_dma_buf|close|l?l?seek|dup|fcntl|readlink|f?stat|f(ge|pu)t)$/,
  ],
  ['mmap', /mmap|munmap/],
  ['poll', /poll|select|^settle$/],
]);
/** Ioctls that are calls of a buffer or of a sync file here; all others are of files. */
const KNOWN = /^(DMA_BUF_SET_NAME|DMA_BUF_IOCTL_(EX|IM)PORT_SYNC_FILE|SYNC_IOC_)/;
/** Poll of a sync file. */
const SYNC_FILE = /^sync file/;

/** @param {Step} step @returns {string | null} what is missing for it */
function missingFor({ call, args }) {
  if (call === 'ioctl') {
    const known = KNOWN.test(String(args.cmd));
    const renames = String(args.cmd).startsWith('DMA_BUF_SET_NAME');
    const readable = args['pointer'] === undefined || !renames;
    return known && readable ? null : `files (ioctl ${args.cmd})`;
  }
  if (SYNC_FILE.test(String(args['file']))) return null;
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
