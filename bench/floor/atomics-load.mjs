// SPDX-License-Identifier: MIT
/** Reference for a check: load a counter and compare; several counters in turn, as the fences of a row. */
import { sink } from '../lib/sink.mjs';

const STRIDE = 16;

/** @param count  a power of two */
export function atomicsLoad(count) {
  const words = new Int32Array(new SharedArrayBuffer(4 * STRIDE * count));
  return {
    run(n) {
      let reached = 0;
      for (let i = 0; i < n; i++) {
        if (Atomics.load(words, (i & (count - 1)) * STRIDE) - 1 >= 0) reached++;
      }
      sink.number += reached;
    },
  };
}
