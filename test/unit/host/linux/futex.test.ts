// SPDX-License-Identifier: MIT
/** Sleeping on a word of mapped memory. */
import { expect, it } from 'vitest';
import { futexWait, futexWake } from '../../../../src/host/linux/futex.js';
import { addressOf, mapShared } from '../../../../src/host/linux/mapped-memory.js';
import { createMemoryFile } from '../../../../src/host/linux/memory-file.js';
import { leavesNoDescriptor, own, start, turn } from './rig.js';

leavesNoDescriptor();

const BYTES = 65_536;

function memory(): { readonly fd: number; readonly words: Int32Array; readonly at: bigint } {
  const fd = own(createMemoryFile('test', BYTES));
  const mapped = mapShared('test', fd, BYTES);
  return { fd, words: new Int32Array(mapped), at: addressOf(mapped) };
}

it('a process that sleeps is woken by another one', async () => {
  const { fd, words, at } = memory();
  const sleeper = start('sleep', { descriptors: [fd] });
  // Exactly one sleeps there, sooner or later, and not on the word beside it.
  while (futexWake(at + 4n) === 0) {
    expect(futexWake(at)).toBe(0);
    await turn();
  }
  expect(words[2]).toBe(0);
  Atomics.store(words, 1, 1);
  futexWake(at + 4n);
  expect((await sleeper.end).how).toBe(0);
  expect(words[2]).toBe(1);
});

it('nobody sleeps when the word has changed, whatever it is now', () => {
  const { words, at } = memory();
  for (const [now, expected] of [
    [1, 0],
    [-1, 1],
    [0x7fff_ffff, -0x8000_0000],
  ] as const) {
    Atomics.store(words, 3, now);
    const before = performance.now();
    for (let n = 0; n < 20; n++) futexWait(at + 12n, expected, 100);
    expect(performance.now() - before).toBeLessThan(20 * 100);
  }
});

it('a sleep is never longer than a slice, and not shorter than it was asked for unless woken', () => {
  const { words, at } = memory();
  for (const value of [0, -5]) {
    Atomics.store(words, 0, value);
    for (const [ms, least] of [
      [Infinity, 100],
      [1e12, 100],
      [5, 5],
      [0, 0],
      [-1, 0],
    ] as const) {
      const before = performance.now();
      futexWait(at, value, ms);
      // The clock that measures is not the clock that wakes.
      expect(performance.now() - before).toBeGreaterThanOrEqual(least - 1);
    }
  }
});

it('waking where nobody sleeps wakes nobody', () => {
  expect(futexWake(memory().at)).toBe(0);
});
