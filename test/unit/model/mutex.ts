// SPDX-License-Identifier: MIT
/** A three-state mutex (0 free, 1 held, 2 held and somebody waits) under a counter: the subject of the engine's own tests. */

import type { Model } from '../../model/engine/types.js';

export const words = new Int32Array(new SharedArrayBuffer(64));
const LOCK = 0;
const COUNTER = 1;

/** What may be wrong with it. */
export interface Flaws {
  /** A woken waiter takes the lock as if nobody else waited. */
  readonly forgets?: boolean;
}

function lock({ forgets = false }: Flaws): void {
  let seen = Atomics.compareExchange(words, LOCK, 0, 1);
  while (seen !== 0) {
    if (seen === 2 || Atomics.compareExchange(words, LOCK, 1, 2) !== 0)
      Atomics.wait(words, LOCK, 2);
    seen = Atomics.compareExchange(words, LOCK, 0, forgets ? 1 : 2);
  }
}

function unlock(): void {
  if (Atomics.sub(words, LOCK, 1) === 1) return;
  Atomics.store(words, LOCK, 0);
  Atomics.notify(words, LOCK, 1);
}

export function mutex(threads: number, flaws: Flaws = {}): Model<Int32Array> {
  const increment = (): void => {
    lock(flaws);
    Atomics.store(words, COUNTER, Atomics.load(words, COUNTER) + 1);
    unlock();
  };
  return {
    name: 'mutex',
    threads: Array.from({ length: threads }, (_, id) => ({ name: `thread ${id}`, run: increment })),
    reset: () => words.fill(0),
    word: (_array, index) => ['lock', 'counter'][index] ?? '?',
    check: (world) => (world[COUNTER] === threads ? null : `counter ${world[COUNTER]}`),
  };
}
