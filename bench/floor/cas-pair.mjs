// SPDX-License-Identifier: MIT
/** Reference for an uncontended lock: one compare-and-swap to take it, one store to give it back. */
const STRIDE = 16; // each lock on a cache line of its own

/** The interleave side that takes and releases `count` locks, all of them held at once, per operation. */
export function casPairs(count) {
  const words = new Int32Array(new SharedArrayBuffer(4 * STRIDE * count));
  return {
    run(n) {
      for (let i = 0; i < n; i++) {
        for (let k = 0; k < count; k++) {
          if (Atomics.compareExchange(words, k * STRIDE, 0, 1) !== 0) throw new Error('not free');
        }
        for (let k = 0; k < count; k++) Atomics.store(words, k * STRIDE, 0);
      }
    },
  };
}

/** The same for one lock, without the loops. */
export function casPair() {
  const words = new Int32Array(new SharedArrayBuffer(4 * STRIDE));
  return {
    run(n) {
      for (let i = 0; i < n; i++) {
        if (Atomics.compareExchange(words, 0, 0, 1) !== 0) throw new Error('not free');
        Atomics.store(words, 0, 0);
      }
    },
  };
}
