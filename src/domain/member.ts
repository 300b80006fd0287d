// SPDX-License-Identifier: MIT
/**
 * domain/member — an agent as the one that started or adopted it sees it.
 *
 * `gone` settles after death AND recovery: the host tells us that the thread has ended, then its slot is reaped if it did not
 * leave by itself, then we settle.
 */

import { type Agent, objectKey, ownerTag } from '../agent/index.js';
import type { Member } from '../buf/index.js';
import { fail } from '../errors.js';

export interface Departure {
  /** It closed its domain before it ended. */
  readonly clean: boolean;
  readonly reason: string;
}

/** What the domain knows after a member's recovery. */
export interface Loss {
  readonly locks: number;
  readonly fences: number;
  readonly buffers: number;
}

const UNPOSTED = Symbol('a Member cannot be posted: post its name');
/** Milliseconds between two tries, while somebody else reaps. */
const RETRY = 2;

export interface MemberInit {
  readonly agent: Agent;
  readonly name: string;
  readonly id: number;
  readonly host: unknown;
  /** The number it joins with. */
  readonly number: number;
  readonly terminate: () => Promise<unknown>;
  readonly onGone: (member: LocalMember, departure: Departure, loss: Loss) => void;
}

let make: (init: MemberInit) => LocalMember;

/** An agent that this one started or adopted; what `Member` promises. */
export class LocalMember implements Member {
  /** @internal */
  readonly unposted = UNPOSTED;
  readonly name: string;
  readonly as: 'thread' | 'process' = 'thread';
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
      this.#slot = slots.ofMember(this.#init.number);
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

  /** @internal The host saw it end. */
  ended(reason: string): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#init.agent.platform.hold();
    this.find();
    this.#recover(reason);
  }

  #recover(reason: string): void {
    const { agent } = this.#init;
    if (!agent.left) agent.reapers.sweep();
    if (!agent.left && this.#slot >= 0 && this.#there()) {
      agent.platform.timer(RETRY, () => this.#recover(reason));
      return;
    }
    const departure = { clean: this.#clean(), reason };
    this.#init.onGone(this, departure, this.#loss());
    this.#settle(departure);
    agent.platform.release();
  }

  /** Its slot has not been freed yet. */
  #there(): boolean {
    const { slots } = this.#init.agent;
    return slots.taken(this.#slot) && slots.life(this.#slot) >>> 3 === this.#incarnation;
  }

  #known(): boolean {
    return this.#init.agent.slots.word(this.#slot, 'lostLife') === this.#incarnation;
  }

  #clean(): boolean {
    if (this.#slot < 0) return true;
    return !this.#known() || this.#init.agent.slots.word(this.#slot, 'lostClean') === 1;
  }

  #loss(): Loss {
    const { slots } = this.#init.agent;
    if (this.#slot < 0 || !this.#known()) return { locks: 0, fences: 0, buffers: 0 };
    return {
      locks: slots.word(this.#slot, 'lostLocks'),
      fences: slots.word(this.#slot, 'lostFences'),
      buffers: slots.word(this.#slot, 'lostBuffers'),
    };
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
export function neverJoined(name: string, code: number, cause: unknown): unknown {
  const why =
    cause === undefined
      ? `the script ended (exit code ${code}) before it called Domain.join()`
      : 'the script failed before it called Domain.join(): see cause';
  return fail('EIO', 'Domain.spawn', { member: name }, { why, cause });
}
