// SPDX-License-Identifier: MIT
// @ts-check
/**
 * conform/hints — inputs that the recorder wrote nowhere but into the words of a scenario's name and remark.
 *
 * Words, not names: "same_context … earlier" says that two fences are of one context and that the second has the lower number.
 * They choose inputs only. What is expected is in the trace.
 */

/** @import {Scenario} from './types.js' */

/**
 * @typedef {object} Hints
 * @property {boolean} told  the words say how fences are related
 * @property {boolean} sameContext  fences are of one context
 * @property {'later' | 'earlier' | 'same' | 'wrap' | 'beyond'} order  how their numbers follow each other
 * @property {boolean | null} signaled  they have signalled before they are waited for; null = it is not said
 * @property {ReadonlyMap<string, number>} numbers  of fences, where a text names them
 */

const ORDERS = /** @type {const} */ (['earlier', 'later', 'wrap', 'beyond', 'same']);

/** Where a fence replaces the one before it: only that cannot be taken for fences of two contexts. */
const REPLACING = /** @type {const} */ (['later', 'wrap']);

/** A fence in a text: driver, timeline, number. */
const DESCRIBED = /\w+ (\w+) seq (\d+) (?:un)?signalled/g;

/** @param {Scenario} scenario @returns {Map<string, number>} */
function numbersIn({ trace }) {
  const texts = trace.map(({ text }) => (typeof text === 'string' ? text : '')).join('\n');
  const found = [...texts.matchAll(DESCRIBED)];
  return new Map(found.map(([, name, number]) => [String(name), Number(number)]));
}

/** @param {Scenario} scenario @returns {Hints} */
export function hintsOf(scenario) {
  const { name } = scenario;
  const words = name.split(/[._ ]/);
  const sameContext = name.includes('same_context');
  // "same" is also a word of "same_context".
  const orders = sameContext ? words.slice(2) : words;
  const order = orders.includes('beyond') ? 'beyond' : ORDERS.find((each) => orders.includes(each));
  const signaled = words.includes('signaled') ? true : words.includes('pending') ? false : null;
  const told = sameContext || order !== undefined;
  return { told, sameContext, order: order ?? 'later', signaled, numbers: numbersIn(scenario) };
}

/** The ways in which to read a scenario that does not say. @param {Hints} hints @returns {Hints[]} */
export function readings(hints) {
  const first = hints.signaled === true;
  const states = hints.signaled === false ? [false] : [first, !first];
  const relations = hints.told ? [] : REPLACING.map((order) => ({ sameContext: true, order }));
  return [hints, ...relations.map((relation) => ({ ...hints, ...relation }))].flatMap((reading) =>
    states.map((signaled) => ({ ...reading, signaled })),
  );
}
