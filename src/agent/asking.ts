// SPDX-License-Identifier: MIT
/**
 * agent/asking — the caller's side of a call: see calls.
 *
 * Pairs  P8, P12 see calls.
 */

import { type DmaBufError, fail, unpackError } from '../errors.js';
import { load, or } from '../mem/index.js';
import type { Agent } from './agent.js';
import type { Borrowed, LockPort, Request } from './call.js';
import { type CallRows, type Message, phaseOfCall } from './call-rows.js';
import { CallWait, callKey } from './call-wait.js';
import { CallPhase, SlotLayout, SlotState } from './layout.js';
import { ownerTag, tagSlot } from './reaper.js';
import type { Interrupt, Operation, Wait } from './wait.js';

export class Asking {
  readonly #rows: CallRows;
  /** Records of this agent that a call is using. */
  readonly #busy = new Set<number>();

  constructor(
    readonly agent: Agent,
    rows: CallRows,
    readonly locks: LockPort<Borrowed>,
  ) {
    this.#rows = rows;
  }

  /** @throws what the handler threw · EOWNERDEAD the target has gone · ETIMEDOUT it does not turn · EDEADLK · the interrupt's error */
  *ask<T>(request: Request, read: (message: Message) => T): Operation<T> {
    const { agent } = this;
    const { op, at } = request;
    if (agent.callbacks > 0) {
      const why = 'a callback of an exporter may not call another agent';
      throw fail('EDEADLK', op, at, { why });
    }
    const row = yield* this.#freeRecord(op);
    this.#busy.add(row);
    try {
      return yield* this.#asked(row, request, read);
    } finally {
      this.#busy.delete(row);
      agent.ring(agent.slot, callKey(row));
    }
  }

  *#freeRecord(op: string): Operation<number> {
    const rows = this.#rows;
    const first = this.agent.slot * rows.each;
    const own = Array.from({ length: rows.each }, (_, i) => first + i);
    const free = (): number | undefined =>
      own.find((row) => !this.#busy.has(row) && phaseOfCall(rows.state(row)) === CallPhase.IDLE);
    const wait: Wait = {
      keys: own.map(callKey),
      ready: () => free() !== undefined,
      arm: () => free() !== undefined,
      check: () => free() !== undefined,
      disarm() {},
    };
    for (;;) {
      const row = free();
      if (row !== undefined) return row;
      const interrupt = yield wait;
      if (interrupt !== null) throw interrupt.error(op);
    }
  }

  *#asked<T>(row: number, request: Request, read: (message: Message) => T): Operation<T> {
    const rows = this.#rows;
    const idle = rows.state(row);
    const { target, lock, patience } = request;
    rows.setWord(row, 'target', target);
    rows.setWord(row, 'kind', request.kind);
    rows.setWord(row, 'lockRow', lock?.row ?? 0);
    rows.setWord(row, 'lockTag', lock?.tag ?? 0);
    rows.setWord(row, 'ping', 1);
    rows.setWord(row, 'pong', 0);
    request.write(rows.message(row));
    const wait = new CallWait(
      this.agent,
      rows,
      row,
      tagSlot(target),
      lock?.row ?? -1,
      patience,
      this.locks.holderOf,
      () => this.#knock(target),
    );
    const serial = idle & ~7;
    const giveUp = (): boolean => this.#giveUp(row, serial, request);
    lock?.begin(() => {
      if (!giveUp()) return;
      wait.failed = 'released';
      this.agent.ring(this.agent.slot, callKey(row));
    });
    try {
      rows.move(row, idle, CallPhase.POSTED);
      this.#knock(target); // P12
      if (!this.#isServing(target)) rows.move(row, serial | CallPhase.POSTED, CallPhase.LOST); // P8
      let interrupt: Interrupt | null;
      try {
        interrupt = yield wait;
      } catch (error) {
        giveUp();
        throw error;
      }
      if (
        (interrupt !== null || wait.failed !== null) &&
        (wait.failed === 'released' || giveUp())
      ) {
        throw interrupt === null ? refusal(request, wait) : interrupt.error(request.op, request.at);
      }
      return this.#answer(row, serial, request, read);
    } finally {
      lock?.end();
    }
  }

  #answer<T>(row: number, serial: number, request: Request, read: (message: Message) => T): T {
    const rows = this.#rows;
    const { op, at } = request;
    const state = rows.state(row);
    try {
      if (phaseOfCall(state) === CallPhase.LOST) {
        throw fail('EOWNERDEAD', op, at, { why: 'the agent that exported the buffer has gone' });
      }
      const number = rows.word(row, 'error');
      const message = rows.message(row);
      if (number !== 0) throw unpackError(op, { number, text: message.text() });
      return read(message);
    } finally {
      rows.move(row, serial | phaseOfCall(state), CallPhase.IDLE);
    }
  }

  /** @returns false when the call is over already */
  #giveUp(row: number, serial: number, { target, lock }: Request): boolean {
    const rows = this.#rows;
    if (rows.move(row, serial | CallPhase.POSTED, CallPhase.IDLE)) return true;
    if (!rows.move(row, serial | CallPhase.RUNNING, CallPhase.ABANDONED)) return false;
    if (lock !== null) this.locks.handOver(lock.row, lock.tag, tagSlot(target), false); // I18
    this.#knock(target); // P12
    return true;
  }

  #knock(target: number): void {
    const { slots, arena, slot } = this.agent;
    const index = tagSlot(target);
    or(arena.words, slots.at(index) + SlotLayout.at.inbox, 1 << (slot & 31));
    if (load(arena.words, slots.at(index) + SlotLayout.at.looking) === 0) this.agent.note(index); // P13
  }

  #isServing(tag: number): boolean {
    const { slots } = this.agent;
    const slot = tagSlot(tag);
    const life = slots.life(slot);
    return ownerTag(slot, life) === tag && (life & 7) === SlotState.LIVE;
  }
}

function refusal({ op, at, patience }: Request, { failed }: CallWait): DmaBufError {
  if (failed === 'deadlock') {
    const why = 'the thread of the exporter is blocked in a call that waits for this one';
    return fail('EDEADLK', op, at, { why });
  }
  if (failed === 'released') {
    return fail('ENOLCK', op, at, { why: 'the lock was released while the exporter was called' });
  }
  const why = `the agent that exported the buffer has not answered for ${patience} ms: its event loop does not turn`;
  return fail('ETIMEDOUT', op, at, { why });
}
