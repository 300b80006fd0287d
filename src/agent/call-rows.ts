// SPDX-License-Identifier: MIT
/**
 * agent/call-rows — the records of calls between agents, word by word.
 *
 * An agent posts calls in records of its own. `state` says who may write what: the caller while IDLE, and from DONE on; the
 * target while RUNNING or ABANDONED. A message is written before the store that passes it on, and read after the load that saw
 * it. Each transition is one CAS, so that caller, target and reaper cannot both have made it.
 *
 * The serial in `state` makes every call another one: nobody takes the answer to an earlier call for that to a later one.
 */

import {
  type Arena,
  byteLength,
  cas,
  load,
  readText,
  store,
  type Words,
  writeText,
} from '../mem/index.js';
import { CallLayout, CallPhase, CallSection, MESSAGE_WORDS } from './layout.js';

const call = CallLayout.at;
const HIGH = 2 ** 32;

/** Phase of a state word. */
export const phaseOfCall = (state: number): number => state & 7;

/** Writes a message, or reads it: the same calls in the same order. */
export class Message {
  #next: number;
  readonly #end: number;

  constructor(
    readonly words: Words,
    at: number,
  ) {
    this.#next = at;
    this.#end = at + MESSAGE_WORDS;
  }

  /** Numbers that still have room, if nothing else is written. */
  get room(): number {
    return this.#end - this.#next;
  }

  putWord(value: number): void {
    store(this.words, this.#take(1), value);
  }

  word(): number {
    return load(this.words, this.#take(1));
  }

  /** A safe integer. */
  putLong(value: number): void {
    this.putWord(Math.floor(value / HIGH));
    this.putWord(value | 0);
  }

  long(): number {
    const high = this.word() >>> 0;
    return high * HIGH + (this.word() >>> 0);
  }

  /** Cut where there is no room for all of it. */
  putText(text: string): void {
    const most = (this.room - 1) * 4;
    let cut = text;
    while (byteLength(cut) > most) cut = cut.slice(0, Math.floor(cut.length * 0.9));
    const at = this.#take(1 + Math.ceil(byteLength(cut) / 4));
    writeText(this.words, at, cut);
  }

  text(): string {
    const bytes = Math.min(load(this.words, this.#next) >>> 0, (this.room - 1) * 4);
    return readText(this.words, this.#take(1 + Math.ceil(bytes / 4)), bytes);
  }

  #take(words: number): number {
    const at = this.#next;
    if (words > this.room) throw new RangeError('a message of a call is too long');
    this.#next += words;
    return at;
  }
}

export class CallRows {
  /** Records of one agent. */
  readonly each: number;
  readonly #words: Words;
  readonly #base: number;

  constructor(arena: Arena) {
    this.#words = arena.words;
    this.#base = arena.base(CallSection);
    this.each = CallSection.rows(arena.limits) / arena.limits.agents;
  }

  /** Slot of the agent that calls. */
  caller(row: number): number {
    return Math.floor(row / this.each);
  }

  state(row: number): number {
    return load(this.#words, this.#at(row) + call.state);
  }

  /** One transition; the serial stays, but IDLE begins the next one. @returns whether it was made */
  move(row: number, from: number, phase: number): boolean {
    const to = (phase === CallPhase.IDLE ? from + 8 : from) & ~7;
    return cas(this.#words, this.#at(row) + call.state, from, to | phase) === from;
  }

  word(
    row: number,
    field: 'target' | 'kind' | 'lockRow' | 'lockTag' | 'ping' | 'pong' | 'error',
  ): number {
    return load(this.#words, this.#at(row) + call[field]);
  }

  setWord(
    row: number,
    field: 'target' | 'kind' | 'lockRow' | 'lockTag' | 'ping' | 'pong' | 'error',
    value: number,
  ): void {
    store(this.#words, this.#at(row) + call[field], value);
  }

  message(row: number): Message {
    return new Message(this.#words, this.#at(row) + call.message);
  }

  #at(row: number): number {
    return this.#base + row * CallLayout.size;
  }
}
