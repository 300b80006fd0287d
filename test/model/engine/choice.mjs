// SPDX-License-Identifier: MIT
// @ts-check
/**
 * model/engine/choice — what can happen next, as a number, and schedules of them as text to paste into a test.
 *
 * A schedule is written as one character per choice: the thread's id in base 36; `!` before it kills that thread, `~`
 * lets its wait time out. `0(12)` is twelve times 0.
 */

/** Nothing more can happen. */
export const END = -1;
/** Choices from here on kill thread `choice - KILL`. */
export const KILL = 64;
/** Choices from here on let the wait of thread `choice - EXPIRE` time out. */
export const EXPIRE = 128;
/** Ids must be one character. */
export const MAX_THREADS = 36;

/** @param {number} choice */
function character(choice) {
  if (choice >= EXPIRE) return `~${(choice - EXPIRE).toString(36)}`;
  if (choice >= KILL) return `!${(choice - KILL).toString(36)}`;
  return choice.toString(36);
}

/** @param {readonly number[]} choices */
export function writeSchedule(choices) {
  let text = '';
  for (let i = 0; i < choices.length; ) {
    const choice = /** @type {number} */ (choices[i]);
    let n = 1;
    while (choices[i + n] === choice) n++;
    text += n > 4 ? `${character(choice)}(${n})` : character(choice).repeat(n);
    i += n;
  }
  return text;
}

/** @param {string} text @returns {number[]} */
export function readSchedule(text) {
  /** @type {number[]} */
  const choices = [];
  const token = /([!~]?)([0-9a-z])(?:\((\d+)\))?/y;
  while (token.lastIndex < text.length) {
    const at = token.lastIndex;
    const found = token.exec(text);
    if (found === null) throw new SyntaxError(`not a schedule, at character ${at}: ${text}`);
    const base = found[1] === '!' ? KILL : found[1] === '~' ? EXPIRE : 0;
    const choice = base + Number.parseInt(found[2] ?? '', 36);
    for (let n = Number(found[3] ?? 1); n > 0; n--) choices.push(choice);
  }
  return choices;
}
