// SPDX-License-Identifier: MIT
/**
 * heap/heap-names-layout — names of heaps that agents have added, as shared records.
 */

import { AGENT_WORDS } from '../agent/index.js';
import { record, type Section, section, textWords, u32, words } from '../mem/index.js';

const LINE = 16;
/** Bytes of a heap's name, as of an exporter's. */
export const HEAP_NAME_BYTES = 31;
/** Heaps of a domain, the system heap being one of them: as many minor numbers as Linux has for them. */
export const MOST_HEAPS = 128;

export const HeapNamesControlLayout = record(
  'heapNamesControl',
  {
    lock: u32('of the table of names: see heap-lock'),
    used: u32('rows below this one have been in use at some time'),
  },
  LINE,
);

export const HeapNameLayout = record(
  'heapName',
  {
    state: u32('RowState'),
    owner: u32('tag of the agent that added the heap; stored before LIVE'),
    openers: words(AGENT_WORDS, 'nobody opens a name: always 0'),
    name: words(textWords(HEAP_NAME_BYTES), 'text'),
  },
  LINE,
);

export const HeapNamesControlSection = section('heapNamesControl', HeapNamesControlLayout, () => 1);
export const HeapNameSection = section('heapNames', HeapNameLayout, () => MOST_HEAPS - 1);

export const heapNameSections: readonly Section[] = [HeapNamesControlSection, HeapNameSection];
