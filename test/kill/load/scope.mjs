// SPDX-License-Identifier: MIT
// @ts-check
/** What `using` does, where there is no such word: runs `work`, then closes what it owned, last first, however it ended. */

/**
 * @template R
 * @param {(own: <T extends Disposable>(handle: T) => T) => Promise<R>} work
 * @returns {Promise<R>}
 */
export async function scoped(work) {
  /** @type {Disposable[]} */
  const owned = [];
  try {
    return await work((handle) => {
      owned.push(handle);
      return handle;
    });
  } finally {
    for (const handle of owned.toReversed()) handle[Symbol.dispose]();
  }
}
