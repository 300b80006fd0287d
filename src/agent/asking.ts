// SPDX-License-Identifier: MIT
/**
 * agent/asking — the caller's side of calls: which record each one takes, and when; see calls.
 *
 * A lock goes along with one call at a time. A target that does not answer keeps the records of its calls: half of them at most,
 * and none of the last one, which is for calls with a lock.
 */

import { fail } from '../errors.js';
import type { Agent } from './agent.js';
import { Asked } from './asked.js';
import type { Borrowed, LockPort, Request } from './call.js';
import { type CallRows, type Message, phaseOfCall } from './call-rows.js';
import { CallWait, callKey } from './call-wait.js';
import { CallPhase } from './layout.js';
import { RecordWait } from './record-wait.js';
import type { Operation } from './wait.js';

export class Asking {
  readonly #rows: CallRows;
  /** This agent's records, and those of them for calls without a lock. */
  readonly #own: readonly number[];
  readonly #common: readonly number[];
  /** Calls without a lock that one target may have under way. */
  readonly #most: number;
  /** Records of this agent, and the calls that use them. */
  readonly #busy = new Map<number, Asked<unknown>>();

  constructor(
    readonly agent: Agent,
    rows: CallRows,
    readonly locks: LockPort<Borrowed>,
  ) {
    this.#rows = rows;
    const first = agent.slot * rows.each;
    this.#own = Array.from({ length: rows.each }, (_, i) => first + i);
    this.#most = Math.max(1, Math.floor(rows.each / 2));
    this.#common = rows.each > 1 ? this.#own.slice(0, -1) : this.#own;
  }

  /** Posts a call, for `answer` to wait for. @throws ETIMEDOUT no record becomes free · EDEADLK · ENOLCK · the interrupt's error */
  *open<T>(request: Request, read: (message: Message) => T): Operation<Asked<T>> {
    const { op, at, lock } = request;
    if (this.agent.callbacks > 0) {
      const why = 'a callback of an exporter may not call another agent';
      throw fail('EDEADLK', op, at, { why });
    }
    const row = yield* this.#freeRecord(request);
    if (lock !== null && !lock.held) {
      throw fail('ENOLCK', op, at, { why: 'the lock was released before the exporter was called' });
    }
    return this.#post(row, request, read);
  }

  /** Posts a call now, without a lock. @returns null when no record is free */
  tryOpen<T>(request: Request, read: (message: Message) => T): Asked<T> | null {
    const row = this.agent.callbacks > 0 ? undefined : this.#find(this.#common, request);
    return row === undefined ? null : this.#post(row, request, read);
  }

  #post<T>(row: number, request: Request, read: (message: Message) => T): Asked<T> {
    const asked = new Asked(this.agent, this.#rows, this.locks, row, request, read);
    this.#busy.set(row, asked);
    try {
      asked.post();
    } catch (error) {
      this.#over(asked);
      throw error;
    }
    return asked;
  }

  #over(asked: Asked<unknown>): void {
    const { agent } = this;
    const { row } = asked;
    asked.end();
    if (this.#busy.get(row) === asked) this.#busy.delete(row);
    agent.ring(agent.slot, callKey(row));
  }

  /** @throws what the handler threw · EOWNERDEAD the target has gone · ETIMEDOUT it does not turn · EDEADLK · the interrupt's error */
  *answer<T>(asked: Asked<T>): Operation<T> {
    try {
      return yield* this.#answered(asked);
    } finally {
      this.#over(asked);
    }
  }

  *#answered<T>(asked: Asked<T>): Operation<T> {
    const { op, at } = asked.request;
    const wait = new CallWait(this.agent, this.#rows, asked, this.locks.holderOf);
    try {
      const interrupt = yield wait;
      if (interrupt !== null && asked.giveUp()) throw interrupt.error(op, at);
    } catch (error) {
      asked.giveUp();
      throw error;
    }
    // What cannot be given up any more has been answered.
    if (asked.failed === null || !asked.giveUp()) asked.collect();
    return asked.result();
  }

  /** Until a record is free, and nothing is under way that has to be over first. */
  *#freeRecord(request: Request): Operation<number> {
    const { op, at, patience } = request;
    // Others may wait for the very lock that goes along with a call: it finds a record, whatever they take.
    const own = request.lock === null ? this.#common : this.#own;
    const free = this.#find(own, request);
    if (free !== undefined) return free;
    // What has the lock comes first: whom this waits for is read from there (see call-wait).
    const lending = this.#lending(request);
    const rows = lending === undefined ? own : [lending, ...own.filter((row) => row !== lending)];
    const wait = new RecordWait(
      this.agent,
      rows.map(callKey),
      () => this.#find(own, request) !== undefined,
      () => own.reduce((sum, row) => sum + this.#rows.state(row), 0),
      patience,
    );
    for (;;) {
      const row = this.#find(own, request);
      if (row !== undefined) return row;
      const interrupt = yield wait;
      if (interrupt !== null) throw interrupt.error(op, at);
      if (!wait.late) continue;
      const why = `other calls of this thread have not been answered for ${patience} ms`;
      throw fail('ETIMEDOUT', op, at, { why });
    }
  }

  #find(own: readonly number[], request: Request): number | undefined {
    if (this.#lending(request) !== undefined) return undefined;
    const isFree = (row: number): boolean =>
      this.#busy.get(row)?.collect() ?? phaseOfCall(this.#rows.state(row)) === CallPhase.IDLE;
    // One target that does not answer must not take the records that others need.
    const taken = this.#own.filter(
      (row) => this.#rows.word(row, 'target') === request.target && !isFree(row),
    );
    const most = request.lock === null ? this.#most : this.#most + 1;
    return taken.length < most ? own.find(isFree) : undefined;
  }

  /** Record of the call that the same lock has gone along with, and has not come back from. */
  #lending({ lock }: Request): number | undefined {
    if (lock === null) return undefined;
    for (const [row, asked] of this.#busy) if (asked.lock === lock.row && asked.lends) return row;
    return undefined;
  }
}
