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
      'generation 20 | error 8 | 0 | WAITED | phase 2; the error stands in the commit word',
    ),
    owner: u32('tag of the agent that must signal; 0 = nobody yet, queued in a channel'),
    high: u32('high bits: context 12 | sequence number 20'),
    contextLow: u32('fence context'),
    seqnoLow: u32('sequence number'),
    more: u32(
      'point: earliest deadline asked for, milliseconds modulo 2^32, odd · container: row of its members, kind: even · 0 = none',
    ),
    time: f64('when it signalled: milliseconds since the epoch'),
    agents: words(AGENT_WORDS, 'bit per agent that has a handle on it'),
  },
  LINE,
);

/** Bytes of one word: each the high part of a member's generation. */
export const MEMBERS_PER_ROW = 4;

/** What stands in a row that holds members of a container: a fence row in another use, so both are handed out the same way. */
export const MembersLayout = record(
  'fenceMembers',
  {
    state: u32('as of a fence: generation 20 | 0 | phase 2'),
    owner: u32('tag of the agent that made the container'),
    next: u32('row of the next members; 0 = none'),
    names: words(MEMBERS_PER_ROW, 'member: row 20 | low 12 bits of its generation; 0 = none'),
    high: u32('high 8 bits of each generation, a byte each'),
    agents: words(AGENT_WORDS, 'as of a fence: nobody has a handle on members'),
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

/** FREE → PENDING → SIGNALED → FREE of the next generation; or FREE → MEMBERS → FREE, part of a container. */
export const Phase = { FREE: 0, PENDING: 1, SIGNALED: 2, MEMBERS: 3 } as const;

const PHASE = 3;
/** Somebody may wait: whoever signals has to wake. */
export const WAITED = 4;
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

/** What `state | WAITED` is while this generation is pending, and at no other time. */
export function openWord(generation: number): number {
  return stateWord(generation, Phase.PENDING) | WAITED;
}

/** What that becomes at the signal. */
export function signaledWord(open: number, error: number): number {
  return (open ^ (Phase.PENDING | WAITED)) | (error << ERROR_SHIFT) | Phase.SIGNALED;
}

// ------------------------------------------------------------------------------------------- containers

/** What a fence is made of: a point of nothing else; a set of its members; a link of a payload and what was before. */
export const Kind = { POINT: 0, ALL: 1, ANY: 2, CHAIN: 3 } as const;
export type Kind = (typeof Kind)[keyof typeof Kind];

/** The word of a container that says which members it has. */
export const moreWord = (members: number, kind: Kind): number => (members << 3) | (kind << 1);

/** Of a point it may be a deadline: odd. */
export const isDeadline = (more: number): boolean => (more & 1) !== 0;
export const kindIn = (more: number): Kind =>
  isDeadline(more) ? Kind.POINT : (((more >>> 1) & 3) as Kind);
export const membersIn = (more: number): number => more >>> 3;

const LOW_BITS = 12;

/** Name of a member, its high byte apart. */
export const memberWord = (row: number, generation: number): number =>
  (row << LOW_BITS) | (generation & ((1 << LOW_BITS) - 1));
export const highByte = (generation: number, place: number): number =>
  (generation >>> LOW_BITS) << (8 * place);
export const memberRow = (word: number): number => word >>> LOW_BITS;
export const memberGeneration = (word: number, high: number, place: number): number =>
  (((high >>> (8 * place)) & 0xff) << LOW_BITS) | (word & ((1 << LOW_BITS) - 1));
