// SPDX-License-Identifier: MIT
/**
 * watch/snapshot — all that is alive, without a lock: cheap, consistent per record.
 */

import { type AttachmentView, generationOf, Phase, phaseOf } from '../buf/index.js';
import type { Usage } from '../resv/index.js';
import { type MemberView, members } from './members.js';
import { memberName, slotsOf } from './names.js';
import type { Watched } from './watched.js';

export interface DomainSnapshot {
  readonly buffers: readonly BufferView[];
  readonly members: readonly MemberView[];
  readonly heaps: readonly {
    readonly name: string;
    readonly size: number;
    readonly used: number;
  }[];
  /** By copyOut() and by us; 0 is the point of all this. */
  readonly bytesCopied: number;
}

export interface BufferView {
  readonly id: number;
  readonly name: string | null;
  readonly exporter: string;
  readonly size: number;
  /** Member → 1, or for this agent the number of its handles. */
  readonly refs: Readonly<Record<string, number>>;
  /** Tickets that nobody has opened, and queued messages. */
  readonly inFlight: number;
  readonly attachments: readonly {
    readonly device: string;
    readonly member: string;
    readonly dynamic: boolean;
    readonly mapped: number;
    readonly pinned: number;
  }[];
  readonly lock: LockView | null;
  readonly fences: readonly {
    readonly usage: Usage;
    readonly timeline: string;
    readonly seqno: number;
    readonly signaled: boolean;
  }[];
}

interface LockView {
  readonly holder: string;
  readonly forMs: number;
  readonly waiters: readonly string[];
}

export function snapshot(rooms: Watched): DomainSnapshot {
  const attachments = [...rooms.buffers.attachments.all()];
  const inFlight = rooms.inFlight();
  return {
    buffers: liveRows(rooms)
      .map((row) => viewOf(rooms, row, attachments, inFlight))
      .filter((view) => view !== null),
    members: members(rooms),
    heaps: rooms.heaps.map(({ name, size, used }) => ({ name, size, used })),
    bytesCopied: rooms.buffers.rows.bytesCopied,
  };
}

/** Rows of buffers that somebody refers to; those that rest in a pool are nobody's. */
export function liveRows(rooms: Watched): number[] {
  const { life } = rooms.buffers;
  const rows = Array.from({ length: life.used }, (_, row) => row);
  return rows.filter((row) => phaseOf(life.of(row)) === Phase.LIVE);
}

function viewOf(
  rooms: Watched,
  row: number,
  attachments: readonly AttachmentView[],
  inFlight: (row: number, generation: number) => number,
): BufferView | null {
  const { buffers } = rooms;
  const { rows, life } = buffers;
  const generation = generationOf(life.of(row));
  const exporter = rows.word(row, 'exporter');
  const mine = attachments.filter((att) => att.buffer === row && att.generation === generation);
  const view = {
    id: rows.id(row),
    name: rows.name(row),
    exporter: exporter === 0 ? buffers.heap.name : rows.exporterName(row),
    size: rows.size(row),
    refs: refsOf(rooms, row),
    inFlight: inFlight(row, generation),
    attachments: mine.map(({ device, owner, dynamic, mapped, pinned }) => ({
      device,
      member: memberName(rooms.agent, (owner & 0x1ff) - 1),
      dynamic,
      mapped,
      pinned,
    })),
    lock: lockOf(rooms, rows.word(row, 'resv')),
    fences: rooms.reservations.describe(rows.word(row, 'resv')),
  };
  // It may have gone meanwhile, and the row may be another one's.
  return life.isLive(row, generation) ? view : null;
}

function refsOf(rooms: Watched, row: number): Record<string, number> {
  const { agent, buffers } = rooms;
  const refs: Record<string, number> = {};
  for (const index of slotsOf(agent)) {
    if (!buffers.life.refers(index, row)) continue;
    refs[memberName(agent, index)] = index === agent.slot ? buffers.holders(row) : 1;
  }
  return refs;
}

function lockOf(rooms: Watched, resv: number): LockView | null {
  const { agent, reservations } = rooms;
  const holder = reservations.holder(resv);
  if (holder < 0) return null;
  return {
    holder: memberName(agent, holder),
    forMs: reservations.heldFor(resv),
    waiters: reservations.waiters(resv).map((index) => memberName(agent, index)),
  };
}
