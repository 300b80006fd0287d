// SPDX-License-Identifier: MIT
// @ts-check
/**
 * conform/events — the callbacks of one step: those that were recorded, and those that happen here.
 *
 * What a callback returned in Linux is an input: the exporter here is given its recorded event, and answers the same. All else of
 * an event is compared, and so is their order.
 */

/** @import {Difference, TraceEvent} from './types.js' */
/** @import {Verdict} from './verdict.mjs' */

/** The step that the callbacks belong to. @typedef {Pick<Difference, 'call' | 'args' | 'facts'>} About */

/** Which of several events of one kind: what they have in common. */
const IDENTITY = /** @type {const} */ ([
  'op',
  'buf',
  'attachment',
  'cb',
  'fence',
  'to',
  'poller',
  'key',
]);
/** What a helper thread did: we do it, when it is due. */
const HELPERS = ['helper_signals_fence', 'send_signal'];

/** @param {TraceEvent | undefined} event */
export const isHelper = (event) => event !== undefined && HELPERS.includes(event.op);

/** @param {TraceEvent} recorded @param {TraceEvent} actual */
const isSame = (recorded, actual) => IDENTITY.every((key) => recorded[key] === actual[key]);

export class Events {
  /** @type {{ readonly recorded: TraceEvent, readonly index: number, actual: TraceEvent | null }[]} */
  #slots;
  /** Places of what has happened, in order; -1 = not recorded. @type {{ place: number, actual: TraceEvent }[]} */
  #happened = [];

  /** @param {readonly TraceEvent[]} recorded */
  constructor(recorded) {
    this.#slots = recorded.map((event, index) => ({ recorded: event, index, actual: null }));
  }

  /** Something happens. @param {TraceEvent} actual @returns {TraceEvent | null} what was recorded of it */
  happen(actual) {
    const slot = this.#slotFor(actual);
    this.#happened.push({ place: slot?.index ?? -1, actual });
    if (slot === undefined) return null;
    slot.actual = actual;
    return slot.recorded;
  }

  /** What was recorded of something that is about to happen. @param {TraceEvent} event @returns {TraceEvent | undefined} */
  peek(event) {
    return this.#slotFor(event)?.recorded;
  }

  #slotFor(/** @type {TraceEvent} */ actual) {
    return this.#slots.find((each) => each.actual === null && isSame(each.recorded, actual));
  }

  /** The next thing that a helper has to do. @returns {TraceEvent | null} */
  get helper() {
    return this.idle[0] ?? null;
  }

  /** What helpers have not done. @returns {readonly TraceEvent[]} */
  get idle() {
    const idle = this.#slots.filter(
      ({ recorded, actual }) => actual === null && isHelper(recorded),
    );
    return idle.map(({ recorded }) => recorded);
  }

  /** Does a helper act before any callback? */
  get helperFirst() {
    const first = this.#slots[0];
    return first !== undefined && first.actual === null && isHelper(first.recorded);
  }

  /**
   * @param {Verdict} verdict @param {About} about
   * @param {(event: TraceEvent, sign: 1 | -1) => void} excused  told of events that are covered: 1 = not recorded, -1 = recorded only
   */
  compare(verdict, about, excused) {
    for (const { recorded, actual } of this.#slots) {
      if (actual !== null) compareFields(verdict, about, recorded, actual);
      else if (verdict.differs({ kind: 'event missing', ...about, ...lone(recorded, true) })) {
        excused(recorded, -1);
      }
    }
    let last = -1;
    for (const { place, actual } of this.#happened) {
      if (place < last && place >= 0) verdict.fail(`${actual.op} came too late: ${this.#order()}`);
      last = Math.max(last, place);
      if (place >= 0) continue;
      if (verdict.differs({ kind: 'event extra', ...about, ...lone(actual, false) })) {
        excused(actual, 1);
      }
    }
  }

  #order() {
    return this.#happened.map(({ actual }) => actual.op).join(', ');
  }
}

/** An event on one side only. @param {TraceEvent} event @param {boolean} recorded */
const lone = (event, recorded) => ({
  event,
  field: event.op,
  expected: recorded ? event : 'none',
  actual: recorded ? 'none' : event,
});

/** @param {Verdict} verdict @param {About} about @param {TraceEvent} recorded @param {TraceEvent} actual */
function compareFields(verdict, about, recorded, actual) {
  for (const [field, expected] of Object.entries(recorded)) {
    // What a callback returned is what it was told to.
    if (field === 'ret') continue;
    const here = { ...about, field: `${recorded.op}.${field}`, event: recorded };
    verdict.compare({ kind: 'field', ...here, expected, actual: actual[field] });
  }
}
