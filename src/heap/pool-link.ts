// SPDX-License-Identifier: MIT
/**
 * heap/pool-link — one agent's view of a pool: which buffers are free, who has the others, and waiting for one.
 *
 * A buffer is free when it rests and its fences have signalled. Who waits stands in the pool's line; let in, it waits for whatever
 * comes first: a buffer that comes back, or a fence of one that rests already. It may be any of them, so a fence of each is watched,
 * however many there are: those that find no wait row make the agent be rung for everything, which is slow, but loses nothing.
 *
 * Pairs  P20, P21 see line: a buffer comes to rest, then the line ↔ row in the line, then the buffers.
 */

import { type Agent, type Operation, objectKey, type Wait } from '../agent/index.js';
import { type Buffers, type DmaBuf, Phase, phaseOf } from '../buf/index.js';
import { fail } from '../errors.js';
import type { Fence, Fences } from '../fence/index.js';
import { add, load, type Words } from '../mem/index.js';
import { Line, LineWait } from './line.js';
import { PoolBufferLayout, PoolBufferSection, PoolLayout } from './pool-layout.js';
import type { PoolTable } from './pool-table.js';

const pool = PoolLayout.at;

/** What a pool needs of its agent. */
export interface PoolHost {
  readonly agent: Agent;
  readonly buffers: Buffers;
  readonly table: PoolTable;
}

/** Who has a buffer of a pool. */
export interface Holder {
  readonly buffer: number;
  readonly member: string;
  readonly forMs: number;
  readonly stack?: string;
}

/** A handle that an operation belongs to. */
interface Party {
  readonly closed: boolean;
}

export class PoolLink {
  readonly name: string;
  readonly count: number;
  readonly size: number;
  readonly line: Line;
  handles = 0;
  readonly #words: Words;
  readonly #rows: readonly number[];
  readonly #rests: number;
  readonly #takes: number;
  readonly #since: number;
  /** Where to look next, so that buffers take turns. */
  #next = 0;

  constructor(
    readonly host: PoolHost,
    readonly row: number,
  ) {
    const { agent, table } = host;
    const at = table.at(row);
    const { count, size } = table.facts(row);
    this.#words = agent.arena.words;
    this.name = table.registry.nameOf(row);
    this.count = count;
    this.size = size;
    this.#rows = table.rows(row);
    this.#rests = at + pool.rests;
    this.#since = agent.arena.base(PoolBufferSection);
    this.#takes = at + pool.takes;
    this.line = new Line(
      agent,
      objectKey('pool', row),
      at + pool.line,
      at + pool.ticket,
      this.#takes,
      (wanted) => this.#rest(wanted),
    );
  }

  // ------------------------------------------------------------------------------------------- looking

