// SPDX-License-Identifier: MIT
/**
 * resv/ww-lock — one lock of the reservation class, as one agent sees it: take many of them in any order, without deadlock and
 * without starvation.
 *
 * The owner word says who holds it. Waiters of one agent queue here, in JavaScript; other agents see the first of them, in its
 * agent's wait row. Nobody but the first of a queue tries to take the lock.
 *
 * Invariants  I6 the tag in the owner word is the only truth about ownership: slot, context and stamp appear in its one CAS.
 *             I7 nobody is given a lock across agents: H only forbids overtaking, the best waiter still takes it by its own CAS. Within
 *             an agent, one CAS hands it from holder to waiter.
 *             I8 a waiter that sleeps is visible, and W (with a context: and K) was set, or seen set, after it became visible; or
 *             somebody else who waits was rung, has not looked yet, and will set W again or take the lock with W set (and
 *             if he cannot, `pass` does it for him). K stays as long as somebody with a context is visible. One that polls
 *             is neither: it looks by itself. One at rest has its lock held by this agent, or is about to be run.
 *             I9 a context that holds something never waits for an older one (wait-die), or makes the younger one in its way
 *             give up (wound-wait); a retry keeps its stamp. Both kinds together: whoever has to wait wounds a younger
 *             holder that can be wounded, and dies for an older holder unless it can be wounded itself.
 *             I10 tickets and H bound overtaking to one.
 * Lock order  ww locks in any order (I9); nothing is taken while holding one but other ww locks, and no wait is for the agent
 *             itself. Without a context: at most one.
 * Pairs       P3 waiter: row, then owner word ↔ unlock: owner word released, then rows, and again after the flags were dropped.
 * Proof       A cycle of waits, all of whom hold something, has a member N whose predecessor is older and whose successor is older
 *             too, or the ages would only fall around the cycle. If N can be wounded, its predecessor has wounded it; if not, it
 *             dies for its successor. So every cycle loses a member; never the oldest of all contexts, so that one finishes.
 *             Whoever becomes holder with K set rings those who may have to look at it anew. Model: test/model/models/resv-*.
 *             Who is first is decided by (ticket, stamp), a total order: two who defer to each other cannot be.
 *             A waiter that dies before it looked is covered by the reaper, which rings everybody.
 * Source      Linux 6.1 kernel/locking/ww_mutex.h. Differs: overtaking once instead of hand-off across agents; wait rows of
 *             agents that are blocked elsewhere count as absent; algorithms may be mixed; EOWNERDEAD.
 */

import { type Agent, type Operation, objectKey } from '../agent/index.js';
import { add, cas, load, or, type Words } from '../mem/index.js';
import type { AcquireContext } from './acquire-context.js';
import type { ContextTable } from './context-table.js';
import { D, H, indexOf, K, TAG, W } from './owner-word.js';
import { Outcome, type Rest, Waiter } from './waiter.js';
import { WwQueue } from './ww-queue.js';

/** `holder` when there is no context. */
export const PLAIN = Symbol('held without a context');
/** `holder` when the reservation is no longer this agent's to lock. */
export const GONE = Symbol('retired');

export type Holder = AcquireContext | typeof PLAIN | typeof GONE;

/** What locks of one agent share. */
export interface LockHost {
  readonly agent: Agent;
  readonly contexts: ContextTable;
  /** Tag of this agent without a context. */
  readonly plainTag: number;
  /** Blocking calls of this room that are running: what they release is not handed to tasks, which could not run. */
  readonly blocking: number;
}

/** The lock of a reservation as far as one CAS goes; a WwLock is made for it when somebody has to wait. */
export interface LockState {
  readonly row: number;
  readonly words: Words;
  /** Word of the owner. */
  readonly ownerAt: number;
  /** Word that tickets are drawn from. */
  readonly ticketAt: number;
  /** Who of this agent holds it. */
  holder: Holder | null;
  /** A former holder died, and the present one has not said that all is well. */
  dead: boolean;
  /** Waiters of this agent. */
  waiting: number;
  /** The owner word says that it is ours. */
  hold(context: AcquireContext | null): void;
  /** A waiter at rest has the lock. */
  settle(rest: Rest): void;
  /** It will not have it: the reason, or null when the reservation was retired. */
  fail(rest: Rest, error: unknown): void;
}

/** What a waiter puts into the owner word. */
function flagsOf({ context }: Waiter): number {
  return context === null ? W : W | K;
}

export class WwLock {
  readonly key: number;
  readonly queue: WwQueue;
  readonly #words: Words;
  readonly #at: number;
  /** Who rests will be run when the event loop has turned. */
  #turns = false;

  constructor(
    readonly host: LockHost,
    readonly state: LockState,
  ) {
    this.key = objectKey('lock', state.row);
    this.queue = new WwQueue(host.agent, this.key);
    this.#words = state.words;
    this.#at = state.ownerAt;
  }

  // ------------------------------------------------------------------------------------------- waiting

