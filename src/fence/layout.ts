// SPDX-License-Identifier: MIT
/**
 * fence/layout — fence records, the blocks they are handed out in, timelines by name.
 */

import {
  f64,
  i64,
  type Limits,
  record,
  type Section,
  section,
  textWords,
  u32,
  words,
} from '../mem/index.js';

const LINE = 16;
/** Rows of one block, a power of two: an agent claims blocks, and hands out their rows without asking anybody. */
const BLOCK_ROWS = 1024;
/** Slots of a reservation name a fence by 20 bits. */
const MOST_BLOCKS = 1024;
const FEWEST_BLOCKS = 64;
const BLOCKS_PER_AGENT = 4;
/** Words of the bit per agent in a record. */
const AGENT_WORDS = 8;
/** Bytes of a timeline's name. */
export const TIMELINE_NAME_BYTES = 31;

export const FenceCountersLayout = record(
  'fenceCounters',
  {
    contexts: i64('fence contexts handed out'),
    blocks: u32('blocks below this index have been claimed at some time'),
    timelines: u32('timeline rows below this index have been claimed at some time'),
  },
  LINE,
);

export const FenceBlockLayout = record('fenceBlock', {
  claim: u32('tag of the agent that hands out the rows; 0 = anybody may claim it'),
});

export const FenceLayout = record(
  'fence',
  {
    state: u32(
      'generation 20 | error 8 | HURRIED | WAITED | phase 2; the error stands in the commit word',
    ),
    owner: u32('tag of the agent that must signal; 0 = nobody yet, queued in a channel'),
    high: u32('high bits: context 12 | sequence number 20'),
    contextLow: u32('fence context'),
    seqnoLow: u32('sequence number'),
    deadline: u32('earliest deadline asked for: milliseconds modulo 2^32, odd; 0 = none'),
    time: f64('when it signalled: milliseconds since the epoch'),
    agents: words(AGENT_WORDS, 'bit per agent that has a handle on it'),
  },
  LINE,
);

export const TimelineLayout = record(
  'timeline',
  {
    claim: u32('tag of the agent that signals; 0 = free'),
    contextHigh: u32('fence context'),
    contextLow: u32('fence context; written last, cleared first'),
    name: words(textWords(TIMELINE_NAME_BYTES), 'text'),
  },
  LINE,
);

function blocks(limits: Limits): number {
  return Math.min(MOST_BLOCKS, Math.max(FEWEST_BLOCKS, BLOCKS_PER_AGENT * limits.agents));
}

export const FenceCountersSection = section('fenceCounters', FenceCountersLayout, () => 1);
export const FenceBlockSection = section('fenceBlocks', FenceBlockLayout, blocks);
export const FenceSection = section('fences', FenceLayout, (limits) => blocks(limits) * BLOCK_ROWS);
export const TimelineSection = section('timelines', TimelineLayout, (limits) => limits.timelines);

/** Every table of this room, in layout order. */
export const fenceSections: readonly Section[] = [
  FenceCountersSection,
  FenceBlockSection,
  FenceSection,
  TimelineSection,
];

/** FREE → PENDING → SIGNALED → FREE of the next generation. */
export const Phase = { FREE: 0, PENDING: 1, SIGNALED: 2 } as const;

const PHASE = 3;
/** Somebody may wait: whoever signals has to wake. */
export const WAITED = 4;
/** Somebody asked for a deadline. */
export const HURRIED = 8;
/** What may be added to a pending fence's state. */
export const MARKS = WAITED | HURRIED;
const ERROR_SHIFT = 4;
const GENERATION_SHIFT = 12;
const GENERATIONS = 1 << 20;

export const phaseOf = (state: number): number => state & PHASE;
export const errorIn = (state: number): number => (state >>> ERROR_SHIFT) & 0xff;
export const generationOf = (state: number): number => state >>> GENERATION_SHIFT;

/** The state word that becomes true in one store. */
export function stateWord(generation: number, phase: number, error = 0): number {
  return (generation << GENERATION_SHIFT) | (error << ERROR_SHIFT) | phase;
}

/** Never 0, so that a name of a fence is never all zeros. */
export function nextGeneration(generation: number): number {
  return generation + 1 === GENERATIONS ? 1 : generation + 1;
}

const SEQNO_HIGH_BITS = 20;

/** Both numbers beyond 32 bits, in one word: contexts of 44 bits, sequence numbers of 52. */
export function highWord(context: number, seqno: number): number {
  return (Math.floor(context / 2 ** 32) << SEQNO_HIGH_BITS) | Math.floor(seqno / 2 ** 32);
}

export const contextIn = (high: number, low: number): number =>
  (high >>> SEQNO_HIGH_BITS) * 2 ** 32 + (low >>> 0);
export const seqnoIn = (high: number, low: number): number =>
  (high & ((1 << SEQNO_HIGH_BITS) - 1)) * 2 ** 32 + (low >>> 0);

/** What `state | MARKS` is while this generation is pending, and at no other time. */
export function openWord(generation: number): number {
  return stateWord(generation, Phase.PENDING) | MARKS;
}

/** What that becomes at the signal. */
export function signaledWord(open: number, error: number): number {
  return (open ^ (Phase.PENDING | MARKS)) | (error << ERROR_SHIFT) | Phase.SIGNALED;
}
