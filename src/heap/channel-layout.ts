// SPDX-License-Identifier: MIT
/**
 * heap/channel-layout — channels and their cells as shared records.
 *
 * A channel owns a run of 64-byte lines: first its cells, one line each, then what does not fit into a cell (fences to wait
 * for, meta data), the same number of lines for every cell. So a plain message touches one line.
 *
 * The words that every message reads, and that change seldom, share a line; head and tail have lines of their own.
 */

import { AGENT_WORDS } from '../agent/index.js';
import { f64, record, type Section, section, textWords, u32, words } from '../mem/index.js';

const LINE = 16;
/** Bytes of the name of a channel or a pool. */
export const NAME_BYTES = 63;
/** Lines for cells and what hangs on them, on average per channel. */
const LINES_PER_CHANNEL = 64;
/** Messages that may queue in one channel. */
export const MAX_CAPACITY = 4096;
/** Bytes of meta data of one message. */
export const MAX_META = 1024;
/** Fences that one message can name as to be waited for. */
export const MAX_AFTER = 16;

export const ChannelControlLayout = record(
  'channelControl',
  {
    lock: u32('of the table of names: see heap-lock'),
    used: u32('rows below this one have been in use at some time'),
  },
  LINE,
);

export const ChannelLayout = record(
  'channel',
  {
    // read by every message
    space: u32('senders: LineFlag bits and ChannelFlag bits'),
    queue: u32('receivers: LineFlag bits and ChannelFlag bits'),
    capacity: u32('messages that may queue'),
    policy: u32('what a full channel does: place in POLICIES'),
    metaBytes: u32('bytes of meta data of one message'),
    first: u32('first line of its run'),
    lines: u32('lines of its run'),
    state: u32('RowState'),
    dropped: u32('messages that were dropped because the channel was full'),
    spaceTicket: u32('counter: places in the line of senders'),
    queueTicket: u32('counter: places in the line of receivers'),
    pad0: words(5, 'to the end of the line'),
    tail: u32('position that the next message takes, or one before it'),
    pad1: words(15, 'to the end of the line'),
    head: u32('position of the oldest message, or one before it'),
    pad2: words(15, 'to the end of the line'),
    openers: words(AGENT_WORDS, 'bit per agent that has it open'),
    senders: words(AGENT_WORDS, 'bit per agent that has sent and has it open'),
    receivers: words(AGENT_WORDS, 'bit per agent that has received and has it open'),
    name: words(textWords(NAME_BYTES), 'text'),
  },
  LINE,
);

export const CellLayout = record(
  'cell',
  {
    state: u32(
      'lap 20 | slot + 1 of who writes or reads 9 | CellPhase 3; first, as the ring goes by it',
    ),
    buffer: u32('generation 12 | row 20'),
    info: u32('MessageFlag bits 4, fences to wait for 5; 0 = plain'),
    fence: u32('row of the fence that the receiver owes'),
    fenceGeneration: u32('its generation'),
    tag: f64('the number that travels with it'),
  },
  LINE,
);

/** What a message may have beside its cell; `CellExtraLayout.size` words, then the text of the meta data. */
export const CellExtraLayout = record('cellExtra', {
  after: words(2 * MAX_AFTER, 'row and generation of every fence to wait for'),
  meta: u32('text'),
});

export const ChannelControlSection = section('channelControl', ChannelControlLayout, () => 1);
export const ChannelSection = section('channels', ChannelLayout, (limits) => limits.channels);
export const CellSection = section(
  'cells',
  CellLayout,
  (limits) => limits.channels * LINES_PER_CHANNEL,
);

export const channelSections: readonly Section[] = [
  ChannelControlSection,
  ChannelSection,
  CellSection,
];

/**
 * In `space`: no more sends · the sender that left last had died.  In `queue`: there was a receiver at some time.
 * Beside the LineFlag bits, so that whoever passes by reads one word.
 */
export const ChannelFlag = { ENDED: 4, SENDER_DIED: 8, HAD_RECEIVER: 4 } as const;

/** FREE → WRITING → FULL → READING → FREE of the next lap; WRITING → FREE of the next lap when nothing is sent after all. */
export const CellPhase = { FREE: 0, WRITING: 1, FULL: 2, READING: 3 } as const;

/** What a message is, beside a reference to a buffer and a number. */
export const MessageFlag = {
  /** It was submitted: the receiver owes a fence. */
  OWED: 1,
  /** Submitted for "write". */
  WRITES: 2,
  META: 4,
  /** The sender's reference was read-only, so is the receiver's. */
  READ_ONLY: 8,
} as const;
/** Number of fences to wait for, above the flags. */
export const AFTER_SHIFT = 4;

/** Lines that a cell needs beside itself. */
export function extraLines(metaBytes: number): number {
  const size = CellExtraLayout.at.meta + textWords(metaBytes);
  return Math.ceil(size / LINE);
}

/** Cells of a ring: the next power of two, so that positions can wrap. */
export function cellsFor(capacity: number): number {
  return 2 ** Math.ceil(Math.log2(capacity));
}
