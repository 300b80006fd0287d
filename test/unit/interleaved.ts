// SPDX-License-Identifier: MIT
/** Another thread, in the middle of what this one does: as if it ran between two loads. */
import { expect } from 'vitest';

/** Runs `work`, and `between` after its first load of shared memory that returns `value`. */
export function interleaved<T>(value: number, between: () => void, work: () => T): T {
  const real = Atomics.load;
  let armed = true;
  const load = (words: Int32Array, at: number): number => {
    const seen = real(words, at);
    if (armed && seen === value) {
      armed = false;
      between();
    }
    return seen;
  };
  Object.assign(Atomics, { load });
  try {
    return work();
  } finally {
    Object.assign(Atomics, { load: real });
    expect(armed).toBe(false);
  }
}
