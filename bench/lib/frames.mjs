// SPDX-License-Identifier: MIT
/** Frames and what a consumer does with one. The same work on every side of a row. */

export const DEPTH = 4; // frames in flight
export const SMALL = 64 * 1024;
export const MIDDLE = 1024 * 1024;
export const FRAME = 1920 * 1080 * 4;
export const ULTRA = 3840 * 2160 * 4;

/** Filled, so that no side meets a page for the first time while it is timed. */
export function filled(words) {
  for (let k = 0; k < words.length; k++) words[k] = Math.imul(k, 2654435761);
  return words;
}
export const privateFrame = (size) => filled(new Int32Array(new ArrayBuffer(size)));
const sharedFrame = (size) => filled(new Int32Array(new SharedArrayBuffer(size)));
export const sharedFrames = (size) => Array.from({ length: DEPTH }, () => sharedFrame(size));

/**
 * Consumes frame number `k`: its first word has to be k, which proves that the frame arrived and not
 * an older one. The rest stays unread, since reading it costs every side of a row the same.
 */
export function consume(words, k) {
  if (words[0] !== k) throw new Error(`frame ${words[0]} arrived instead of ${k}`);
}
