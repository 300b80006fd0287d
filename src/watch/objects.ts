// SPDX-License-Identifier: MIT
/**
 * watch/objects — things one waits for, in words, and who would have to act so that a wait ends.
 */

import { keyKind, keyRow, type ObjectKind, tagSlot } from '../agent/index.js';
import { listOf } from '../resv/index.js';
import { memberName } from './names.js';
import type { Watched } from './watched.js';

/** Steps of a chain that are told; a longer one is a circle or nearly. */
const LONGEST = 16;

type Describe = (rooms: Watched, row: number) => string;

const DESCRIBE: Readonly<Record<ObjectKind, Describe>> = {
  lock: (rooms, row) => `the lock of ${describeReservation(rooms, row)}`,
  fence: (rooms, row) => describeFence(rooms, row),
  queue: (_rooms, row) => `a message in channel ${row}`,
  space: (_rooms, row) => `space in channel ${row}`,
  pool: (_rooms, row) => `a free buffer of pool ${row}`,
  buffer: (rooms, row) => {
    const list = listOf(row);
    return list < 0 ? `buffer row ${row}` : `a new fence of ${describeReservation(rooms, list)}`;
  },
  agent: (rooms, object) => describeCall(rooms, object),
};

/** "the lock of buffer 12 \"frame\"", and so on. */
export function describeObject(rooms: Watched, key: number): string {
  return DESCRIBE[keyKind(key) ?? 'agent'](rooms, keyRow(key));
}

function describeReservation(rooms: Watched, row: number): string {
  if (row >= rooms.agent.arena.limits.buffers) return `shared reservation ${row}`;
  const name = rooms.buffers.rows.name(row);
  return `buffer ${rooms.buffers.rows.id(row)}${name === null ? '' : ` "${name}"`}`;
}

function describeFence(rooms: Watched, row: number): string {
  const { fences, agent } = rooms;
  const context = fences.contextOf(row);
  const owner = fences.ownerOf(row);
  const by = owner === 0 ? 'whoever receives it' : memberName(agent, tagSlot(owner));
  return `fence ${fences.timelineName(context)}:${fences.seqnoOf(row)}, owed by ${by}`;
}

function describeCall(rooms: Watched, object: number): string {
  const target = rooms.buffers.calls.targetOf(object);
  return target < 0 ? 'an agent' : `the exporter in ${memberName(rooms.agent, target)}`;
}

/** The slot that has to act, or -1. */
function holderOf(rooms: Watched, key: number): number {
  const row = keyRow(key);
  if (keyKind(key) === 'lock') return rooms.reservations.holder(row);
  if (keyKind(key) === 'fence') return tagSlot(rooms.fences.ownerOf(row));
  if (keyKind(key) === 'agent') return rooms.buffers.calls.targetOf(row);
  return -1;
}

/** First what is waited for, then who would have to act, what they wait for, and so on. */
export function describeWait(rooms: Watched, keys: readonly number[]): string[] {
  const lines = [keys.map((key) => describeObject(rooms, key)).join(' or ')];
  const seen = new Set<number>();
  let key = keys[0] ?? 0;
  while (key !== 0 && lines.length < LONGEST) {
    const holder = holderOf(rooms, key);
    if (holder < 0) break;
    const name = memberName(rooms.agent, holder);
    if (seen.has(holder)) {
      lines.push(`${name}: a circle`);
      break;
    }
    seen.add(holder);
    key = rooms.agent.slots.word(holder, 'blocked');
    const waits = key === 0 ? 'is not blocked' : `waits for ${describeObject(rooms, key)}`;
    lines.push(`${describeObject(rooms, keys[0] ?? 0)}: ${name} ${waits}`);
  }
  return lines;
}
