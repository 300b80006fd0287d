// SPDX-License-Identifier: MIT
/**
 * host/linux/futex — sleeping on a word of mapped memory until somebody, in whatever process, wakes it.
 *
 * The futexes of the engine's own waiting (`Atomics` knows them) end at the process; these do not. A thread inside of a foreign call
 * cannot be ended and runs no JavaScript, so a sleep is never longer than one slice: whoever waits looks and sleeps again.
 *
 * @source Linux futex(2), FUTEX_WAIT and FUTEX_WAKE, shared
 */

import { functions } from './library.js';

const SYS_FUTEX = process.arch === 'arm64' ? 98 : 202;
const WAIT = 0;
const WAKE = 1;
const EVERYBODY = 0x7fff_ffff;

/** Milliseconds. */
const LONGEST_SLICE = 100;

/** struct timespec; held for good, since the call knows its address only. */
const span = new BigInt64Array(new ArrayBuffer(16));

const calls = functions<{
  futex: (
    nr: number,
    word: bigint,
    operation: number,
    value: number,
    span: BigInt64Array | null,
    word2: number,
    value3: number,
  ) => number;
}>({
  futex:
    'long syscall(long nr, uintptr_t word, int operation, int value, void *span, uintptr_t word2, int value3)',
});

/**
 * Sleeps while that word, of 32 bits, is `expected`. May return before `ms` are over, and for no reason at all.
 * @blocking for at most 100 ms
 */
export function futexWait(word: bigint, expected: number, ms: number): void {
  span[1] = BigInt(Math.ceil(Math.min(Math.max(ms, 0), LONGEST_SLICE) * 1e6));
  calls().futex(SYS_FUTEX, word, WAIT, expected, span, 0, 0);
}

/** Wakes everybody who sleeps on that word. @returns how many did */
export function futexWake(word: bigint): number {
  return calls().futex(SYS_FUTEX, word, WAKE, EVERYBODY, null, 0, 0);
}
