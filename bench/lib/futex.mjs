// SPDX-License-Identifier: MIT
/** The system's own wait and wake for a word of memory, which works from process to process. */
import { libc } from './libc.mjs';

const FUTEX_WAIT = 0;
const FUTEX_WAKE = 1;
const WORD = 4;

/**
 * Futexes on the 32-bit words of a mapping that begins at `address`.
 * @blocking wait() until woken, or at once when the word is not `seen`; may return for no reason
 */
export const futexAt = (address) => ({
  wait: (index, seen) => libc.futex(address + WORD * index, FUTEX_WAIT, seen),
  /** Of those who wait for that word, one. */
  wake: (index) => libc.futex(address + WORD * index, FUTEX_WAKE, 1),
});
