// SPDX-License-Identifier: MIT
/** The plain ways to wait for a shared counter: until it is no longer `seen`. Whoever raises it notifies. */

export function waitPast(words, index, seen) {
  while (Atomics.load(words, index) === seen) Atomics.wait(words, index, seen);
}

export async function waitPastAsync(words, index, seen) {
  while (Atomics.load(words, index) === seen) {
    const wait = Atomics.waitAsync(words, index, seen);
    if (wait.async) await wait.value;
  }
}
