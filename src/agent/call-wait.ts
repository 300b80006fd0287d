// SPDX-License-Identifier: MIT
/**
 * agent/call-wait — what a caller waits for: that its call has been answered, or cannot be any more.
 *
 * A target that lives answers pings, whatever its callbacks do; it sees to their time limit itself. One that answers no ping for
 * as long as a callback may take is taken for stuck.
 *
 * Pairs  P7 own `blocked` word, then the walk ↔ the same of the other one: of two agents that block on each other one sees it.
 */

import type { Agent } from './agent.js';
import { Alarm } from './alarm.js';
import { type CallRows, phaseOfCall } from './call-rows.js';
import { CallPhase, keyKind, keyRow, objectKey } from './layout.js';
import { ObjectWait } from './object-wait.js';
import { tagSlot } from './reaper.js';
import type { Wait } from './wait.js';

/** Bit that tells the key of a call from those of agents. */
const CALL_KEY = 1 << 28;

/** What the caller of a call is rung for, and waits on. */
export const callKey = (row: number): number => objectKey('agent', CALL_KEY | row);

/** Record of the call that an object of kind `agent` stands for; -1 = it is no call. */
export const calledRow = (object: number): number =>
  (object & CALL_KEY) === 0 ? -1 : object & ~CALL_KEY;

/** Who holds a lock, as far as somebody who waits in vain has to know. */
export type HolderOf = (lock: number) => number;

/** The call that is waited for. */
export interface CallUnderWay {
  readonly row: number;
  /** Slot. */
  readonly target: number;
  /** Row of the lock that goes with the call; -1 = none. */
  readonly lock: number;
  /** Milliseconds without a sign of life. */
  readonly patience: number;
  /** How it ended, if not by an answer. */
  failed: 'silent' | 'deadlock' | 'released' | null;
  /** Takes the answer, if it is there. */
  collect(): boolean;
  /** Makes the target look. */
  knock(): void;
}

export class CallWait implements Wait {
  readonly keys: readonly number[];
  /** What makes the target ring. */
  readonly #row: ObjectWait;
  #due: number;
  readonly #alarm: Alarm;

  constructor(
    readonly agent: Agent,
    readonly rows: CallRows,
    readonly call: CallUnderWay,
    readonly holderOf: HolderOf,
  ) {
    this.keys = [callKey(call.row)];
    this.#row = new ObjectWait(agent, this.keys, () => this.ready());
    this.#alarm = new Alarm(agent, callKey(call.row));
    this.#due = agent.platform.now() + call.patience;
  }

  ready(): boolean {
    return this.call.failed !== null || this.call.collect();
  }

  arm(): boolean {
    if (this.#row.arm() || this.#isRefused(true)) return true; // P7
    this.#alarm.set(this.#due);
    return false;
  }

  check(): boolean {
    if (this.ready() || this.#isRefused(false)) return true;
    const { agent, rows, call } = this;
    if (agent.platform.now() < this.#due) return false;
    agent.lookForDead();
    if (this.ready()) return true;
    const ping = rows.word(call.row, 'ping');
    if (rows.word(call.row, 'pong') !== ping) {
      call.failed = 'silent';
      return true;
    }
    rows.setWord(call.row, 'ping', (ping + 1) | 0);
    this.#due = agent.platform.now() + call.patience;
    call.knock();
    this.#alarm.set(this.#due);
    return this.ready();
  }

  disarm(): void {
    this.#alarm.cancel();
    this.#row.disarm();
  }

  #isRefused(first: boolean): boolean {
    if (!this.#isCircle(first)) return false;
    this.call.failed = 'deadlock';
    return true;
  }

  /**
   * Does the target block, because of us? Who waits for a lock does not walk, and may close a circle at any time; a circle of calls
   * alone is seen by whoever closes it, at its first look, and by nobody else: one of them has to go on.
   */
  #isCircle(first: boolean): boolean {
    const { slots, slot } = this.agent;
    // Not a task, whose thread blocks in a call of its own.
    const blocking = slots.word(slot, 'blocked') === this.keys[0];
    let unseen = first;
    let who = this.call.target;
    for (let hops = slots.used; hops > 0; hops--) {
      const key = slots.word(who, 'blocked');
      if (key === 0) return false;
      const row = keyRow(key);
      const kind = keyKind(key);
      if (kind === 'lock') {
        if (row === this.call.lock) return true;
        who = this.holderOf(row);
        unseen = true;
      } else if (kind === 'agent' && calledRow(row) >= 0) {
        // Of a call that is over the target says nothing any more.
        if (phaseOfCall(this.rows.state(calledRow(row))) === CallPhase.IDLE) return false;
        who = tagSlot(this.rows.word(calledRow(row), 'target'));
      } else return false;
      if (who < 0) return false;
      if (who === slot) return blocking && unseen;
    }
    return false;
  }
}
