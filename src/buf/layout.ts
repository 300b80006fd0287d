// SPDX-License-Identifier: MIT
/**
 * buf/layout — buffers, tickets and attachments as shared records.
 *
 * Three tables. A buffer row says what the buffer is and which agents refer to it; how many handles an agent has is that
 * agent's own business. A ticket row stands for one more reference on its way to another agent. An attachment row only
 * describes (for snapshots); that an agent is attached at all is a bit in the buffer row, so a death leaves no list to repair.
 */

import { i64, record, type Section, section, textWords, u32, words } from '../mem/index.js';

const LINE = 16;
/** Bytes of a buffer's, a device's or an exporter's name: NAME_MAX of the kernel without its zero byte. */
export const NAME_BYTES = 31;

export const BufferLayout = record(
  'buffer',
  {
    life: u32('generation 12 | opens, or slot + 1 of who acts 17 | Phase 3'),
    queues: u32(
      'bit (index & 31) of every channel that may have named this generation; never cleared while it lives',
    ),
    moveGen: u32('grows with every move: mappings of an older one are stale'),
    agents: words(8, 'bit per agent that has a reference'),
    page: u32('first page in the system heap'),
    pages: u32('pages in the system heap; 0 = none: the store of this word gives and takes them'),
    exporter: u32('0 = the system heap, else the tag of the agent that exported it'),
    flags: u32('BufferFlag bits'),
    resv: u32('reservation row'),
    idHigh: u32('inode number'),
    idLow: u32('inode number'),
    sizeHigh: u32('bytes'),
    sizeLow: u32('bytes'),
    callTimeout: u32(
      'milliseconds that a callback of its exporter may take; 0 = as long as it likes',
    ),
    pool: u32('pool index + 1; 0 = none'),
    poolNext: u32('next buffer row of that pool + 1; 0 = last'),
    attached: words(
      8,
      'bit per agent that has attachments; changed under the reservation lock, or for the dead',
    ),
    nameVersion: u32(
      'grows with every name; its low bit tells the copy that counts; 0 = no name yet',
    ),
    names: words(2 * textWords(NAME_BYTES), 'two copies of the name: the other one is written'),
    exporterName: words(textWords(NAME_BYTES), 'text'),
  },
  LINE,
);

export const TicketLayout = record('ticket', {
  state: u32('serial 20 | slot + 1 of the sender 9 | TicketPhase 3'),
  row: u32('row that it is for'),
  generation: u32('generation of that row'),
  to: u32('tag of the agent that alone may open it; 0 = anybody'),
  rights: u32('1 = read only'),
});

export const AttachmentLayout = record(
  'attachment',
  {
    owner: u32(
      'tag of the agent that keeps the attachment: the importer, or its exporter for him; 0 = free',
    ),
    importer: u32('tag of the agent that attached'),
    buffer: u32(
      'buffer row + 1; 0 = not attached (yet, or any more): stored last and taken back first',
    ),
    life: u32('generation of the buffer'),
    flags: u32('AttachmentFlag bits'),
    mapped: u32('mappings that are open'),
    pinned: u32('pins that are open'),
    device: words(textWords(NAME_BYTES), 'text'),
  },
  LINE,
);

export const BufControlLayout = record(
  'bufControl',
  {
    nextId: i64('inode numbers given out'),
    bytesCopied: i64('bytes that copyOut() copied'),
    buffers: u32('buffer rows below this one have been in use at some time'),
    tickets: u32('the same, for tickets'),
    attachments: u32('the same, for attachments'),
  },
  LINE,
);

export const BufferSection = section('buffers', BufferLayout, (limits) => limits.buffers);
export const TicketSection = section('tickets', TicketLayout, (limits) => limits.buffers);
export const AttachmentSection = section(
  'attachments',
  AttachmentLayout,
  (limits) => limits.buffers,
);
export const BufControlSection = section('bufControl', BufControlLayout, () => 1);

/** All tables of this room. */
export const bufferSections: readonly Section[] = [
  BufControlSection,
  BufferSection,
  TicketSection,
  AttachmentSection,
];

/**
 * FREE → BUILDING → LIVE ⇄ IDLE (free in a pool) · LIVE, IDLE → DYING (waits for its exporter) → RELEASING → FREE.
 * One CAS per transition. BUILDING, DYING and RELEASING carry the slot of who acts, in the same word.
 */
export const Phase = { FREE: 0, BUILDING: 1, LIVE: 2, IDLE: 3, DYING: 4, RELEASING: 5 } as const;

export const BufferFlag = { DYNAMIC: 1, CACHES: 2, VMAPS: 4, MMAPS: 8, SEALED: 16 } as const;
export const AttachmentFlag = { DYNAMIC: 1 } as const;

/** FREE → FILLING → OPEN → TAKEN | LOST → (the sender has seen it) OPENED | REVOKED; OPEN → REVOKED | GONE. */
export const TicketPhase = {
  FREE: 0,
  FILLING: 1,
  OPEN: 2,
  TAKEN: 3,
  LOST: 4,
  OPENED: 5,
  REVOKED: 6,
  GONE: 7,
} as const;
