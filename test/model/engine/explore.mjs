// SPDX-License-Identifier: MIT
// @ts-check
/**
 * model/engine/explore — one model, a time budget, a report: its planted faults, then the model itself.
 *
 * Depth-first search and random walks take turns, since each finds what the other misses in the time there is. The bound
 * grows by one whenever it has been completed.
 */

import { DepthFirst } from './depth-first.mjs';
import { withSearch } from './search.mjs';
import { PriorityWalk, StickyWalk } from './walks.mjs';

/** @import {AnyModel, Report} from './types.js' */
/** @import {Search} from './search.mjs' */

/** Share of the time that planted faults may use; what they leave goes to the model itself. */
const PLANTED_SHARE = 0.6;
/** Milliseconds of one turn, at first and at most. */
const FIRST_TURN = 10;
const LONGEST_TURN = 400;
/**
 * Walks of each kind that show who shares what before the depth-first search begins. Later lessons would make it begin
 * again, and it learns by itself what it needs.
 */
const LESSONS = 100;
/** Turns of depth-first search are this much longer until the required bound is complete. */
const FAVOUR = 4;

/**
 * Searches until a failure, the end of time, or the last schedule.
 * @param {Search} search
 * @param {{ milliseconds: number, seed: number, preemptions: number }} options
 * @returns {number | null} largest bound completed; -1: none; null: every schedule was run
 */
function hunt(search, { milliseconds, seed, preemptions }) {
  const until = performance.now() + milliseconds;
  const walks = [new StickyWalk(seed), new PriorityWalk(seed)];
  let plan = new DepthFirst(0);
  let turn = FIRST_TURN;
  const left = (/** @type {number} */ wanted) => ({
    milliseconds: Math.min(wanted, until - performance.now()),
  });
  for (const walk of walks) {
    walk.teaches = true;
    search.drive(walk, { ...left(milliseconds), schedules: LESSONS });
    walk.teaches = false;
  }
  while (search.failure === null && performance.now() < until) {
    for (const walk of walks) search.drive(walk, left(turn / 2));
    const over = performance.now() + turn * (plan.bound <= preemptions ? FAVOUR : 1);
    while (search.drive(plan, left(over - performance.now()))) {
      if (!plan.bounded) return null;
      plan = new DepthFirst(plan.bound + 1);
    }
    turn = Math.min(2 * turn, LONGEST_TURN);
  }
  return plan.bound - 1;
}

/**
 * @param {AnyModel} model
 * @param {{ seconds?: number, seed?: number }} [options]
 * @returns {Report}
 */
export function explore(model, { seconds = 5, seed = 1 } = {}) {
  const begin = performance.now();
  const end = begin + seconds * 1000;
  const preemptions = model.bounds?.preemptions ?? 2;
  const names = Object.keys(model.planted ?? {});
  /** @type {Record<string, boolean>} */
  const planted = {};
  for (const [i, name] of names.entries()) {
    const share =
      (end - performance.now() - (1 - PLANTED_SHARE) * seconds * 1000) / (names.length - i);
    planted[name] = withSearch(model, name, (search) => {
      hunt(search, { milliseconds: share, seed, preemptions });
      return search.failure !== null;
    });
  }
  return withSearch(model, undefined, (search) => {
    const milliseconds = end - performance.now();
    const bound = hunt(search, { milliseconds, seed, preemptions });
    const { schedules, steps, kills, failure } = search;
    return {
      name: model.name,
      schedules,
      steps,
      kills,
      bugs: failure === null ? 0 : 1,
      complete: bound === null || bound >= preemptions,
      bound,
      planted,
      failure,
      seconds: (performance.now() - begin) / 1000,
    };
  });
}
