// SPDX-License-Identifier: MIT
// @ts-check
/**
 * model/engine/depth-first — every schedule with at most so many preemptions, one after the other.
 *
 * A preemption takes the turn from a thread that could have gone on. Deaths and time-outs have budgets of their own and cost
 * none. Nothing is kept between schedules but the path of choices: each schedule is run from its beginning.
 */

import { EXPIRE, KILL } from './choice.mjs';

/** @import {Machine} from './machine.mjs' */
/** @import {Plan} from './strategy.js' */
/** @import {SimThread} from './thread.mjs' */

/**
 * A point where more than one thing can happen.
 * @typedef {{ choices: number[], taken: number }} Fork
 */

/** @implements {Plan} */
export class DepthFirst {
  teaches = true;
  /** A schedule was left out because of the bound: the search is complete only within it. */
  bounded = false;
  /** @type {Fork[]} */
  #path = [];
  #depth = 0;
  #preemptions = 0;
  /** State of knowledge about sharing that the path relies on. */
  #version = -1;

  /** @param {number} bound @param {boolean} [reduces] */
  constructor(bound, reduces = true) {
    this.bound = bound;
    this.reduces = reduces;
  }

  get label() {
    return `depth-first, ${this.bound} preemptions`;
  }

  /** @param {Machine} machine */
  begin(machine) {
    this.#depth = 0;
    this.#preemptions = 0;
    if (!this.#outdated(machine)) return;
    this.#version = machine.sharing?.version ?? 0;
    this.#path = [];
    this.bounded = false;
  }

  /** @param {Machine} machine @returns {number} */
  choose(machine) {
    const last = machine.last;
    const t = machine.threads[last];
    // A doomed thread that is not killed at once was preempted, and is killed later.
    const stays = t !== undefined && (t.runnable || t.doomed);
    const held = stays && this.#preemptions >= this.bound;
    if (held) this.bounded ||= machine.threads.some((other) => other !== t && other.runnable);
    if (held && !machine.eventful) return last;
    const choice = this.#follow() ?? this.#fork(options(machine, stays ? t : undefined, held));
    if (stays && choice !== last && choice < KILL) this.#preemptions++;
    return choice;
  }

  /** @param {Machine} _machine @param {SimThread} t */
  doom(_machine, t) {
    return (this.#follow() ?? this.#fork([t.id, KILL + t.id])) >= KILL;
  }

  /** The choice that the path prescribes. */
  #follow() {
    const fork = this.#path[this.#depth];
    if (fork === undefined) return undefined;
    this.#depth++;
    return fork.choices[fork.taken];
  }

  /** @param {number[]} choices @returns {number} the first */
  #fork(choices) {
    this.#path.push({ choices, taken: 0 });
    this.#depth++;
    return /** @type {number} */ (choices[0]);
  }

  /** An operation was glued that conflicts after all: what was searched so far does not count. @param {Machine} machine */
  #outdated(machine) {
    return this.reduces && machine.sharing !== null && machine.sharing.version !== this.#version;
  }

  /** After a schedule: is there another one? @param {Machine} machine */
  advance(machine) {
    if (this.#outdated(machine)) return true;
    for (let fork = this.#path.at(-1); fork !== undefined; fork = this.#path.at(-1)) {
      if (++fork.taken < fork.choices.length) return true;
      this.#path.pop();
    }
    return false;
  }
}

/**
 * First what needs no switch, last the deaths.
 * @param {Machine} machine
 * @param {SimThread | undefined} last  whose turn it would still be
 * @param {boolean} held  no other thread may take it
 */
function options(machine, last, held) {
  /** @type {number[]} */
  const choices = [];
  const { threads } = machine;
  if (last?.runnable) choices.push(last.id);
  if (!held) for (const t of threads) if (t.runnable && t !== last) choices.push(t.id);
  for (const t of threads) if (machine.expirable(t)) choices.push(EXPIRE + t.id);
  for (const t of threads) if (machine.killable(t)) choices.push(KILL + t.id);
  return choices;
}
