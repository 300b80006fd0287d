// SPDX-License-Identifier: MIT
// @ts-check
/**
 * model/engine/replay — runs one written schedule, and tells what happened in it.
 */

import { COMPARE_EXCHANGE, LOAD, NAMES, STORE, WAIT, withSimulatedAtomics } from './atomics.mjs';
import { EXPIRE, KILL, readSchedule, writeSchedule } from './choice.mjs';
import { withSearch } from './search.mjs';

/** @import {AnyModel, IntegerArray} from './types.js' */
/** @import {Machine} from './machine.mjs' */
/** @import {Strategy, Tracer} from './strategy.js' */
/** @import {SimThread} from './thread.mjs' */

/**
 * Follows a schedule as far as it fits: code that was mended may take other steps than it did.
 * @implements {Strategy}
 */
class Written {
  reduces = false;
  teaches = false;
  doom = null;
  /** Every choice was possible, and there were as many as needed. */
  fits = true;
  #choices;
  #at = 0;

  /** @param {readonly number[]} choices */
  constructor(choices) {
    this.#choices = choices;
  }

  begin() {
    this.#at = 0;
  }

  /** @param {Machine} machine @returns {number} */
  choose(machine) {
    const choice = this.#choices[this.#at++];
    if (choice !== undefined && possible(machine, choice)) return choice;
    this.fits = false;
    const { threads } = machine;
    const next = threads[machine.last]?.runnable
      ? threads[machine.last]
      : threads.find((t) => t.runnable);
    if (next !== undefined) return next.id;
    return EXPIRE + /** @type {SimThread} */ (threads.find((t) => machine.expirable(t))).id;
  }

  /** All of it was used. */
  get spent() {
    return this.#at >= this.#choices.length;
  }
}

/** @param {Machine} machine @param {number} choice */
function possible(machine, choice) {
  const t = machine.threads[choice % KILL];
  if (t === undefined) return false;
  if (choice >= EXPIRE) return machine.expirable(t);
  return choice >= KILL ? machine.killable(t) : t.runnable;
}

/** @param {unknown} value a number, a bigint or what a wait returns */
const text = (value) => `${/** @type {string} */ (value)}`;

/** @implements {Tracer} */
class Lines {
  /** @type {string[]} */
  lines = [];
  #machine;

  /** @param {Machine} machine */
  constructor(machine) {
    this.#machine = machine;
  }

  /**
   * @param {SimThread} t @param {number} code @param {IntegerArray} array @param {number} index
   * @param {readonly unknown[]} args @param {unknown} result @param {string} note
   */
  operation(t, code, array, index, args, result, note) {
    const takes = code === LOAD ? 0 : code === COMPARE_EXCHANGE || code === WAIT ? 2 : 1;
    const given = args.slice(0, takes).filter((arg) => arg !== undefined);
    const call = [NAMES[code], this.#machine.label(array, index), given.map(text).join(' → ')];
    const outcome = result === undefined || code === STORE ? '' : `= ${text(result)}`;
    const remark = note === '' ? '' : `  (${note})`;
    const what = [...call, outcome, remark].filter((part) => part !== '').join(' ');
    this.lines.push(`${String(this.#machine.steps).padStart(5)} ${t.name.padEnd(12)} ${what}`);
  }

  /** @param {string} what */
  event(what) {
    this.lines.push(`      --- ${what}`);
  }
}

/**
 * Runs the model once, as written.
 * @param {AnyModel} model
 * @param {string} schedule
 * @param {{ planted?: string }} [options]
 * @returns {{ message: string | null, fits: boolean, schedule: string, trace: string[] }}
 *   `fits`: the schedule could be followed to its end; `schedule`: what was really run
 */
export function replay(model, schedule, options = {}) {
  const written = new Written(readSchedule(schedule));
  return withSearch(model, options.planted, ({ machine }) => {
    const lines = new Lines(machine);
    const message = withSimulatedAtomics(() => machine.run(written, lines));
    return {
      message,
      fits: written.fits && written.spent,
      schedule: writeSchedule(machine.taken),
      trace: lines.lines,
    };
  });
}
