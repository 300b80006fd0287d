// SPDX-License-Identifier: MIT
/**
 * domain/loss — what an agent's recovery has written into the slot that it lived in.
 */

import { SlotState, type Slots } from '../agent/index.js';

/** What was taken care of. */
export interface Loss {
  readonly locks: number;
  readonly fences: number;
  readonly buffers: number;
}

export const NO_LOSS: Loss = { locks: 0, fences: 0, buffers: 0 };

/** Of that life of the slot, which is over; null: somebody else has lived and ended there since, and has written over it. */
export function lossOf(
  slots: Slots,
  slot: number,
  incarnation: number,
): { readonly clean: boolean; readonly loss: Loss } | null {
  const word = (field: Parameters<Slots['word']>[1]): number => slots.word(slot, field);
  const clean = word('lostClean') === 1;
  const loss = {
    locks: word('lostLocks'),
    fences: word('lostFences'),
    buffers: word('lostBuffers'),
  };
  const known = word('lostLife') === incarnation;
  // Looked at last: who ends says so before its recovery writes.
  return known && !isWrittenOver(slots, slot, incarnation) ? { clean, loss } : null;
}

/** Another life of the slot is about to end. */
function isWrittenOver(slots: Slots, slot: number, incarnation: number): boolean {
  const life = slots.life(slot);
  return life >>> 3 !== incarnation && (life & 7) > SlotState.LIVE;
}