  /**
   * Waits for the lock. @returns how it ended: TAKEN (look at `dead`), DIE or GONE
   * @throws the interrupt's error
   */
  *wait(op: string, context: AcquireContext | null, blocking: boolean): Operation<number> {
    const waiter = new Waiter(this, context, blocking);
    this.#enqueue(waiter);
    return yield* this.#run(op, waiter);
  }

  /** Waits at rest while this agent holds the lock; in the next turn of the event loop it is a task like others. */
  rest(rest: Rest): void {
    this.#enqueue(new Waiter(this, null, false, rest));
    if (this.#turns) return;
    this.#turns = true;
    this.host.agent.platform.soon(() => this.#runResting());
  }

  /** Waits that last keep the process alive, and are reported when they stall. */
  #runResting(): void {
    this.#turns = false;
    const resting = this.queue.waiters.filter(({ rest }) => rest !== null);
    for (const waiter of resting) this.#runRested(waiter);
  }

  #enqueue(waiter: Waiter): void {
    const { context } = waiter;
    waiter.ticket = (add(this.#words, this.state.ticketAt, 1) + 1) | 0;
    this.queue.insert(waiter, context !== null && (load(this.#words, this.#at) & W) !== 0);
    this.state.waiting++;
  }

  *#run(op: string, waiter: Waiter): Operation<number> {
    const { context } = waiter;
    if (context !== null) context.waiting = true;
    try {
      const interrupt = yield waiter;
      if (interrupt !== null) throw interrupt.error(op, { row: this.state.row });
      return waiter.outcome;
    } finally {
      if (context !== null) context.waiting = false;
      if (waiter.outcome !== Outcome.TAKEN) this.#leave(waiter);
    }
  }

  #dequeue(waiter: Waiter): void {
    if (this.queue.remove(waiter)) this.state.waiting--;
  }

  /** Gives up waiting: what it was woken for goes to the next one (I5). */
  #leave(waiter: Waiter): void {
    this.#dequeue(waiter);
    this.#nudge();
    this.pass();
  }

  /** Takes the lock if it is this waiter's turn, or finds that it must die. True: its wait is over. */
  look(waiter: Waiter): boolean {
    if (waiter.outcome !== Outcome.WAITING) return true;
    if (this.state.holder === GONE) {
      waiter.outcome = Outcome.GONE;
      return true;
    }
    if (this.state.holder === null && this.queue.first === waiter) {
      if (this.#tryFirst(waiter)) return true;
    } else if (this.queue.isUp) this.#mark(flagsOf(waiter));
    const { context } = waiter;
    if (context === null || context.acquired === 0) return false;
    this.#woundHolder(context);
    if (!this.#mustDie(waiter, context)) return false;
    waiter.outcome = Outcome.DIE;
    return true;
  }

  #tryFirst(waiter: Waiter): boolean {
    const w = this.#words;
    // Who can be seen may have been rung, and answers for those behind it.
    const visible = this.queue.isUp;
    for (;;) {
      const v = load(w, this.#at); // P3
      if ((v & TAG) === 0) {
        if ((v & H) !== 0 && this.queue.hasBefore(waiter)) return false;
        const flags = (v & (D | W | K)) | (visible ? W : 0);
        if (cas(w, this.#at, v, waiter.tag | flags) !== v) continue;
        this.#dequeue(waiter);
        this.state.dead = (v & D) !== 0;
        waiter.outcome = Outcome.TAKEN;
        this.state.hold(waiter.context);
        if ((flags & (W | K)) !== 0) this.#heldAnew(waiter.context);
        return true;
      }
      if (!visible) return false;
      const wanted = v | flagsOf(waiter) | (waiter.lost > 0 ? H : 0);
      if (wanted === v || cas(w, this.#at, v, wanted) === v) return false;
    }
  }

  /** Whoever unlocks has to look for us: in the word of a lock that is held. */
  #mark(flags: number): void {
    const w = this.#words;
    for (;;) {
      const v = load(w, this.#at);
      if ((v & TAG) === 0 || (v & flags) === flags || cas(w, this.#at, v, v | flags) === v) return;
    }
  }

  // ------------------------------------------------------------------------------------------- age

  #mustDie(waiter: Waiter, context: AcquireContext): boolean {
    if (context.woundable) return context.wounded;
    const v = load(this.#words, this.#at);
    const holder = this.host.contexts.stampOf(v);
    if (holder !== 0 && holder < context.stamp && ((load(this.#words, this.#at) ^ v) & TAG) === 0)
      return true;
    // Tasks of a blocked agent hold nothing, and cannot come first.
    if (!waiter.blocking && this.queue.hasOlder(context.stamp)) return true;
    return (v & W) !== 0 && this.queue.hasOlderElsewhere(context.stamp);
  }

  /** A younger holder that can be wounded has to give up, since this context holds what it may want. */
  #woundHolder(context: AcquireContext): void {
    const { contexts } = this.host;
    const v = load(this.#words, this.#at);
    if (indexOf(v) >= 0 && contexts.stampOf(v) > context.stamp) contexts.wound(this.#at, v);
  }

  /** There is a new holder: waiters that hold something look whether they must die for it, or wound it. */
  #heldAnew(context: AcquireContext | null): void {
    if (context !== null) this.queue.ringKillable(0);
  }

  // ------------------------------------------------------------------------------------------- seen by others

  /** Publishes, then looks. True: the wait is over. */
  arm(waiter: Waiter): boolean {
    this.queue.arm(waiter);
    if (this.look(waiter)) return true;
    const { context } = waiter;
    // Younger ones that hold something find it ahead of them, and die.
    if (context !== null && !context.woundable) this.queue.ringKillable(context.stamp);
    return false;
  }

  // ------------------------------------------------------------------------------------------- releasing

  /** Unlocks, where one CAS is not enough. `dead` stays in the word: the next holder learns it. */
  release(tag: number, dead: boolean): void {
    // With a dead owner to speak of, each waiter decides for itself what that means.
    if (!dead && this.host.blocking === 0 && this.#handOver(tag)) return;
    const w = this.#words;
    for (;;) {
      const v = load(w, this.#at);
      if (((v ^ tag) & TAG) !== 0) {
        // An agent that has left holds nothing, and a lock that was lent may have been passed on: who waits here queues anew.
        this.#nudge();
        break;
      }
      // Without contexts nobody but the first waiter has to know: it is rung, and puts W up again. Until then, unlocking is cheap.
      const kept = (v & (H | K)) === 0 ? 0 : v & (W | H | K);
      const free = dead ? kept | D : kept;
      if (cas(w, this.#at, v, free) !== v) continue; // P3
      this.#nudge();
      if ((v & (W | K)) !== 0) this.#wakeNext(free);
      break;
    }
    this.host.agent.countHeld(-1);
  }

  /** Within this agent, one CAS makes the first waiter the holder, unless a better one waits elsewhere. */
  #handOver(tag: number): boolean {
    const next = this.queue.first;
    if (next === undefined) return false;
    const w = this.#words;
    for (;;) {
      const v = load(w, this.#at);
      if (((v ^ tag) & TAG) !== 0) return false;
      if ((v & (W | K)) !== 0 && this.queue.hasBefore(next)) return false;
      if (cas(w, this.#at, v, next.tag | (v & (W | H | K))) !== v) continue;
      this.#grant(next);
      return true;
    }
  }

  /** It is the holder already; what was counted for the one before now counts for it. */
  #grant(next: Waiter): void {
    const { context } = next;
    this.#dequeue(next);
    this.state.holder = context ?? PLAIN;
    if (context !== null) context.acquired++;
    next.outcome = Outcome.TAKEN;
    this.queue.publish();
    this.#heldAnew(context);
    if (next.rest === null) this.host.agent.tasks.rung(this.key);
    else this.state.settle(next.rest);
  }

  /** The lock is free: the best of those who wait has to look. */
  #wakeNext(free: number): void {
    if (this.queue.ringNext() || this.state.waiting > 0 || (free & (W | H | K)) === 0) return; // P3
    const w = this.#words;
    if (cas(w, this.#at, free, free & D) !== free) return;
    // The word may have changed and changed back: who went to sleep meanwhile has lost its flags.
    if (!this.queue.ringNext()) return; // P3
    or(w, this.#at, W | K);
    this.queue.ringKillable(0);
  }

  /** A waiter cannot use what it was woken for: the next one has to look, or will be looked for at the next unlock. */
  pass(): void {
    this.#mark(W);
    if ((load(this.#words, this.#at) & TAG) === 0) this.queue.ringNext();
  }

  /** The first waiter here has to look: nobody in this agent holds the lock. */
  #nudge(): void {
    const first = this.queue.first;
    if (first === undefined) return;
    if (first.rest === null) this.host.agent.tasks.rung(this.key);
    else this.host.agent.platform.microtask(() => this.#wakeResting());
  }

  /** From now on the first waiter is run. */
  #wakeResting(): void {
    const first = this.queue.first;
    if (first !== undefined && this.state.holder === null) this.#runRested(first);
  }

  #runRested(waiter: Waiter): void {
    const { rest } = waiter;
    if (rest === null) return;
    waiter.rest = null;
    const op = 'Reservation.lock';
    void this.host.agent.run(op, this.#settle(op, waiter, rest));
  }

  *#settle(op: string, waiter: Waiter, rest: Rest): Operation<void> {
    try {
      const outcome = yield* this.#run(op, waiter);
      if (outcome === Outcome.TAKEN) this.state.settle(rest);
      else this.state.fail(rest, null);
    } catch (error) {
      this.state.fail(rest, error);
    }
  }

  /** This agent does not lock it any more: whoever waits here learns that. */
  retire(): void {
    const { waiters } = this.queue;
    for (const waiter of waiters.filter(({ rest }) => rest !== null)) {
      this.#dequeue(waiter);
      if (waiter.rest !== null) this.state.fail(waiter.rest, null);
    }
    this.queue.ringLocal();
  }
}
