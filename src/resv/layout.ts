// SPDX-License-Identifier: MIT
/**
 * resv/layout — the reservation table, chunks of fence slots, acquire contexts.
 *
 * Row i below the limit of buffers is the reservation of buffer row i; the rows above are shared by several buffers.
 */

import { f64, i64, record, type Section, section, u32, words } from '../mem/index.js';

const LINE = 16;
/** Reservations that several buffers share. */
const SHARED = 4096;
/** Fence slots in the record itself, and in a chunk. */
export const INLINE_SLOTS = 4;
export const CHUNK_SLOTS = 16;
/** Contexts that one agent can have at a time: 10 bits of an owner word, without 0. */
export const CONTEXTS = 1023;

export const ResvLayout = record(
  'resv',
  {
    owner: u32(
      'ww lock: generation 9 | context + 1 10 | slot + 1 9 | K | H | D | W; see owner-word',
    ),
    ticket: u32('counter: places in the queue'),
    listVersion: u32('grows whenever a fence moves to another slot'),
    count: u32('fence slots in use; stored after the slot'),
    chunk: u32('first chunk + 1; 0 = none'),
    claim: u32('shared reservations: tag of the maker; 0 = free'),
    slots: words(INLINE_SLOTS, 'fence: generation 10 | usage 2 | row 20'),
    watched: u32('1 = somebody wants to be told of fences that are added; see list-watch'),
    since: f64('when the lock was taken, milliseconds since the epoch, for people; 0 = just now'),
  },
  LINE,
);

export const ChunkLayout = record('resvChunk', {
  claim: u32(
    '0 = free; tag of the agent that is about to link it; LINKED | row of its reservation',
  ),
  row: u32('reservation that it is about to be linked to'),
  next: u32('next chunk + 1; 0 = last'),
  slots: words(CHUNK_SLOTS, 'fence: generation 10 | usage 2 | row 20'),
});

export const ContextLayout = record('acquireContext', {
  stampHigh: u32('age: lower is older'),
  stampLow: u32('age: lower is older'),
  wounded: u32(
    'generation + 1 that must die when it has to wait; 0 = none; NEVER = this one waits or dies',
  ),
});

export const ClassLayout = record('resvClass', { stamp: i64('counter: stamps handed out') });

export const ClassSection = section('resvClass', ClassLayout, () => 1);
export const ResvSection = section('reservations', ResvLayout, (limits) => limits.buffers + SHARED);
export const ChunkSection = section('resvChunks', ChunkLayout, (limits) =>
  Math.max(64, limits.buffers >>> 2),
);
export const ContextSection = section(
  'acquireContexts',
  ContextLayout,
  (limits) => limits.agents * CONTEXTS,
);

/** Every table of this room, in layout order. */
export const reservationSections: readonly Section[] = [
  ClassSection,
  ResvSection,
  ChunkSection,
  ContextSection,
];
