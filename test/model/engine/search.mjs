// SPDX-License-Identifier: MIT
// @ts-check
/**
 * model/engine/search — runs strategies over one model, and counts.
 */

import { withSimulatedAtomics } from './atomics.mjs';
import { writeSchedule } from './choice.mjs';
import { DepthFirst } from './depth-first.mjs';
import { Machine } from './machine.mjs';
import { PriorityWalk, StickyWalk } from './walks.mjs';

/** @import {AnyModel, Failure, Fault, Rewrite} from './types.js' */
/** @import {Plan} from './strategy.js' */

/**
 * Where to stop; whichever comes first.
 * @typedef {{ milliseconds?: number, schedules?: number }} Limit
 */

export class Search {
  schedules = 0;
  steps = 0;
  kills = 0;
  /** @type {Failure | null} the first one; nothing runs after it */
  failure = null;
  /** @type {Machine} */
  machine;

  /** @param {AnyModel} model @param {Rewrite | null} [rewrite] */
  constructor(model, rewrite = null) {
    this.machine = new Machine(model, rewrite);
  }

  /**
   * @param {Plan} plan @param {Limit} [limit]
   * @returns {boolean} true when the plan has no further schedule
   */
  drive(plan, limit = {}) {
    const { milliseconds = Infinity, schedules = Infinity } = limit;
    const until = performance.now() + milliseconds;
    const last = this.schedules + schedules;
    return withSimulatedAtomics(() => {
      while (this.failure === null && this.schedules < last && performance.now() < until) {
        this.#run(plan);
        if (this.failure === null && !plan.advance(this.machine)) return true;
      }
      return false;
    });
  }

  /** @param {Plan} plan */
  #run(plan) {
    const { machine } = this;
    const message = machine.run(plan);
    if (!machine.redundant) this.schedules++;
    this.steps += machine.steps;
    this.kills += machine.kills;
    if (message === null) return;
    this.failure = {
      message,
      schedule: writeSchedule(machine.taken),
      search: plan.label,
      at: this.schedules,
      cause: machine.cause,
    };
  }
}

/** @param {Rewrite | Fault} fault @returns {Fault} */
const asFault = (fault) => (typeof fault === 'function' ? { rewrite: fault } : fault);

/**
 * A search of the model with one of its faults planted while `body` runs, or of the model as it is.
 * @template T
 * @param {AnyModel} model @param {string | undefined} planted @param {(search: Search) => T} body
 * @returns {T}
 */
export function withSearch(model, planted, body) {
  if (planted === undefined) return body(new Search(model));
  const found = model.planted?.[planted];
  if (found === undefined) throw new RangeError(`${model.name} has no fault named ${planted}`);
  const fault = asFault(found);
  const mend = fault.patch?.();
  try {
    return body(new Search(model, fault.rewrite ?? null));
  } finally {
    mend?.();
  }
}

/**
 * Every schedule within a preemption bound.
 * @param {AnyModel} model
 * @param {{ preemptions?: number, reduce?: boolean, planted?: string } & Limit} [options]
 */
export function searchDepthFirst(model, options = {}) {
  const plan = new DepthFirst(options.preemptions ?? Infinity, options.reduce ?? true);
  return withSearch(model, options.planted, (search) => {
    const complete = search.drive(plan, options);
    const { schedules, steps, kills, failure } = search;
    return { schedules, steps, kills, failure, complete, bounded: plan.bounded };
  });
}

/**
 * Random schedules, the same ones for the same seed.
 * @param {AnyModel} model
 * @param {{ seed?: number, kind?: 'sticky' | 'priority', planted?: string } & Limit} options
 */
export function searchRandomly(model, options) {
  const seed = options.seed ?? 1;
  const plan = options.kind === 'priority' ? new PriorityWalk(seed) : new StickyWalk(seed);
  return withSearch(model, options.planted, (search) => {
    search.drive(plan, options);
    const { schedules, steps, kills, failure } = search;
    return { schedules, steps, kills, failure };
  });
}
