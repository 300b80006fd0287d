// SPDX-License-Identifier: MIT
/**
 * Reference lock on one word of shared memory: 0 free, 1 held, 2 held and somebody sleeps. What one
 * writes by hand; it knows no owner, no death and no second lock.
 */
export class Mutex3 {
  #words;
  #at;

  constructor(words, at) {
    this.#words = words;
    this.#at = at;
  }

  lock() {
    if (Atomics.compareExchange(this.#words, this.#at, 0, 1) === 0) return;
    while (Atomics.exchange(this.#words, this.#at, 2) !== 0) {
      Atomics.wait(this.#words, this.#at, 2);
    }
  }

  unlock() {
    if (Atomics.exchange(this.#words, this.#at, 0) === 2) Atomics.notify(this.#words, this.#at, 1);
  }
}
