// SPDX-License-Identifier: MIT
/**
 * agent/agent-bits — a bit per agent: who has something open. Setting and clearing one's own bit is idempotent, so deaths and
 * repeated recoveries are harmless.
 */

import { and, load, or, type Words } from '../mem/index.js';

/** Words of such a set. */
export const AGENT_WORDS = 8;

export function setBit(words: Words, at: number, slot: number): void {
  or(words, at + (slot >>> 5), 1 << (slot & 31));
}

export function clearBit(words: Words, at: number, slot: number): void {
  and(words, at + (slot >>> 5), ~(1 << (slot & 31)));
}

export function hasBit(words: Words, at: number, slot: number): boolean {
  return (load(words, at + (slot >>> 5)) & (1 << (slot & 31))) !== 0;
}

export function anyBit(words: Words, at: number): boolean {
  for (let i = 0; i < AGENT_WORDS; i++) if (load(words, at + i) !== 0) return true;
  return false;
}
