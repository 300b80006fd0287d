// SPDX-License-Identifier: MIT
/**
 * What waiting for a shared counter can come down to: look a few times, give the core away a few
 * times, and only then sleep, having said so: whoever raises the counter wakes a sleeper only.
 */
import { libc } from '../lib/libc.mjs';

const LOOKS = 100;
const YIELDS = 30;
const YIELDS_BETWEEN_TURNS = 20;
const TURNS = 10; // of the event loop

/**
 * @param sleep  sleep(index, seen) blocks until woken, unless the word is no longer `seen`: it has to
 *               compare itself, or it would miss what was sent between the look and the sleep
 */
export function yieldPast(words, index, seen, sleeps, sleep) {
  for (let turn = 0; Atomics.load(words, index) === seen; turn++) {
    if (turn < LOOKS) continue;
    if (turn < LOOKS + YIELDS) {
      libc.schedYield();
      continue;
    }
    Atomics.store(words, sleeps, 1);
    sleep(index, seen);
    Atomics.store(words, sleeps, 0);
  }
}

/**
 * The same for an event loop, until the counter has reached `goal`; resolves with it.
 * @param sleep  sleep(index, seen) says that it sleeps, compares, and resolves when woken
 */
export async function yieldUntil(words, index, goal, sleep) {
  for (let turn = 0; ; turn++) {
    const seen = Atomics.load(words, index);
    if (seen - goal >= 0) return seen;
    if (turn < LOOKS) continue;
    if (turn < LOOKS + YIELDS_BETWEEN_TURNS) {
      libc.schedYield();
    } else if (turn < LOOKS + YIELDS_BETWEEN_TURNS + TURNS) {
      await new Promise(setImmediate);
    } else {
      await sleep(index, seen);
    }
  }
}
