// SPDX-License-Identifier: MIT
/**
 * buf/sharing — tickets as calls: share, revoke, open. For buffers, and for whatever else is counted by references of agents.
 *
 * Pairs  P8 sender: ticket OPEN, then is the receiver still there ↔ leaver: slot LEAVING, then all tickets.
 */

import type { Agent } from '../agent/index.js';
import { checkObject, fail, shown } from '../errors.js';
import type { Buffers } from './buffers.js';
import type { DmaBuf } from './dma-buf.js';
import type { Member } from './member.js';
import { checkShare, type Share, type ShareFields } from './share.js';
import type { Referred, TicketNote, Tickets } from './tickets.js';

/** This agent's reference to what is shared. */
export interface Counted extends Referred {
  readonly id: number;
  /** Handles of this agent, and tickets on their way. */
  holders: number;
}

/** References of one kind, and the tickets for them. */
export interface Sharing<R extends Counted> {
  readonly agent: Agent;
  readonly tickets: Tickets<R>;
  readonly ports: { readonly memberTag?: (member: Member) => number | null };
  /** One holder less. */
  drop(reference: R): void;
}

/** What somebody may be told who cannot have it. */
export interface ShareKind {
  /** Value of `dmabuf`. */
  readonly kind: string;
  /** What it is for, in messages. */
  readonly noun: string;
}

const BUFFER: ShareKind = { kind: 'share', noun: 'buffer' };

/** Who a share is for. @throws EINVAL not a member of this domain */
function tagOf<R extends Counted>(op: string, { ports }: Sharing<R>, to: Member | undefined) {
  if (to === undefined) return 0;
  const tag = ports.memberTag?.(to) ?? null;
  if (tag !== null) return tag;
  const why = 'to must be a Member: what spawn() or adopt() returned';
  throw fail('EINVAL', op, { to: shown(to) }, { why });
}

/** A new ticket, which holds the reference. @throws ESTALE · ENFILE · EINVAL */
export function send<R extends Counted>(
  op: string,
  sharing: Sharing<R>,
  reference: R,
  to: Member | undefined,
  readOnly: boolean,
): ShareFields {
  const { agent, tickets } = sharing;
  const tag = tagOf(op, sharing, to);
  const gone = (): Error =>
    fail('ESTALE', op, { member: to?.name ?? '' }, { why: 'that member has gone' });
  if (to !== undefined && tag === 0) throw gone();
  reference.holders++;
  let issued: [number, number];
  try {
    issued = tickets.issue(op, reference, tag, readOnly);
  } catch (error) {
    sharing.drop(reference);
    throw error;
  }
  const [ticket, generation] = issued;
  if (tag !== 0 && !agent.serves(tag)) {
    tickets.revoke(ticket, generation); // P8
    throw gone();
  }
  return { domain: agent.arena.id, id: reference.id, generation, ticket };
}

/** @returns false: too late, or not a share of this agent */
export function takeBack<R extends Counted>(
  op: string,
  { agent, tickets }: Sharing<R>,
  { kind }: ShareKind,
  share: unknown,
): boolean {
  const known = checkShare(op, kind, share, agent.arena.id, tickets.limit);
  // Who has left has no tickets any more: their rows may be somebody else's.
  return !agent.left && tickets.revoke(known.ticket, known.generation);
}

/**
 * Takes over a share: `adopt` makes a handle of what the ticket names, or null when that is gone.
 * @throws ESTALE opened already, revoked, or the sender has gone · EXDEV · EACCES it is for somebody else · EINVAL
 */
export function receive<R extends Counted, H extends { readonly id: number; close(): void }>(
  op: string,
  { agent, tickets }: Sharing<R>,
  { kind, noun }: ShareKind,
  share: unknown,
  adopt: (note: TicketNote) => H | null,
): H {
  const { ticket, generation, id } = checkShare(op, kind, share, agent.arena.id, tickets.limit);
  const note = tickets.read(op, ticket, generation);
  if (note.to !== 0 && note.to !== agent.tag) {
    throw fail('EACCES', op, { [noun]: id }, { why: 'the share is for another member' });
  }
  const handle = adopt(note);
  try {
    if (handle !== null && handle.id !== id) {
      const why = `this is not what share() returned: the ticket is for another ${noun}`;
      throw fail('EINVAL', op, { [noun]: id, ticket }, { why });
    }
    tickets.take(op, ticket, note);
    if (handle !== null) return handle;
    throw fail('ESTALE', op, { [noun]: id }, { why: `the ${noun} is gone` });
  } catch (error) {
    handle?.close();
    throw error;
  }
}

// ----------------------------------------------------------------------------------------------- of buffers

/** @throws ESTALE · ENFILE · EINVAL */
export function shareOf(
  buffers: Buffers,
  buf: DmaBuf,
  options: { readonly to?: Member; readonly readOnly?: boolean } = {},
): Share {
  const op = 'DmaBuf.share';
  checkObject(op, 'options', options);
  const { to, readOnly = false } = options;
  const reference = buf.use(op);
  return { dmabuf: 'share', ...send(op, buffers, reference, to, readOnly || buf.readOnly) };
}

/** @returns false: too late, or not a share of this agent */
export function revokeShare(buffers: Buffers, share: Share): boolean {
  return takeBack('DmaBuf.revoke', buffers, BUFFER, share);
}

/**
 * Takes over a share. Never waits.
 * @throws ESTALE opened already, revoked, or the sender has gone · EXDEV · EACCES it is for somebody else · EINVAL
 * @source dma_buf_get
 */
export function openShare(buffers: Buffers, op: string, share: Share): DmaBuf {
  return receive(op, buffers, BUFFER, share, ({ row, generation, readOnly }) =>
    buffers.adopt(row, generation, readOnly),
  );
}
