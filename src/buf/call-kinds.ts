// SPDX-License-Identifier: MIT
/**
 * buf/call-kinds — what an importer's agent asks an exporter's agent for, and how it is written down.
 *
 * A mapping crosses as ranges of heap buffers by row and generation; whoever reads them takes a reference of its own before the
 * exporter can be told to unmap.
 */

import type { Message } from '../agent/index.js';
import type { Device } from './device.js';
import { makeDevice } from './device.js';
import { CPU_INTENTS, type CpuIntent, DIRECTIONS, type Direction } from './direction.js';

export const CallKind = {
  ATTACH: 1,
  DETACH: 2,
  MAP: 3,
  /** The segments that did not fit into the answer. */
  MORE: 4,
  PIN: 5,
  BEGIN: 6,
  /** Begins, or goes on with the segments that did not fit. */
  VMAP: 7,
  /** What ends, and cannot fail: see endings. */
  ENDINGS: 8,
  /** As VMAP, of a part. */
  MMAP: 9,
} as const;

/** Words of a segment: row, generation, offset, length. */
const SEGMENT_WORDS = 6;

/** Bytes of a heap buffer. */
export interface Range {
  readonly row: number;
  readonly generation: number;
  readonly offset: number;
  readonly length: number;
}

/** A mapping, as far as it fits into one message. */
export interface MappingPart {
  /** Name of the mapping between the two agents. */
  readonly id: number;
  readonly direction: Direction;
  readonly moveGen: number;
  /** The exporter keeps it until detach. */
  readonly kept: boolean;
  /** Number of segments in all. */
  readonly count: number;
  readonly ranges: readonly Range[];
}

export function putMapping(message: Message, part: MappingPart): void {
  message.putWord(part.id);
  message.putWord(DIRECTIONS.indexOf(part.direction));
  message.putWord(part.moveGen);
  message.putWord(part.kept ? 1 : 0);
  message.putWord(part.count);
  putRanges(message, part.ranges);
}

export function readMapping(message: Message): MappingPart {
  const id = message.word();
  const direction = DIRECTIONS[message.word()] ?? 'bidirectional';
  const moveGen = message.word();
  const kept = message.word() === 1;
  const count = message.word();
  return { id, direction, moveGen, kept, count, ranges: readRanges(message) };
}

/** As many as there is room for. */
export function putRanges(message: Message, ranges: readonly Range[]): void {
  const fitting = ranges.slice(0, Math.floor((message.room - 1) / SEGMENT_WORDS));
  message.putWord(fitting.length);
  for (const { row, generation, offset, length } of fitting) {
    message.putWord(row);
    message.putWord(generation);
    message.putLong(offset);
    message.putLong(length);
  }
}

export function readRanges(message: Message): Range[] {
  return Array.from({ length: message.word() }, () => ({
    row: message.word(),
    generation: message.word(),
    offset: message.long(),
    length: message.long(),
  }));
}

export function putDevice(message: Message, { name, caps }: Device): void {
  message.putLong(caps.maxSegments === Infinity ? 0 : caps.maxSegments);
  message.putWord(caps.peerToPeer ? 1 : 0);
  message.putText(name);
}

export function readDevice(op: string, message: Message): Device {
  const most = message.long();
  const peerToPeer = message.word() === 1;
  return makeDevice(op, message.text(), { maxSegments: most === 0 ? Infinity : most, peerToPeer });
}

export function putDirection(message: Message, direction: Direction): void {
  message.putWord(DIRECTIONS.indexOf(direction));
}

export function readDirection(message: Message): Direction {
  return DIRECTIONS[message.word()] ?? 'bidirectional';
}

export function putIntent(message: Message, intent: CpuIntent): void {
  message.putWord(CPU_INTENTS.indexOf(intent));
}

export function readIntent(message: Message): CpuIntent {
  return CPU_INTENTS[message.word()] ?? 'read-write';
}
