// SPDX-License-Identifier: MIT
/**
 * buf/sharing — tickets as calls: share, revoke, open.
 *
 * Pairs  P8 sender: ticket OPEN, then is the receiver still there ↔ leaver: slot LEAVING, then all tickets.
 */

import { checkObject, fail, shown } from '../errors.js';
import type { Buffers } from './buffers.js';
import type { DmaBuf } from './dma-buf.js';
import type { Member } from './member.js';
import { checkShare, type Share } from './share.js';

/** Who a share is for. @throws EINVAL not a member of this domain */
function tagOf(op: string, { ports }: Buffers, to: Member | undefined): number {
  if (to === undefined) return 0;
  const tag = ports.memberTag?.(to) ?? null;
  if (tag !== null) return tag;
  const why = 'to must be a Member: what spawn() or adopt() returned';
  throw fail('EINVAL', op, { to: shown(to) }, { why });
}

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
  const { agent, tickets } = buffers;
  const tag = tagOf(op, buffers, to);
  const gone = (): Error =>
    fail('ESTALE', op, { member: to?.name ?? '' }, { why: 'that member has gone' });
  if (to !== undefined && tag === 0) throw gone();
  reference.holders++;
  let issued: [number, number];
  try {
    issued = tickets.issue(op, reference, tag, readOnly || buf.readOnly);
  } catch (error) {
    buffers.drop(reference);
    throw error;
  }
  const [ticket, generation] = issued;
  if (tag !== 0 && !agent.serves(tag)) {
    tickets.revoke(ticket, generation); // P8
    throw gone();
  }
  return { dmabuf: 'share', domain: agent.arena.id, id: reference.id, generation, ticket };
}

/** @returns false: too late, or not a share of this agent */
export function revokeShare(buffers: Buffers, share: Share): boolean {
  const { agent, tickets } = buffers;
  const known = checkShare('DmaBuf.revoke', share, agent.arena.id, tickets.limit);
  return tickets.revoke(known.ticket, known.generation);
}

/**
 * Takes over a share. Never waits.
 * @throws ESTALE opened already, revoked, or the sender has gone · EXDEV · EACCES it is for somebody else · EINVAL
 * @source dma_buf_get
 */
export function openShare(buffers: Buffers, op: string, share: Share): DmaBuf {
  const { agent, tickets } = buffers;
  const { ticket, generation, id } = checkShare(op, share, agent.arena.id, tickets.limit);
  const note = tickets.read(op, ticket, generation);
  if (note.to !== 0 && note.to !== agent.tag) {
    throw fail('EACCES', op, { buffer: id }, { why: 'the share is for another member' });
  }
  const buf = buffers.adopt(note.row, note.generation, note.readOnly);
  try {
    if (buf !== null && buf.id !== id) {
      const why = 'this is not what share() returned: the ticket is for another buffer';
      throw fail('EINVAL', op, { buffer: id, ticket }, { why });
    }
    tickets.take(op, ticket, note);
    if (buf !== null) return buf;
    throw fail('ESTALE', op, { buffer: id }, { why: 'the buffer is gone' });
  } catch (error) {
    buf?.close();
    throw error;
  }
}
