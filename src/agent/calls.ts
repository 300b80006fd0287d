// SPDX-License-Identifier: MIT
/**
 * agent/calls — one agent has another one do something, and waits for the answer; a lock of the caller may go along.
 *
 *    caller                          target                          reaper, of the caller │ of the target
 *    message, IDLE → POSTED, note
 *                                    POSTED → RUNNING, the handler        POSTED → IDLE    │ POSTED → LOST
 *    gives up: POSTED → IDLE                                                               │
 *    gives up: RUNNING → ABANDONED   RUNNING → DONE, ring              RUNNING → ABANDONED │ RUNNING → LOST
 *    answer, DONE → IDLE             ABANDONED → IDLE, (undo)                              │ ABANDONED → IDLE
 *
 * Calls run on the event loop of the target, never inside a blocking call of its thread: what blocks there has not asked for
 * other code to run. Who waits for it may find out that it never will (see call-wait), and in any case gives up in time.
 *
 * Invariants  I18 a lock that goes along is never free while its callback runs: what is ABANDONED has its lock passed to the
 *             target (`handOver`, one CAS on the lock's word, by whoever needs it first), which unlocks it at the end.
 *             A record leaves ABANDONED after that, and before the target unlocks: a late hand-over finds nothing to hand over,
 *             and none meets a lock that the caller has taken anew.
 *             I19 a callback makes no call: calls have depth one, and no circle of them can form.
 * Pairs       P8 POSTED, then the target's slot ↔ its slot LEAVING or DEAD, then all records.
 *             P12 POSTED or ABANDONED, inbox, ring ↔ inbox taken, then the records.
 * Lock order  nothing is taken; handlers take what they need, as tasks of the target.
 */

import type { Agent } from './agent.js';
import { Answering } from './answering.js';
import type { Asked } from './asked.js';
import { Asking } from './asking.js';
import type { Borrowed, Handler, LockPort, Request } from './call.js';
import { CallReaper } from './call-reaper.js';
import { CallRows, type Message } from './call-rows.js';
import { calledRow } from './call-wait.js';
import { tagSlot } from './reaper.js';
import type { Operation } from './wait.js';

export class Calls<B extends Borrowed = Borrowed> {
  readonly #rows: CallRows;
  readonly #asking: Asking;
  readonly #answering: Answering<B>;

  constructor(agent: Agent, locks: LockPort<B>) {
    const rows = new CallRows(agent.arena);
    this.#rows = rows;
    this.#asking = new Asking(agent, rows, locks);
    this.#answering = new Answering(agent, rows, locks);
    const reaper = new CallReaper(agent.slots, rows, locks);
    agent.onNote((everything) => this.#answering.serve(everything));
    agent.reapers.register('calls', (slot, tag) => reaper.reap(slot, tag));
  }

  /** @throws what the handler threw · EOWNERDEAD the target has gone · ETIMEDOUT it does not turn · EDEADLK · the interrupt's error */
  *ask<T>(request: Request, read: (message: Message) => T): Operation<T> {
    return yield* this.#asking.answer(yield* this.#asking.open(request, read));
  }

  /** The first half of `ask`. @throws ETIMEDOUT no record becomes free · EDEADLK · ENOLCK · the interrupt's error */
  open<T>(request: Request, read: (message: Message) => T): Operation<Asked<T>> {
    return this.#asking.open(request, read);
  }

  /** The same at once, for a call without a lock. @returns null when no record is free */
  tryOpen<T>(request: Request, read: (message: Message) => T): Asked<T> | null {
    return this.#asking.tryOpen(request, read);
  }

  /** The second half of `ask`. */
  answer<T>(asked: Asked<T>): Operation<T> {
    return this.#asking.answer(asked);
  }

  /** Slot of the agent whose answer an object of kind `agent` stands for; -1 = it is no call. */
  targetOf(object: number): number {
    const row = calledRow(object);
    return row < 0 ? -1 : tagSlot(this.#rows.word(row, 'target'));
  }

  /** What this agent does when it is asked for this. */
  handle(kind: number, handler: Handler<B>): void {
    this.#answering.handle(kind, handler);
  }
}
