// SPDX-License-Identifier: MIT
/**
 * resv/owner-word — what the one word of a ww lock says: who holds it, for which context, and four flags.
 *
 * The flags mean the same whether the lock is held or free. A word that is 0 is free, with nothing to look after.
 */

/** Somebody may wait: whoever releases has to look at the wait rows. */
export const W = 1;
/** A holder died while holding, and nobody has said since that all is well. */
export const D = 2;
/** A waiter lost the race for a free lock: nobody may overtake it again. */
export const H = 4;
/** A waiter may have to die, or to wound: whoever takes the lock for a context has to make it look. */
export const K = 8;
/** The rest: who. */
export const TAG = ~(W | D | H | K);

const SLOT_SHIFT = 4;
const SLOT_MASK = 0x1ff;
const CONTEXT_SHIFT = 13;
const CONTEXT_MASK = 0x3ff;
const GENERATION_SHIFT = 23;
/** Generations of a context that an owner word can tell apart. */
export const GENERATIONS = 0x200;

/** The tag of an agent that holds without a context. */
export function plainTag(slot: number): number {
  return (slot + 1) << SLOT_SHIFT;
}

export function contextTag(slot: number, index: number, generation: number): number {
  return plainTag(slot) | ((index + 1) << CONTEXT_SHIFT) | (generation << GENERATION_SHIFT);
}

/** -1: free. */
export const slotOf = (owner: number): number => ((owner >>> SLOT_SHIFT) & SLOT_MASK) - 1;
/** -1: no context. */
export const indexOf = (owner: number): number => ((owner >>> CONTEXT_SHIFT) & CONTEXT_MASK) - 1;
export const generationOf = (owner: number): number => owner >>> GENERATION_SHIFT;
