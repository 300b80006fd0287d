// SPDX-License-Identifier: MIT
// @ts-check
/**
 * conform/plan — what a trace says of a step elsewhere than at the step: a call that blocks stands where it returned.
 */

/** @import {Entry, Scenario, Step, TraceEvent} from './types.js' */

/**
 * @typedef {object} Held  a call while the main thread holds the reservation
 * @property {Step} step
 * @property {boolean} returned  it returns all the same
 */

/**
 * @typedef {object} Plan
 * @property {Map<Step, TraceEvent[]>} early  callbacks of a step that came before its place in the trace
 * @property {Set<TraceEvent>} moved  those
 * @property {Map<Entry, Held>} heldAt  where the main thread takes the lock, and the call begins
 * @property {Map<Entry, string>} unplaced  where a call begins that no step makes
 */

/** What the recorder calls "attach" may be the dynamic one. @param {Step} step @param {string} blocked */
function isCall({ call, args }, blocked) {
  return call === blocked || args.cmd === blocked || call.replace('_dynamic', '') === blocked;
}

/** @param {readonly Entry[]} entries @param {(step: Step) => boolean} wanted @returns {Step | undefined} */
function stepIn(entries, wanted) {
  const found = entries.find(
    (entry) => entry.call !== undefined && wanted(/** @type {Step} */ (entry)),
  );
  return /** @type {Step | undefined} */ (found);
}

/** @param {Scenario} scenario @returns {Plan} */
export function planOf({ trace }) {
  /** @type {Plan} */
  const plan = { early: new Map(), moved: new Set(), heldAt: new Map(), unplaced: new Map() };
  for (const [index, entry] of trace.entries()) {
    const [before, after] = [trace.slice(0, index).toReversed(), trace.slice(index + 1)];
    if (entry.between_steps === true) {
      for (const event of entry.events ?? []) {
        const step = stepIn(after, ({ thread }) => thread === event.thread && thread !== 'main');
        if (step === undefined) continue;
        plan.early.set(step, [...(plan.early.get(step) ?? []), event]);
        plan.moved.add(event);
      }
    }
    if (entry.observe !== 'while_main_holds_resv') continue;
    const blocked = String(entry['blocked_call']);
    const returned = entry['returned'] === true;
    const isMeant = (/** @type {Step} */ step) => step.thread !== 'main' && isCall(step, blocked);
    const step = stepIn(returned ? before : after, isMeant);
    if (step === undefined) plan.unplaced.set(entry, blocked);
    else plan.heldAt.set(returned ? step : entry, { step, returned });
  }
  return plan;
}
