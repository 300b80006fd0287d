// SPDX-License-Identifier: MIT
/**
 * Reference lock on one word of shared memory: 0 free, 1 held, 2 held and somebody sleeps. What one
 * writes by hand; it knows no owner, no death and no second lock.
 */
const LOCK = 0;
const COUNTER = 64;

class Mutex3 {
  #words;
  #sleep;

  constructor(words, sleep) {
    this.#words = words;
    this.#sleep = sleep;
  }

  lock() {
    if (Atomics.compareExchange(this.#words, LOCK, 0, 1) === 0) return;
    while (Atomics.exchange(this.#words, LOCK, 2) !== 0) this.#sleep.wait(LOCK, 2);
  }

  unlock() {
    if (Atomics.exchange(this.#words, LOCK, 0) === 2) this.#sleep.wake(LOCK);
  }
}

/** How threads of one process sleep on a word, and wake one who does. */
export const atomicsSleep = (words) => ({
  wait: (index, seen) => Atomics.wait(words, index, seen),
  wake: (index) => Atomics.notify(words, index, 1),
});

/**
 * What a party of a race needs: the lock, and what it protects.
 * @param sleep  { wait(index, seen), wake(index) }
 */
export function mutexParty(words, sleep) {
  const mutex = new Mutex3(words, sleep);
  const section = (body) => {
    mutex.lock();
    body();
    mutex.unlock();
  };
  return { section, counter: words.subarray(COUNTER, COUNTER + 1) };
}
