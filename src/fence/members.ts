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

import { load, store } from '../mem/index.js';
import type { FenceBlocks } from './blocks.js';
import {
  generationOf,
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

/** Names of up to four members. */
interface Names {
  readonly words: readonly number[];
  readonly high: number;
}

function pack(points: readonly (Point | null)[]): Names {
  const words = points.map((point) =>
    point === null ? 0 : memberWord(point.row, point.generation),
  );
  const high = points.reduce(
    (bytes, point, place) => bytes | highByte(point?.generation ?? 0, place),
    0,
  );
  return { words, high };
}

function unpack({ words, high }: Names, place: number): Point | null {
  const word = words[place] ?? 0;
  const row = memberRow(word);
  return row === 0 ? null : { row, generation: memberGeneration(word, high, place) };
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
  let next = 0;
  for (let index = rows.length - 1; index >= 0; index--) {
    const row = rows[index] as number;
    const four = points.slice(index * MEMBERS_PER_ROW, (index + 1) * MEMBERS_PER_ROW);
    write(records, row, next, pack(four));
    next = row;
  }
  return moreWord(next, kind);
}

/** Writes what a link says. @returns the container's word `more` */
export function writeLink(records: FenceRecords, row: number, names: LinkNames): number {
  const { words, high } = pack([names.payload, names.previous]);
  const seqno = [names.previousSeqno | 0, Math.floor(names.previousSeqno / 2 ** 32)];
  write(records, row, 0, { words: [...words, ...seqno], high });
  return moreWord(row, Kind.CHAIN);
}

function write(records: FenceRecords, row: number, next: number, names: Names): void {
  const { words: w } = records;
  const at = records.at(row);
  store(w, at + members.next, next);
  for (let place = 0; place < MEMBERS_PER_ROW; place++) {
    store(w, at + members.names + place, names.words[place] ?? 0);
  }
  store(w, at + members.high, names.high);
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

/** What stands in the rows of that container; null when it, or what it is made of, has gone. */
function read(records: FenceRecords, { row, generation }: Point, kind: Kind): Names[] | null {
  const { words: w } = records;
  const more = records.moreOf(row);
  if (kindIn(more) !== kind) return null;
  const owner = records.ownerOf(row);
  const found: Names[] = [];
  for (let part = membersIn(more); part !== 0; ) {
    const at = records.at(part);
    const state = load(w, at);
    if (phaseOf(state) !== Phase.MEMBERS || load(w, at + members.owner) !== owner) return null;
    const words = Array.from({ length: MEMBERS_PER_ROW }, (_, place) =>
      load(w, at + members.names + place),
    );
    found.push({ words, high: load(w, at + members.high) });
    const next = load(w, at + members.next);
    if (load(w, at) !== state) return null;
    part = next;
  }
  return generationOf(records.stateOf(row)) === generation ? found : null; // P5
}

/** Points of a set; null when nobody knows any more. */
export function readSet(records: FenceRecords, set: Point, kind: Kind): readonly Point[] | null {
  const parts = read(records, set, kind);
  if (parts === null) return null;
  return parts.flatMap((names) => names.words.flatMap((_, place) => unpack(names, place) ?? []));
}

/** What a link says; null when nobody knows any more. */
export function readLink(records: FenceRecords, link: Point): LinkNames | null {
  const [names] = read(records, link, Kind.CHAIN) ?? [];
  if (names === undefined) return null;
  const { words } = names;
  return {
    payload: unpack(names, PAYLOAD) as Point,
    previous: unpack(names, PREVIOUS),
    previousSeqno: (words[SEQNO_HIGH] ?? 0) * 2 ** 32 + ((words[SEQNO_LOW] ?? 0) >>> 0),
  };
}
