// SPDX-License-Identifier: MIT
/**
 * agent/call-reaper — calls of agents that have died, and to them: see calls.
 */

import type { Borrowed, LockPort } from './call.js';
import { type CallRows, phaseOfCall } from './call-rows.js';
import { CallPhase, SlotState } from './layout.js';
import { tagSlot } from './reaper.js';
import type { Slots } from './slots.js';

export class CallReaper {
  readonly #rows: CallRows;

  constructor(
    readonly slots: Slots,
    rows: CallRows,
    readonly locks: LockPort<Borrowed>,
  ) {
    this.#rows = rows;
  }

  /** @returns how many calls the agent had under way */
  reap(slot: number, tag: number): number {
    const rows = this.#rows;
    const died = this.slots.state(slot) === SlotState.DEAD;
    let count = 0;
    for (let row = slot * rows.each; row < (slot + 1) * rows.each; row++) {
      if (phaseOfCall(rows.state(row)) !== CallPhase.IDLE) count++;
      this.#reapCall(row, died);
    }
    for (let row = 0, end = this.slots.used * rows.each; row < end; row++) {
      this.#reapTarget(row, slot, tag);
    }
    return count;
  }

  /** Its caller has died. */
  #reapCall(row: number, died: boolean): void {
    const rows = this.#rows;
    for (;;) {
      const state = rows.state(row);
      const phase = phaseOfCall(state);
      if (phase === CallPhase.IDLE) return;
      if (phase === CallPhase.ABANDONED) {
        const [lock, tag] = [rows.word(row, 'lockRow'), rows.word(row, 'lockTag')];
        const target = rows.word(row, 'target');
        // A state that has moved on has had its lock passed on already.
        if (tag !== 0 && rows.state(row) === state)
          this.locks.handOver(lock, tag, tagSlot(target), died); // I18
        return;
      }
      rows.move(row, state, phase === CallPhase.RUNNING ? CallPhase.ABANDONED : CallPhase.IDLE);
    }
  }

  /** Its target has died. */
  #reapTarget(row: number, slot: number, target: number): void {
    const rows = this.#rows;
    for (;;) {
      const state = rows.state(row);
      const phase = phaseOfCall(state);
      if (rows.word(row, 'target') !== target) return; // after the state: it does not change under one state
      if (phase === CallPhase.POSTED || phase === CallPhase.RUNNING) {
        if (rows.move(row, state, CallPhase.LOST)) return;
        continue;
      }
      if (phase !== CallPhase.ABANDONED) return;
      const tag = rows.word(row, 'lockTag');
      if (tag !== 0) this.locks.handOver(rows.word(row, 'lockRow'), tag, slot, true); // I18
      rows.move(row, state, CallPhase.IDLE);
    }
  }
}
