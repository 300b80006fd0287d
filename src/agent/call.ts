// SPDX-License-Identifier: MIT
/**
 * agent/call — a call between agents, as those who make it and those who serve it see it.
 */

import type { Message } from './call-rows.js';
import type { HolderOf } from './call-wait.js';
import type { Operation } from './wait.js';

/** A lock that goes along with a call, in the hands of its owner. */
export interface Loan {
  readonly row: number;
  /** The owner's tag in the word of the lock. */
  readonly tag: number;
  readonly held: boolean;
  /** `giveUp` runs before the lock is released all the same. */
  begin(giveUp: () => void): void;
  /** The call is over. The lock may have been passed to the target meanwhile. */
  end(): void;
}

/** A lock that came along with a call, in the hands of the target. */
export interface Borrowed {
  /** Before the answer is given. The lock is the caller's again, unless `keep` was called. */
  giveBack(): void;
  /** The lock passes to this agent, which unlocks it at the end. `died`: and the next holder shall know why. */
  keep(died: boolean): void;
  /** The call is over: what was kept is unlocked, as soon as nothing runs under it any more. */
  end(): void;
}

/** What this room needs to know of locks. */
export interface LockPort<B extends Borrowed> {
  /** The lock that the caller with that tag sent along. */
  borrow(row: number, tag: number): B;
  /** If that tag holds the lock, the agent in that slot holds it from now on. `died`: and the next one shall know why. */
  handOver(row: number, tag: number, slot: number, died: boolean): void;
  /** Slot of the holder; -1 = nobody. */
  readonly holderOf: HolderOf;
}

export interface Request {
  readonly op: string;
  /** Tag of the agent that is asked. */
  readonly target: number;
  readonly kind: number;
  /** Milliseconds without a sign of life from the target. */
  readonly patience: number;
  readonly lock: Loan | null;
  /** What goes into errors. */
  readonly at: Readonly<Record<string, string | number>>;
  write(message: Message): void;
}

/** What came of a call that ran. */
export interface Answer {
  write(message: Message): void;
  /** The caller does not want it any more. */
  undo(): void;
}

/** A call, as its handler sees it. */
export interface Incoming<B extends Borrowed> {
  /** Tag of the agent that calls. */
  readonly caller: number;
  readonly message: Message;
  /** null = none came along. */
  readonly lock: B | null;
}

export type Handler<B extends Borrowed> = (call: Incoming<B>) => Operation<Answer>;
