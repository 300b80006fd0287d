// SPDX-License-Identifier: MIT
/**
 * agent/asked — one call on its caller's side: posted, then answered or given up; see calls.
 *
 * Whoever of this agent looks first takes the answer, and with it the lock comes back and the record is free: also while the task
 * that made the call cannot run, because its thread blocks in another one.
 *
 * Pairs  P8, P12 see calls.  P13 see lingering.
 */

import { type DmaBufError, fail, unpackError } from '../errors.js';
import { load, or } from '../mem/index.js';
import type { Agent } from './agent.js';
import type { Borrowed, LockPort, Request } from './call.js';
import { type CallRows, type Message, phaseOfCall } from './call-rows.js';
import { type CallUnderWay, callKey } from './call-wait.js';
import { CallPhase, SlotLayout } from './layout.js';
import { tagSlot } from './reaper.js';

/** What came of it. */
type Outcome<T> = { readonly value: T } | { readonly error: unknown };

/** Why it ended without an answer. */
export type Failure = 'silent' | 'deadlock' | 'released';

export class Asked<T> implements CallUnderWay {
  failed: Failure | null = null;
  readonly target: number;
  readonly lock: number;
  readonly patience: number;
  readonly #serial: number;
  #outcome: Outcome<T> | null = null;
  #lent = false;

  constructor(
    readonly agent: Agent,
    readonly rows: CallRows,
    readonly locks: LockPort<Borrowed>,
    /** IDLE, and nobody else's. */
    readonly row: number,
    readonly request: Request,
    readonly read: (message: Message) => T,
  ) {
    this.target = tagSlot(request.target);
    this.lock = request.lock?.row ?? -1;
    this.patience = request.patience;
    this.#serial = rows.state(row) & ~7;
  }

  post(): void {
    const { agent, rows, row, request } = this;
    const { target, lock } = request;
    rows.setWord(row, 'target', target);
    rows.setWord(row, 'kind', request.kind);
    rows.setWord(row, 'lockRow', lock?.row ?? 0);
    rows.setWord(row, 'lockTag', lock?.tag ?? 0);
    rows.setWord(row, 'ping', 1);
    rows.setWord(row, 'pong', 0);
    request.write(rows.message(row));
    if (lock !== null) {
      this.#lent = true;
      lock.begin(() => {
        if (!this.giveUp()) {
          this.collect();
          return;
        }
        this.failed = 'released';
        this.end();
        agent.ring(agent.slot, callKey(row));
      });
    }
    rows.move(row, this.#serial, CallPhase.POSTED);
    this.knock(); // P12
    if (!agent.serves(target)) rows.move(row, this.#serial | CallPhase.POSTED, CallPhase.LOST); // P8
  }

  /** Its lock is with the target. */
  get lends(): boolean {
    return this.#lent && !this.collect();
  }

  /** Takes the answer, if it is there. @returns whether the record is free of this call */
  collect(): boolean {
    if (this.#outcome !== null) return true;
    if (this.failed === 'released') return false;
    const { rows, row } = this;
    const state = rows.state(row);
    const phase = phaseOfCall(state);
    if (phase !== CallPhase.DONE && phase !== CallPhase.LOST) return false;
    this.#outcome = this.#answer(phase);
    rows.move(row, state, CallPhase.IDLE);
    this.end();
    return true;
  }

  #answer(phase: number): Outcome<T> {
    const { rows, row, request } = this;
    const { op, at } = request;
    if (phase === CallPhase.LOST) {
      const why = 'the agent that exported the buffer has gone';
      return { error: fail('EOWNERDEAD', op, at, { why }) };
    }
    const number = rows.word(row, 'error');
    const message = rows.message(row);
    if (number !== 0) return { error: unpackError(op, { number, text: message.text() }) };
    return { value: this.read(message) };
  }

  /** @throws what the handler threw · EOWNERDEAD · why it failed */
  result(): T {
    if (this.#outcome === null) throw this.#refusal();
    if ('error' in this.#outcome) throw this.#outcome.error;
    return this.#outcome.value;
  }

  /** @returns false when the call is over already */
  giveUp(): boolean {
    if (this.failed === 'released') return true;
    const { rows, row, locks } = this;
    const { target, lock } = this.request;
    if (this.#outcome !== null) return false;
    if (rows.move(row, this.#serial | CallPhase.POSTED, CallPhase.IDLE)) return true;
    if (!rows.move(row, this.#serial | CallPhase.RUNNING, CallPhase.ABANDONED)) return false;
    if (lock !== null) locks.handOver(lock.row, lock.tag, tagSlot(target), false); // I18
    this.knock(); // P12
    return true;
  }

  /** The lock is this agent's again, unless it was passed on. */
  end(): void {
    if (!this.#lent) return;
    this.#lent = false;
    this.request.lock?.end();
  }

  /** Makes the target look. */
  knock(): void {
    const { slots, arena, slot } = this.agent;
    or(arena.words, slots.at(this.target) + SlotLayout.at.inbox, 1 << (slot & 31));
    const looking = load(arena.words, slots.at(this.target) + SlotLayout.at.looking) !== 0; // P13
    if (!looking) this.agent.note(this.target);
  }

  #refusal(): DmaBufError {
    const { op, at, patience } = this.request;
    if (this.failed === 'deadlock') {
      const why = 'the thread of the exporter is blocked in a call that waits for this one';
      return fail('EDEADLK', op, at, { why });
    }
    if (this.failed === 'released') {
      return fail('ENOLCK', op, at, { why: 'the lock was released while the exporter was called' });
    }
    const why = `the agent that exported the buffer has not answered for ${patience} ms: its event loop does not turn`;
    return fail('ETIMEDOUT', op, at, { why });
  }
}
