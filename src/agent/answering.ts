// SPDX-License-Identifier: MIT
/**
 * agent/answering — the target's side of a call: see calls.
 *
 * Pairs  P12 see calls.  P1 see rows.
 */

import { DmaBufError, fail, packError } from '../errors.js';
import { exchange } from '../mem/index.js';
import type { Agent } from './agent.js';
import type { Answer, Borrowed, Handler, LockPort } from './call.js';
import { type CallRows, phaseOfCall } from './call-rows.js';
import { callKey } from './call-wait.js';
import { CallPhase, SlotLayout } from './layout.js';
import { Lingering } from './lingering.js';
import { ownerTag } from './reaper.js';
import { Running } from './running-call.js';
import type { Operation } from './wait.js';

export class Answering<B extends Borrowed> {
  readonly #rows: CallRows;
  readonly #handlers = new Map<number, Handler<B>>();
  /** Calls of others that run here. */
  readonly #running = new Map<number, Running<B>>();
  #postponed = false;
  readonly #lingering: Lingering;

  constructor(
    readonly agent: Agent,
    rows: CallRows,
    readonly locks: LockPort<B>,
  ) {
    this.#rows = rows;
    this.#lingering = new Lingering(agent, () => this.serve(false));
  }

  /** What this agent does when it is asked for this. */
  handle(kind: number, handler: Handler<B>): void {
    this.#handlers.set(kind, handler);
  }

  /** Looks for calls of others, and for those that nobody wants any more. `everything`: whoever posted them may have died. */
  serve(everything: boolean): void {
    const { agent } = this;
    if (!agent.occupied) {
      this.#look(everything);
      return;
    }
    if (this.#postponed) return;
    this.#postponed = true;
    agent.unoccupied(() => {
      this.#postponed = false;
      this.#look(true);
    });
  }

  #look(everything: boolean): void {
    const { agent } = this;
    const { slots, slot } = agent;
    const inbox = exchange(agent.arena.words, slots.at(slot) + SlotLayout.at.inbox, 0); // P12
    if (inbox === 0 && !everything) return;
    for (let other = 0, used = slots.used; other < used; other++) {
      if (everything || (inbox & (1 << (other & 31))) !== 0) this.#serveOf(other);
    }
  }

  #serveOf(other: number): void {
    const rows = this.#rows;
    const first = other * rows.each;
    for (let row = first; row < first + rows.each; row++) {
      const state = rows.state(row);
      const phase = phaseOfCall(state);
      if (phase === CallPhase.IDLE || rows.word(row, 'target') !== this.agent.tag) continue;
      if (phase === CallPhase.POSTED) this.#start(row, state, other);
      else if (phase === CallPhase.RUNNING) rows.setWord(row, 'pong', rows.word(row, 'ping'));
      else if (phase === CallPhase.ABANDONED) this.#running.get(row)?.abandon();
    }
  }

  #start(row: number, posted: number, other: number): void {
    const rows = this.#rows;
    const { agent } = this;
    // Before the call is taken: as long as it is POSTED its caller has not been recovered.
    const caller = ownerTag(other, agent.slots.life(other));
    const handler = this.#handlers.get(rows.word(row, 'kind'));
    if (!rows.move(row, posted, CallPhase.RUNNING)) return;
    rows.setWord(row, 'pong', rows.word(row, 'ping'));
    this.#lingering.called();
    const [lock, tag] = [rows.word(row, 'lockRow'), rows.word(row, 'lockTag')];
    const borrowed = tag === 0 ? null : this.locks.borrow(lock, tag);
    const running = new Running(caller, rows.message(row), borrowed);
    this.#running.set(row, running);
    const serial = posted & ~7;
    const execute = this.#execute(row, serial, running, handler);
    void agent.run('Calls.serve', execute, { signal: running });
  }

  *#execute(
    row: number,
    serial: number,
    running: Running<B>,
    handler: Handler<B> | undefined,
  ): Operation<void> {
    const rows = this.#rows;
    const { agent } = this;
    let answer: Answer | null = null;
    let error: DmaBufError | null = null;
    try {
      if (handler === undefined)
        throw fail('ENOTSUP', 'Calls.serve', { kind: rows.word(row, 'kind') });
      answer = yield* handler(running);
    } catch (thrown) {
      error = asError(thrown);
    }
    this.#running.delete(row);
    if (agent.tasks.over !== null) {
      // Leaving: whoever waits here learns that from the state of the slot.
      running.lock?.giveBack();
      return;
    }
    const message = rows.message(row);
    const packed = error === null ? null : packError(error);
    if (packed === null) answer?.write(message);
    else message.putText(packed.text);
    rows.setWord(row, 'error', packed?.number ?? 0);
    const { lock } = running;
    lock?.giveBack();
    const abandoned = !rows.move(row, serial | CallPhase.RUNNING, CallPhase.DONE);
    if (abandoned) {
      lock?.keep(!agent.present(running.caller)); // I18
      // Before it is unlocked: from then on the caller may hold the very lock again, and nobody may pass that on for him.
      rows.move(row, serial | CallPhase.ABANDONED, CallPhase.IDLE);
    }
    const [other, key] = [rows.caller(row), callKey(row)];
    if (abandoned || other === agent.slot || agent.rows.waits(other, key)) agent.ring(other, key); // P1
    if (abandoned) answer?.undo();
    lock?.end(); // last: what was put off until no lock is held runs in there, and may take its time
  }
}

/** What a handler threw, for who called. */
function asError(thrown: unknown): DmaBufError {
  if (DmaBufError.is(thrown)) return thrown;
  return fail('EIO', 'Calls.serve', {}, { cause: thrown });
}
