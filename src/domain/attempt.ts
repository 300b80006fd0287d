// SPDX-License-Identifier: MIT
/**
 * domain/attempt — calls that return a promise never throw.
 */

/** What a promise-returning call throws at once, it rejects with. */
export async function attempt<T>(call: () => T | Promise<T>): Promise<T> {
  return call();
}
