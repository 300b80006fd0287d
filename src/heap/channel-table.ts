// SPDX-License-Identifier: MIT
/**
 * heap/channel-table — channels by name, and the runs of lines they own.
 *
 * A channel lives as long as somebody has it open or something is in it: messages survive their sender's death and its leaving.
 * An ended channel that has had no receiver yet is remembered, too, so that one who comes late learns of the end. What lives
 * no more keeps its row until somebody opens that name again, or until rows or lines run out.
 *
 * Invariants  runs of LIVE rows do not overlap: they are given out under the lock of the table.
 * Deaths      see registry. A run belongs to its row; nothing else has to be given back.
 */

import { type Agent, anyBit, setBit } from '../agent/index.js';
import { fail } from '../errors.js';
import { load, store, type Words } from '../mem/index.js';
import {
  CellLayout,
  CellSection,
  ChannelControlLayout,
  ChannelControlSection,
  ChannelFlag,
  ChannelLayout,
  ChannelSection,
  cellsFor,
  extraLines,
  NAME_BYTES,
} from './channel-layout.js';
import { type KnownOptions, POLICIES, type Policy } from './channel-options.js';
import { Messages } from './messages.js';
import { Registry } from './registry.js';
import { Ring } from './ring.js';

const channel = ChannelLayout.at;
const LINE = CellLayout.size;
const STANDARD = { capacity: 8, policy: 'wait', metaBytes: 256 } as const;
/** Words of a row that a new channel begins with at 0. */
const FRESH = ['space', 'queue', 'dropped', 'spaceTicket', 'queueTicket', 'tail', 'head'] as const;

export class ChannelTable {
  readonly registry: Registry;
  readonly #words: Words;
  readonly #cells: number;
  readonly #lines: number;

  constructor(readonly agent: Agent) {
    const { arena } = agent;
    const control = arena.base(ChannelControlSection);
    this.registry = new Registry(agent, {
      rows: arena.limits.channels,
      base: arena.base(ChannelSection),
      size: ChannelLayout.size,
      lock: control + ChannelControlLayout.at.lock,
      used: control + ChannelControlLayout.at.used,
      state: channel.state,
      openers: channel.openers,
      name: channel.name,
      nameBytes: NAME_BYTES,
    });
    this.#words = arena.words;
    this.#cells = arena.base(CellSection);
    this.#lines = CellSection.rows(arena.limits);
  }

  /** First word of a row. */
  at(row: number): number {
    return this.registry.at(row);
  }

  word(row: number, field: keyof typeof channel): number {
    return load(this.#words, this.at(row) + channel[field]);
  }

  policy(row: number): Policy {
    return POLICIES[this.word(row, 'policy')] ?? 'wait';
  }

  /** The ring of a LIVE row. */
  ring(row: number): Ring {
    const at = this.at(row);
    const place = {
      words: this.#words,
      cells: this.#cells + this.word(row, 'first') * LINE,
      head: at + channel.head,
      tail: at + channel.tail,
      capacity: this.word(row, 'capacity'),
    };
    return new Ring(place, this.agent.slot);
  }

  /** What stands in the cells of a LIVE row. */
  messages(row: number): Messages {
    const cells = this.#cells + this.word(row, 'first') * LINE;
    const size = cellsFor(this.word(row, 'capacity'));
    return new Messages(this.agent.arena, cells, size, this.word(row, 'metaBytes'));
  }

  /** Opens the channel of that name, or makes it. @returns its row @throws EINVAL · ENFILE · EDEADLK */
  open(op: string, name: string, options: KnownOptions): number {
    return this.registry.locked(op, () => {
      let row = this.registry.find(name);
      if (row >= 0 && this.#isOver(row)) {
        this.registry.free(row);
        row = -1;
      }
      if (row < 0) row = this.#make(op, name, options);
      else this.#compare(op, row, name, options);
      setBit(this.#words, this.at(row) + channel.openers, this.agent.slot);
      return row;
    });
  }

  /** Options that are not given agree with anything. */
  #compare(op: string, row: number, name: string, options: KnownOptions): void {
    const known = {
      capacity: this.word(row, 'capacity'),
      policy: this.policy(row),
      metaBytes: this.word(row, 'metaBytes'),
    };
    for (const key of ['capacity', 'policy', 'metaBytes'] as const) {
      const asked = options[key];
      if (asked === undefined || asked === known[key]) continue;
      const option = key === 'policy' ? 'onFull' : key;
      const why = `the channel exists, with ${option} ${known[key]}`;
      throw fail('EINVAL', op, { channel: name, [option]: asked }, { why });
    }
  }

  // ------------------------------------------------------------------------------------------- making

  #make(op: string, name: string, options: KnownOptions): number {
    const capacity = options.capacity ?? STANDARD.capacity;
    const metaBytes = options.metaBytes ?? STANDARD.metaBytes;
    const cells = cellsFor(capacity);
    const lines = cells * (1 + extraLines(metaBytes));
    const [row, first] = this.#claim(op, name, lines);
    const at = this.at(row);
    const w = this.#words;
    for (const field of FRESH) store(w, at + channel[field], 0);
    for (const bits of [channel.senders, channel.receivers]) {
      for (let i = 0; i < ChannelLayout.fields.senders.size; i++) store(w, at + bits + i, 0);
    }
    store(w, at + channel.capacity, capacity);
    store(w, at + channel.policy, POLICIES.indexOf(options.policy ?? STANDARD.policy));
    store(w, at + channel.metaBytes, metaBytes);
    store(w, at + channel.first, first);
    store(w, at + channel.lines, lines);
    const from = this.#cells + first * LINE;
    for (let word = from; word < from + cells * LINE; word++) store(w, word, 0);
    this.registry.publish(row);
    return row;
  }

  /** A row and a run of lines; what is over gives way. @throws ENFILE */
  #claim(op: string, name: string, lines: number): [row: number, first: number] {
    for (let last = false; ; last = true) {
      const first = this.#gap(lines);
      const row = first < 0 ? -1 : this.registry.claim(name, () => {});
      if (row >= 0) return [row, first];
      if (!last) {
        this.#sweep();
        continue;
      }
      const limit = first < 0 ? this.#lines : this.registry.table.rows;
      const table = first < 0 ? 'channel cells' : 'channels';
      const why = `all ${table} are taken: close some channels, or raise limits.channels`;
      throw fail('ENFILE', op, { table, limit, channel: name }, { why });
    }
  }

  /** First of as many free lines, or -1. */
  #gap(lines: number): number {
    const runs: [first: number, end: number][] = [];
    this.registry.eachLive((row) => {
      const first = this.word(row, 'first');
      runs.push([first, first + this.word(row, 'lines')]);
    });
    runs.sort((a, b) => a[0] - b[0]);
    let next = 0;
    for (const [first, end] of runs) {
      if (first - next >= lines) return next;
      next = end;
    }
    return this.#lines - next >= lines ? next : -1;
  }

  /** Nobody has it open, nothing is in it, and nobody will miss its end. */
  #isOver(row: number): boolean {
    if (!this.#isDeserted(row)) return false;
    const ended = (this.word(row, 'space') & ChannelFlag.ENDED) !== 0;
    return !ended || (this.word(row, 'queue') & ChannelFlag.HAD_RECEIVER) !== 0;
  }

  #isDeserted(row: number): boolean {
    return !anyBit(this.#words, this.at(row) + channel.openers) && this.ring(row).drained;
  }

  /** Rows and lines have run out: ends that nobody came for are forgotten. */
  #sweep(): void {
    this.registry.eachLive((row) => {
      if (this.#isDeserted(row)) this.registry.free(row);
    });
  }
}
