// SPDX-License-Identifier: MIT
/**
 * domain/member — an agent as the one that started or adopted it sees it.
 *
 * `gone` settles after death AND recovery: the host tells us that the thread has ended, then its slot is reaped if it did not
 * leave by itself, then we settle.
 */

import { type Agent, objectKey, ownerTag, SlotState } from '../agent/index.js';
import type { Member } from '../buf/index.js';
import { fail } from '../errors.js';
import { type Loss, lossOf, NO_LOSS } from './loss.js';

export interface Departure {
  /** It closed its domain before it ended. */
  readonly clean: boolean;
  readonly reason: string;
}

const UNPOSTED = Symbol('a Member cannot be posted: post its name');
/** Milliseconds between two tries, while somebody else reaps. */
const RETRY = 2;

export interface MemberInit {
  readonly agent: Agent;
  readonly name: string;
  readonly id: number;
  readonly host: unknown;
  readonly as: 'thread' | 'process';
  /** The number it joins with, and its process, as its slot will tell. */
  readonly number: number;
  readonly pid: number;
  readonly terminate: () => Promise<unknown>;
  readonly onGone: (member: LocalMember, departure: Departure, loss: Loss) => void;
}

let make: (init: MemberInit) => LocalMember;

/** An agent that this one started or adopted; what `Member` promises. */
export class LocalMember implements Member {
  /** @internal */
  readonly unposted = UNPOSTED;
  readonly name: string;
  readonly as: 'thread' | 'process';
  /** pid or threadId. */
  readonly id: number;
  /** The real node:worker_threads Worker, or node:child_process ChildProcess: cast it, listen to it. */
  readonly host: unknown;
  /** Settles after death AND recovery: its locks have passed on, its fences have failed, its references are gone. Never rejects. */
  readonly gone: Promise<{ readonly clean: boolean; readonly reason: string }>;
  readonly #init: MemberInit;
  #settle: (departure: Departure) => void = () => {};
  #ended = false;
  #slot = -1;
  #incarnation = -1;

  static {
    make = (init) => new LocalMember(init);
  }

  private constructor(init: MemberInit) {
    this.#init = init;
    this.name = init.name;
    this.as = init.as;
    this.id = init.id;
    this.host = init.host;
    this.gone = new Promise((settle) => {
      this.#settle = settle;
    });
  }

  /** terminate() or SIGKILL; resolves like `gone`: what it held is free then. Right also for a stopped, hung or dead member. */
  async kill(): Promise<void> {
    if (!this.#ended) await this.#init.terminate();
    await this.gone;
  }

  /** @internal The slot it joined with, or -1 while it has not. */
  find(): number {
    const { slots } = this.#init.agent;
    if (this.#slot < 0 && this.#init.number !== 0) {
      this.#slot = slots.ofMember(this.#init.number, this.#init.pid);
      if (this.#slot >= 0) {
        this.#incarnation = slots.life(this.#slot) >>> 3;
        slots.setWord(this.#slot, 'watched', 1);
      }
    }
    return this.#slot;
  }

  /** @internal Owner tag of its agent; 0 = it has not joined, or has gone. */
  get tag(): number {
    return this.find() >= 0 && this.#there() ? ownerTag(this.#slot, this.#incarnation << 3) : 0;
  }

  /** @internal The host saw it end; `orderly`: by itself, without an error. */
  ended(reason: string, orderly: boolean): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#init.agent.platform.hold();
    if (this.find() < 0) this.#findFormer();
    this.#recover(reason, orderly);
  }

  /** It may have joined, ended and been recovered while this thread looked elsewhere: then its slot still has its number. */
  #findFormer(): void {
    const { slots } = this.#init.agent;
    for (let slot = 0; slot < slots.used; slot++) {
      const life = slots.life(slot);
      const was = (life & 7) === SlotState.FREE ? slots.word(slot, 'member') : 0;
      const same = was === this.#init.number && slots.word(slot, 'pid') === this.#init.pid;
      if (same) [this.#slot, this.#incarnation] = [slot, life >>> 3];
    }
  }

  #recover(reason: string, orderly: boolean): void {
    const { agent } = this.#init;
    if (!agent.left) agent.reapers.sweep();
    if (!agent.left && ((this.#slot >= 0 && this.#there()) || this.#hasThreads())) {
      agent.platform.timer(RETRY, () => this.#recover(reason, orderly));
      return;
    }
    const { clean, loss } = this.#account(orderly);
    const departure = { clean, reason };
    this.#init.onGone(this, departure, loss);
    this.#settle(departure);
    agent.platform.release();
  }

  /** Of a process: threads that ended with it, and that nobody has recovered yet. */
  #hasThreads(): boolean {
    const { agent, as, pid } = this.#init;
    if (as === 'thread') return false;
    const { slots } = agent;
    for (let slot = 0, { used } = slots; slot < used; slot++)
      if (slots.word(slot, 'pid') === pid && slots.isDead(slot)) return true;
    return false;
  }

  /** Its slot has not been freed yet. */
  #there(): boolean {
    const { slots } = this.#init.agent;
    return slots.taken(this.#slot) && slots.life(this.#slot) >>> 3 === this.#incarnation;
  }

  /**
   * What its recovery wrote into the slot. Somebody who took the slot over, and has ended as well, has written over it: then what
   * it lost is unknown, and how it ended is what the host says. A thread that was killed, or failed, did not end in order.
   */
  #account(orderly: boolean): { readonly clean: boolean; readonly loss: Loss } {
    if (this.#slot < 0) return { clean: true, loss: NO_LOSS };
    const known = lossOf(this.#init.agent.slots, this.#slot, this.#incarnation);
    return known ?? { clean: orderly, loss: NO_LOSS };
  }
}

export function makeMember(init: MemberInit): LocalMember {
  return make(init);
}

/** What a starter waits on until the agent with this number has joined. */
export function memberKey(number: number): number {
  return objectKey('agent', number & 0x0fff_ffff);
}

/** Why spawn() failed: the script ended before it joined. */
export function neverJoined(name: string, reason: string, cause: unknown): unknown {
  const why =
    cause === undefined
      ? `the script ended (${reason}) before it called Domain.join()`
      : 'the script failed before it called Domain.join(): see cause';
  return fail('EIO', 'Domain.spawn', { member: name }, { why, cause });
}
