// SPDX-License-Identifier: MIT
/**
 * resv/ww-queue — who waits for one ww lock: the waiters of this agent in order, and the first of each other agent by its wait row.
 *
 * Agents that have more waits than rows cannot be seen; they are rung whenever they might be concerned (see agent/rows).
 *
 * Invariants  I8 while a waiter of this agent sleeps, the agent's row says who is first here, and whether anybody here may have to die.
 *             I10 the order is total and the same for everybody: two waiters never defer to each other.
 * Pairs       P3 see ww-lock.
 */

import { type Agent, type Place, type RemoteRow, RowFlag } from '../agent/index.js';
import { before, type Waiter } from './waiter.js';

export class WwQueue {
  /** In order; the first one alone tries. */
  readonly waiters: Waiter[] = [];
  /** Waiters that sleep, and so keep the row up. */
  #armed = 0;
  #published: Place | null = null;

  constructor(
    readonly agent: Agent,
    /** Of the lock, among objects to wait for. */
    readonly key: number,
  ) {}

  get first(): Waiter | undefined {
    return this.waiters[0];
  }

  // ------------------------------------------------------------------------------------------- of this agent

  /** In order of tickets. `remote`: look at other agents' rows too, for age. */
  insert(waiter: Waiter, remote: boolean): void {
    const { waiters } = this;
    if (waiter.context !== null) this.#goByAge(waiter, remote);
    let place = waiter.blocking ? 0 : waiters.length;
    for (let other = waiters[place - 1]; other !== undefined; other = waiters[place - 1]) {
      if (other.blocking || !before(waiter, other)) break;
      place--;
    }
    waiters.splice(place, 0, waiter);
  }

  /** Among contexts, age counts: it takes the ticket of the first younger one, and its stamp puts it before that. */
  #goByAge(waiter: Waiter, remote: boolean): void {
    let first: Place | null = null;
    for (const other of [...this.waiters, ...(remote ? this.others() : [])]) {
      if (other.stamp > waiter.stamp && (first === null || before(other, first))) first = other;
    }
    if (first !== null) waiter.ticket = first.ticket;
  }

  /** @returns false: it was not there */
  remove(waiter: Waiter): boolean {
    const place = this.waiters.indexOf(waiter);
    if (place === 0) this.waiters.shift();
    else if (place > 0) this.waiters.splice(place, 1);
    return place >= 0;
  }

  /** Is a context among the waiters of this agent older than that? */
  hasOlder(stamp: number): boolean {
    return this.waiters.some((waiter) => waiter.stamp !== 0 && waiter.stamp < stamp);
  }

  // ------------------------------------------------------------------------------------------- seen by others

  /** Can others see that somebody waits here? */
  get isUp(): boolean {
    return this.#armed > 0;
  }

  /** This waiter is going to sleep. */
  arm(waiter: Waiter): void {
    this.#armed++;
    const { agent } = this;
    if (agent.slots.word(agent.slot, 'blocked') === this.key) this.#putFirst(waiter);
    // While a row is written, nobody can see it: its first waiter looks again, if it is not about to do so.
    if (this.publish() && waiter !== this.first) this.ringLocal();
  }

  disarm(): void {
    this.#armed--;
    if (this.publish()) this.ringLocal();
  }

  /** The thread is about to sleep for this lock: no task of this agent can come before. */
  #putFirst(waiter: Waiter): void {
    const { waiters } = this;
    if (waiters.some((other) => other.blocking)) return;
    waiter.blocking = true;
    const place = waiters.indexOf(waiter);
    if (place > 0) waiters.unshift(...waiters.splice(place, 1));
  }

  /** Brings the row up to date. @returns whether it had to be written */
  publish(): boolean {
    const { rows } = this.agent;
    const { first } = this;
    if (this.#armed === 0) {
      if (this.#published !== null) rows.remove(this.key);
      this.#published = null;
      return false;
    }
    if (first === undefined) return false;
    const { ticket, stamp } = first;
    const killable = this.waiters.some((waiter) => waiter.killable);
    const flags = killable ? first.flags | RowFlag.KILLABLE : first.flags;
    const now = this.#published;
    if (now?.ticket === ticket && now.stamp === stamp && now.flags === flags) return false;
    this.#published = { ticket, stamp, flags };
    rows.put(this.key, this.#published); // P3
    return true;
  }

  // ------------------------------------------------------------------------------------------- of other agents

  /** The first waiter of each other agent. */
  others(): readonly RemoteRow[] {
    return this.agent.rows.others(this.key);
  }

  /** Does a waiter of another agent come before this one? */
  hasBefore(waiter: Waiter): boolean {
    return this.others().some((row) => before(row, waiter));
  }

  hasOlderElsewhere(stamp: number): boolean {
    return this.others().some((row) => row.stamp !== 0 && row.stamp < stamp);
  }

  /** Rings the best waiter of the other agents. @returns false when nobody is there */
  ringNext(): boolean {
    const hidden = this.#ringHidden();
    let best: RemoteRow | null = null;
    for (const row of this.others()) if (best === null || before(row, best)) best = row;
    if (best !== null) this.agent.ring(best.slot, this.key);
    return best !== null || hidden;
  }

  /** Rings those who hold something, and whose first waiter is younger than that or has no age. 0 = all of them. */
  ringKillable(stamp: number): void {
    for (const row of this.others()) {
      const concerned = row.stamp === 0 || row.stamp > stamp;
      if (concerned && (row.flags & RowFlag.KILLABLE) !== 0) this.agent.ring(row.slot, this.key);
    }
    this.#ringHidden();
    this.ringLocal();
  }

  /** Waiters of this agent look again. */
  ringLocal(): void {
    if (this.waiters.length > 0) this.agent.tasks.rung(this.key);
  }

  /** @returns whether there are agents with more waits than rows */
  #ringHidden(): boolean {
    const { agent, key } = this;
    const { slots } = agent;
    let hidden = false;
    for (let slot = 0, used = slots.used; slot < used; slot++) {
      if (slot === agent.slot || slots.word(slot, 'overflow') === 0) continue;
      const blocked = slots.word(slot, 'blocked');
      if (blocked !== 0 && blocked !== key) continue; // absent, as its rows would be
      hidden = true;
      agent.ring(slot, key);
    }
    return hidden;
  }
}
