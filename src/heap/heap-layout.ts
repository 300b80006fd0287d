// SPDX-License-Identifier: MIT
/**
 * heap/heap-layout — the page table of the system heap, and what makes looking through it fast.
 */

import { record, type Section, section, u32, words } from '../mem/index.js';

const LINE = 16;
/** Bytes. */
export const PAGE = 4096;
/** Size classes: eight per power of two, up to the 22 bits of a length. */
export const CLASSES = 168;

export const PageLayout = record('page', {
  head: u32(
    'first page of a run: length 22 | slot 8 | PageKind 2. Elsewhere: whatever was there before',
  ),
  tail: u32(
    'last page of a run: its length if it is free, else 0. Elsewhere: whatever was there before',
  ),
  next: u32(
    'first page of a free run: next one of its class + 1. Second page: pages of the run that may use memory',
  ),
  prev: u32('first page of a free run: the one before it + 1; 0 = it is the first'),
});

export const HeapLayout = record(
  'heap',
  {
    lock: u32(
      'tag of the agent that is in the page table 31 | somebody may sleep on this word 1; 0 = nobody',
    ),
    ready: u32('1 = the page table has its first run; stored last'),
    used: u32('pages that are not free'),
    fresh: u32('pages at and above this one were never handed out: still zero, never touched'),
    bitmap: words(Math.ceil(CLASSES / 32), 'bit per class that has free runs'),
    classes: words(CLASSES, 'first free run of the class + 1; 0 = none'),
  },
  LINE,
);

export const PageSection = section('pages', PageLayout, (limits) => limits.pages);
export const HeapSection = section('heap', HeapLayout, () => 1);

/** Tables of the system heap. */
export const systemHeapSections: readonly Section[] = [HeapSection, PageSection];

/** CLAIMED carries the slot of the agent that is about to use the run, or to free it. */
export const PageKind = { FREE: 1, USED: 2, CLAIMED: 3 } as const;