  #isResting(row: number): boolean {
    return phaseOf(this.host.buffers.life.of(row)) === Phase.IDLE;
  }

  /** Do so many rest, whatever their fences? */
  #rest(wanted: number): boolean {
    let found = 0;
    for (const row of this.#rows) if (this.#isResting(row) && ++found === wanted) return true;
    return false;
  }

  /** Rests, and its fences have signalled. */
  #isFree(row: number): boolean {
    return this.#isResting(row) && this.host.buffers.reservations.of(row).test('bookkeep');
  }

  get free(): number {
    return this.#rows.filter((row) => this.#isFree(row)).length;
  }

  get hasFree(): boolean {
    return this.#rows.some((row) => this.#isFree(row));
  }

  /** A buffer has come to rest: whoever waits for one looks. */
  announceRest(): void {
    add(this.#words, this.#rests, 1);
    this.line.wake(); // P20
  }

  /** How often a buffer came back. */
  get rests(): number {
    return load(this.#words, this.#rests);
  }

  /** A fence of each buffer that rests but is not free. */
  unsignaled(): Fence[] {
    const found: Fence[] = [];
    for (const row of this.#rows) {
      if (!this.#isResting(row)) continue;
      const [fence] = this.host.buffers.reservations.of(row).fences('bookkeep');
      if (fence !== undefined) found.push(fence);
    }
    return found;
  }

  holders(): Holder[] {
    const { agent, buffers } = this.host;
    const now = agent.platform.now();
    const found: Holder[] = [];
    for (const row of this.#rows) {
      if (phaseOf(buffers.life.of(row)) !== Phase.LIVE) continue;
      const since = agent.arena.floats[this.#sinceAt(row)] ?? now;
      const forMs = Math.max(0, now - since);
      const members: string[] = [];
      for (let slot = 0, used = agent.slots.used; slot < used; slot++) {
        if (buffers.life.refers(slot, row)) members.push(agent.slots.name(slot));
      }
      if (members.length === 0) members.push('(queued)');
      for (const member of members) found.push({ buffer: buffers.rows.id(row), member, forMs });
    }
    return found;
  }

  #sinceAt(row: number): number {
    return (this.#since + row * PoolBufferLayout.size + PoolBufferLayout.at.since) >> 1;
  }

  // ------------------------------------------------------------------------------------------- acquiring

  /** A free buffer, or null. `waited`: has stood in the line. */
  take(waited: boolean): DmaBuf | null {
    if (!waited && !this.line.admitsNewcomer()) return null;
    const rows = this.#rows;
    for (let looked = 0; looked < rows.length; looked++) {
      const row = rows[this.#next] ?? 0;
      this.#next = this.#next + 1 === rows.length ? 0 : this.#next + 1;
      if (!this.#isFree(row)) continue;
      const { agent, buffers } = this.host;
      const buf = buffers.acquireIdle(row, this.row);
      if (buf === null) continue;
      // What failed in its former life is no concern of the next one.
      buffers.reservations.reset(row);
      add(this.#words, this.#takes, 1);
      agent.arena.floats[this.#sinceAt(row)] = agent.platform.now();
      return buf;
    }
    return null;
  }
}

/** Until one of the pool's buffers may be free, for one who is first in line. */
class FreeWait implements Wait {
  readonly keys: readonly number[];
  readonly #link: PoolLink;
  readonly #place: LineWait;
  readonly #rests: number;
  readonly #pending: readonly Fence[];
  readonly #signals: Wait | null;

  constructor(link: PoolLink, place: LineWait, fences: Fences) {
    this.#link = link;
    this.#place = place;
    this.#rests = link.rests;
    this.#pending = link.unsignaled();
    this.#signals = this.#pending.length === 0 ? null : fences.waitForAny(this.#pending);
    this.keys = [...place.keys, ...(this.#signals?.keys ?? [])];
  }

  /** Since this object was made. */
  #changed(): boolean {
    return this.#link.rests !== this.#rests || this.#pending.some((fence) => fence.signaled);
  }

  #holds(admitted: boolean): boolean {
    return admitted && (this.#changed() || this.#link.hasFree);
  }

  ready(): boolean {
    return this.#place.over() || (this.#changed() && this.#place.ready());
  }

  arm(): boolean {
    const admitted = this.#place.arm();
    this.#signals?.arm();
    return this.#place.over() || this.#holds(admitted);
  }

  check(): boolean {
    const admitted = this.#place.check();
    return this.#place.over() || this.#holds(admitted);
  }

  disarm(): void {
    this.#signals?.disarm();
    this.#place.disarm();
  }

  pass(): void {
    this.#place.pass();
  }
}

export function* acquiring(
  op: string,
  link: PoolLink,
  party: Party,
  blocking: boolean,
): Operation<DmaBuf> {
  const place = new LineWait(link.line, () => party.closed, blocking);
  for (;;) {
    const interrupt = yield new FreeWait(link, place, link.host.buffers.fences);
    const failed = interrupt !== null || party.closed;
    const buf = failed ? null : link.take(true);
    if (failed || buf !== null) link.line.wake();
    if (buf !== null) return buf;
    if (interrupt !== null) throw interrupt.error(op, busy(link));
    if (party.closed)
      throw fail('ESTALE', op, { pool: link.name }, { why: 'this pool was closed here' });
    link.line.lost(place);
  }
}

/** Who has all the buffers: for messages. */
function busy(link: PoolLink): Record<string, string | number> {
  const count = new Map<string, number>();
  for (const { member } of link.holders()) count.set(member, (count.get(member) ?? 0) + 1);
  const holders = [...count].map(([member, buffers]) => `${member}: ${buffers}`).join(', ');
  return { pool: link.name, count: link.count, holders: holders === '' ? 'nobody' : holders };
}
