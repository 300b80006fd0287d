// SPDX-License-Identifier: MIT
/**
 * heap/pool-layout — pools as shared records. Their buffers are linked in the buffer table.
 */

import { AGENT_WORDS } from '../agent/index.js';
import { f64, record, type Section, section, textWords, u32, words } from '../mem/index.js';

const LINE = 16;
/** Bytes of a pool's name: its buffers bear it, too. */
export const POOL_NAME_BYTES = 31;

export const PoolControlLayout = record(
  'poolControl',
  {
    lock: u32('of the table of names: see heap-lock'),
    used: u32('rows below this one have been in use at some time'),
  },
  LINE,
);

export const PoolLayout = record(
  'pool',
  {
    state: u32('LIVE: opens, CLOSING: slot + 1 of who closes it 29 | RowState 3'),
    line: u32('those who wait for a buffer: LineFlag bits'),
    ticket: u32('counter: places in that line'),
    rests: u32('counter: how often a buffer came back'),
    takes: u32('counter: how often one was acquired'),
    count: u32('buffers'),
    sizeHigh: u32('bytes of each'),
    sizeLow: u32('bytes of each'),
    first: u32('row of the first buffer + 1; the others follow by poolNext'),
    openers: words(AGENT_WORDS, 'bit per agent that has it open'),
    name: words(textWords(POOL_NAME_BYTES), 'text'),
  },
  LINE,
);

export const PoolBufferLayout = record('poolBuffer', {
  since: f64('when the buffer was acquired: milliseconds since the epoch'),
});

export const PoolControlSection = section('poolControl', PoolControlLayout, () => 1);
export const PoolSection = section('pools', PoolLayout, (limits) => limits.channels);
export const PoolBufferSection = section(
  'poolBuffers',
  PoolBufferLayout,
  (limits) => limits.buffers,
);

export const poolSections: readonly Section[] = [
  PoolControlSection,
  PoolSection,
  PoolBufferSection,
];
