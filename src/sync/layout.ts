// SPDX-License-Identifier: MIT
/**
 * sync/layout — sync files that somebody has shared, and the tickets for them.
 *
 * A row never changes between LIVE and FREE: only the bits of who has it open do.
 */

import { AGENT_WORDS } from '../agent/index.js';
import { TicketLayout } from '../buf/index.js';
import { i64, record, type Section, section, textWords, u32, words } from '../mem/index.js';
import { FENCE_WORDS } from './fence-words.js';

const LINE = 16;
/** Bytes of a sync file's name: 32 in Linux, with the zero byte. */
export const NAME_BYTES = 31;

export const SyncFileLayout = record(
  'syncFile',
  {
    life: u32('generation 12 | opens, or slot + 1 of who builds 17 | SyncPhase 3'),
    agents: words(AGENT_WORDS, 'bit per agent that has it open, or a ticket for it on its way'),
    idHigh: u32('number of the sync file'),
    idLow: u32('number of the sync file'),
    name: words(textWords(NAME_BYTES), 'text'),
    fence: words(FENCE_WORDS, 'name of its fence'),
  },
  LINE,
);

export const SyncControlLayout = record('syncControl', {
  nextId: i64('numbers of sync files given out'),
  files: u32('rows below this one have been in use at some time'),
  tickets: u32('the same, for tickets'),
});

export const SyncControlSection = section('syncControl', SyncControlLayout, () => 1);
export const SyncFileSection = section('syncFiles', SyncFileLayout, (limits) => limits.buffers);
export const SyncTicketSection = section('syncTickets', TicketLayout, (limits) => limits.buffers);

/** All tables of this room. */
export const syncSections: readonly Section[] = [
  SyncControlSection,
  SyncFileSection,
  SyncTicketSection,
];

/** FREE → BUILDING (carries the slot of who builds) → LIVE → FREE of the next generation. One CAS per transition. */
export const SyncPhase = { FREE: 0, BUILDING: 1, LIVE: 2 } as const;
