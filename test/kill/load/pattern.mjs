// SPDX-License-Identifier: MIT
// @ts-check
/**
 * What bytes look like when they are whole: a record has two halves, a number and what `mix` makes of it; a frame is filled with what
 * `mix` makes of its number and of each place, so a page of another frame in it, of zeros, or of somebody's older frame shows.
 */

/** @param {number} n */
export function mix(n) {
  let h = Math.imul(n ^ 0x5bd1e995, 0x9e3779b1);
  h = Math.imul(h ^ (h >>> 15), 0x85ebca77);
  return h ^ (h >>> 13);
}

/** @param {Int32Array} words @param {number} tag */
export function fill(words, tag) {
  for (let i = 0; i < words.length; i++) words[i] = mix(tag + i);
}

/** The first place that is not as fill() left it, or -1. @param {Int32Array} words @param {number} tag */
export function wrongPlace(words, tag) {
  return words.findIndex((word, i) => word !== mix(tag + i));
}

/** Two halves: [0] a number, [1] what mix() makes of it. */
export const RECORD = { length: 8 };

/** @param {Int32Array} halves */
export function isTorn(halves) {
  return halves[1] !== mix(halves[0] ?? 0);
}

/** @param {Int32Array} halves */
export function repair(halves) {
  halves[1] = mix(halves[0] ?? 0);
}
