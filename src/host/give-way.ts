import { functions } from './linux/library.js';

const calls = functions<{ schedYield: () => void }>({ schedYield: 'int sched_yield()' });

/** Gives the core away; null when this thread cannot. */
export function giveWay(): (() => void) | null {
  try {
    return calls().schedYield;
  } catch {
    return null;
  }
}
