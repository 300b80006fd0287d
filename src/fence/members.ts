// SPDX-License-Identifier: MIT
/**
 * fence/members — what a container is made of, in shared memory.
 *
 * Members stand in rows of the fence table that are in phase MEMBERS: four names each, linked by `next`. A set names its points.
 * A link of a chain names its payload and what was before it, and keeps the number of that. Nothing of it changes as long as the
 * container is what it is, so no reader needs a lock.
 *
 * Invariants  Members are complete before the container is PENDING, and are recycled after the container only.
 *             Members of a dead agent may be recycled before their container is: whoever reads looks whether each row is still
 *             the maker's, and still the same.
 * Pairs       P5 reader: members, then the container's generation ↔ maker: the container's new generation, then the members.
 */

import { load, store, type Words } from '../mem/index.js';
import type { FenceBlocks } from './blocks.js';
import {
  highByte,
  Kind,
  kindIn,
  MEMBERS_PER_ROW,
  MembersLayout,
  memberGeneration,
  memberRow,
  membersIn,
  memberWord,
  moreWord,
  Phase,
  phaseOf,
  stateWord,
} from './layout.js';
import type { FenceRecords, Point } from './records.js';

const { at: members } = MembersLayout;
/** Places of a link's row. */
const [PAYLOAD, PREVIOUS, SEQNO_LOW, SEQNO_HIGH] = [0, 1, 2, 3] as const;

/** What a link of a chain says. */
export interface LinkNames {
  readonly payload: Point;
  /** What was before it; null: it is the first. */
  readonly previous: Point | null;
  /** Its number, if it is a link of the same timeline, else 0. */
  readonly previousSeqno: number;
}

const NONE: Point = { row: 0, generation: 0 };

function writeName(words: Words, at: number, place: number, point: Point): void {
  store(words, at + members.names + place, memberWord(point.row, point.generation));
}

function readName(words: Words, at: number, place: number): Point | null {
  const word = load(words, at + members.names + place);
  const row = memberRow(word);
  if (row === 0) return null;
  return { row, generation: memberGeneration(word, load(words, at + members.high), place) };
}

/**
 * Rows for the members of one container. Each is marked as soon as it is taken: looking for the next one must not find it free.
 * @throws ENFILE with nothing taken
 */
export function takeRows(
  records: FenceRecords,
  blocks: FenceBlocks,
  count: number,
): readonly number[] {
  const rows: number[] = [];
  try {
    while (rows.length < count) {
      const row = blocks.take();
      store(records.words, records.at(row) + members.owner, records.agent.tag);
      store(records.words, records.at(row), stateWord(blocks.generation, Phase.MEMBERS));
      rows.push(row);
    }
  } catch (error) {
    for (const row of rows) recycleMembers(records, row);
    throw error;
  }
  return rows;
}

/** How many rows so many points need. */
export const rowsFor = (points: number): number => Math.ceil(points / MEMBERS_PER_ROW);

/** Writes the points of a set. @returns the container's word `more` */
export function writeSet(
  records: FenceRecords,
  rows: readonly number[],
  points: readonly Point[],
  kind: Kind,
): number {
  for (const [index, row] of rows.entries()) {
    const at = records.at(row);
    let high = 0;
    for (let place = 0; place < MEMBERS_PER_ROW; place++) {
      const point = points[index * MEMBERS_PER_ROW + place] ?? NONE;
      writeName(records.words, at, place, point);
      high |= highByte(point.generation, place);
    }
    store(records.words, at + members.high, high);
    store(records.words, at + members.next, rows[index + 1] ?? 0);
  }
  return moreWord(rows[0] ?? 0, kind);
}

/** Writes what a link says. @returns the container's word `more` */
export function writeLink(records: FenceRecords, row: number, names: LinkNames): number {
  const { words } = records;
  const at = records.at(row);
  const { payload, previous, previousSeqno } = names;
  const before = previous ?? NONE;
  writeName(words, at, PAYLOAD, payload);
  writeName(words, at, PREVIOUS, before);
  store(words, at + members.names + SEQNO_LOW, previousSeqno | 0);
  store(words, at + members.names + SEQNO_HIGH, Math.floor(previousSeqno / 2 ** 32));
  const high = highByte(payload.generation, PAYLOAD) | highByte(before.generation, PREVIOUS);
  store(words, at + members.high, high);
  store(words, at + members.next, 0);
  return moreWord(row, Kind.CHAIN);
}

/** Calls `each` for every row of members, of a container of one's own. */
export function eachMemberRow(
  records: FenceRecords,
  more: number,
  each: (records: FenceRecords, row: number) => unknown,
): void {
  for (let row = membersIn(more); row !== 0; ) {
    const next = load(records.words, records.at(row) + members.next);
    each(records, row);
    row = next;
  }
}

/** Names stand where a fence has its word `more`: the next one in this row must not look like a container. */
export function recycleMembers(records: FenceRecords, row: number): number {
  const generation = records.recycle(row, records.stateOf(row));
  records.setMore(row, 0);
  return generation;
}

/** The state of a row of members, if it is that maker's; else 0. */
function partState(records: FenceRecords, at: number, owner: number): number {
  const state = load(records.words, at);
  const is = phaseOf(state) === Phase.MEMBERS && load(records.words, at + members.owner) === owner;
  return is ? state : 0;
}

/** Points of a set; null when it, or what it is made of, has gone. */
export function readSet(records: FenceRecords, set: Point, kind: Kind): readonly Point[] | null {
  const { words } = records;
  const more = records.moreOf(set.row);
  // Before it is followed: of another generation it may be anything.
  if (!records.isCurrent(set.row, set.generation) || kindIn(more) !== kind) return null; // P5
  const owner = records.ownerOf(set.row);
  const points: Point[] = [];
  for (let part = membersIn(more); part !== 0; ) {
    const at = records.at(part);
    const state = partState(records, at, owner);
    if (state === 0) return null;
    for (let place = 0; place < MEMBERS_PER_ROW; place++) {
      const point = readName(words, at, place);
      if (point !== null) points.push(point);
    }
    part = load(words, at + members.next);
    if (load(words, at) !== state) return null;
  }
  return records.isCurrent(set.row, set.generation) ? points : null; // P5
}

/** What a link says; null when nobody knows any more. */
export function readLink(records: FenceRecords, link: Point): LinkNames | null {
  const { words } = records;
  const more = records.moreOf(link.row);
  if (!records.isCurrent(link.row, link.generation) || kindIn(more) !== Kind.CHAIN) return null; // P5
  const at = records.at(membersIn(more));
  const state = partState(records, at, records.ownerOf(link.row));
  const payload = state === 0 ? null : readName(words, at, PAYLOAD);
  if (payload === null) return null;
  const previous = readName(words, at, PREVIOUS);
  const low = load(words, at + members.names + SEQNO_LOW);
  const high = load(words, at + members.names + SEQNO_HIGH);
  if (load(words, at) !== state || !records.isCurrent(link.row, link.generation)) return null; // P5
  return { payload, previous, previousSeqno: high * 2 ** 32 + (low >>> 0) };
}
