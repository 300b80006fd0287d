// SPDX-License-Identifier: MIT
/** Bytes of JavaScript heap that an operation leaves behind. */

const OPERATIONS = 100_000;
const WINDOWS = 9;

/**
 * For code that is warm. Needs `--expose-gc` and a young generation that holds what all the
 * operations might allocate: a collection in between would hide it.
 *
 * Now and then the engine counts a page as used on which nothing is yet: the smallest window is the
 * one without it, and garbage is in every window.
 */
export function bytesPerOperation(run) {
  let least = Infinity;
  for (let k = 0; k < WINDOWS; k++) {
    globalThis.gc();
    const before = process.memoryUsage().heapUsed;
    run(OPERATIONS);
    least = Math.min(least, process.memoryUsage().heapUsed - before);
  }
  return least / OPERATIONS;
}
