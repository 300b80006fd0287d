// SPDX-License-Identifier: MIT
/**
 * mem/text — short UTF-8 texts in shared words.
 *
 * Word 0 is the length in bytes, the bytes follow, four a word. Every word is stored and loaded atomically, but a text is many
 * words: its reader needs a version word, or a text that never changes while its row lives.
 */

import { load, store, type Words } from './atomics.js';

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Words that a text of up to `bytes` bytes needs. */
export const textWords = (bytes: number): number => 1 + Math.ceil(bytes / 4);

export function byteLength(text: string): number {
  return encoder.encode(text).length;
}

/** The caller has checked that it fits. */
export function writeText(words: Words, at: number, text: string): void {
  const bytes = encoder.encode(text);
  for (let i = 0; i < bytes.length; i += 4) {
    let word = 0;
    for (let k = 0; k < 4; k++) word |= (bytes[i + k] ?? 0) << (8 * k);
    store(words, at + 1 + (i >> 2), word);
  }
  store(words, at, bytes.length);
}

/** `capacity` bounds what a damaged length word can make us read. */
export function readText(words: Words, at: number, capacity: number): string {
  const length = Math.min(load(words, at) >>> 0, capacity);
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i += 4) {
    const word = load(words, at + 1 + (i >> 2));
    for (let k = 0; k < 4 && i + k < length; k++) bytes[i + k] = (word >>> (8 * k)) & 0xff;
  }
  return decoder.decode(bytes);
}
