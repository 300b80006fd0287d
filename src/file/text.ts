// SPDX-License-Identifier: MIT
/**
 * file/text — what Linux shows of the file of a buffer in /proc. Takes no lock.
 */

import type { DmaBuf } from '../buf/index.js';
import { checkInteger, fail } from '../errors.js';

/** Bytes of the room in which the kernel puts a name together. */
const ROOM = 64;

/** Agents that refer to the buffer, and tickets that nobody has opened. */
function countOf({ buffers, row }: DmaBuf): number {
  const { agent, life, tickets } = buffers;
  let count = tickets.inFlight().get(row) ?? 0;
  for (let slot = 0; slot < agent.slots.used; slot++) if (life.refers(slot, row)) count++;
  return count;
}

/** @source dma_buf_show_fdinfo */
export function fdinfoOf(buf: DmaBuf): string {
  const { name } = buf;
  const lines = [`size:\t${buf.size}`, `count:\t${countOf(buf)}`, `exp_name:\t${buf.exporter}`];
  if (name !== null) lines.push(`name:\t${name}`);
  return lines.map((line) => `${line}\n`).join('');
}

/** The room is in bytes, with a NUL at the end. @throws ENAMETOOLONG · EINVAL @source dmabuffs_dname */
export function dnameOf(op: string, buf: DmaBuf, room: number): string {
  checkInteger(op, 'room', room, 0);
  const text = `/dmabuf:${buf.name ?? ''}`;
  const bytes = new TextEncoder().encode(text).length + 1;
  if (bytes <= Math.min(room, ROOM)) return text;
  throw fail('ENAMETOOLONG', op, { bytes, room: Math.min(room, ROOM) });
}
