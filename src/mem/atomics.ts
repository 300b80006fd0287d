// SPDX-License-Identifier: MIT
/**
 * mem/atomics — the one place that says Atomics.
 *
 * Every access to shared control memory goes through these functions, so that all interleavings can be explored by replacing
 * the global `Atomics` and every access counts as one step. They are sequentially consistent. `Atomics` is looked up at each
 * call on purpose; the optimizing compiler inlines the wrapper and folds the look-up.
 */

/** 32-bit shared control memory. */
export type Words = Int32Array;

export function load(words: Words, index: number): number {
  return Atomics.load(words, index);
}

export function store(words: Words, index: number, value: number): void {
  Atomics.store(words, index, value);
}

/** @returns the value before; equal to `expected` means it was replaced. */
export function cas(words: Words, index: number, expected: number, value: number): number {
  return Atomics.compareExchange(words, index, expected, value);
}

export function exchange(words: Words, index: number, value: number): number {
  return Atomics.exchange(words, index, value);
}

/** @returns the value before. */
export function add(words: Words, index: number, value: number): number {
  return Atomics.add(words, index, value);
}

export function or(words: Words, index: number, bits: number): number {
  return Atomics.or(words, index, bits);
}

export function and(words: Words, index: number, bits: number): number {
  return Atomics.and(words, index, bits);
}

/** Lets the word grow to `least`; it never shrinks. */
export function raise(words: Words, index: number, least: number): void {
  for (let now = load(words, index); now < least; now = load(words, index)) {
    cas(words, index, now, least);
  }
}

/** Blocks the thread while the word has `value`, at most `ms`. */
export function block(words: Words, index: number, value: number, ms: number): void {
  Atomics.wait(words, index, value, ms);
}

/** Wakes every waiter: waking one could be swallowed by a waiter that has given up. */
export function notify(words: Words, index: number): void {
  Atomics.notify(words, index);
}

/** @returns a promise that settles on notify or after `ms`, or null when the word already differs. */
export function waitAsync(
  words: Words,
  index: number,
  value: number,
  ms: number,
): Promise<unknown> | null {
  const result = Atomics.waitAsync(words, index, value, ms);
  return result.async ? result.value : null;
}

/** Takes `count` numbers from a 64-bit counter. @returns the first, as a safe integer. */
export function take64(counters: BigInt64Array, index: number, count = 1): number {
  return Number(Atomics.add(counters, index, BigInt(count)));
}

export function load64(counters: BigInt64Array, index: number): number {
  return Number(Atomics.load(counters, index));
}

/** Can this platform wait without blocking? */
export function canWaitAsync(): boolean {
  return typeof (Atomics as { waitAsync?: unknown }).waitAsync === 'function';
}
