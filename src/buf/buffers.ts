// SPDX-License-Identifier: MIT
/**
 * buf/buffers — all that one agent has to do with buffers: its references, and the making and unmaking of rows.
 *
 * Making takes four steps, so that a death in between leaves a row that says what to take back: `begin` (BUILDING), `place`
 * (the row names its pages), `publish` (LIVE, with one handle), or else `abandon`.
 *
 * Invariants  I15 the last put runs in no critical section: it waits until this agent holds no lock.
 *             A reference with holders > 0 has this agent's bit set; its generation cannot change.
 */

import { type Agent, Calls } from '../agent/index.js';
import { fail, shown } from '../errors.js';
import type { Fences } from '../fence/index.js';
import type { BorrowedLock, Reservation, Reservations } from '../resv/index.js';
import { AttachmentRows } from './attachment-rows.js';
import { BufferRows, type Facts } from './buffer-rows.js';
import { type DmaBuf, makeDmaBuf } from './dma-buf.js';
import { Endings } from './endings.js';
import { Exports } from './exports.js';
import { GuestAccesses } from './guest-accesses.js';
import { Guests } from './guests.js';
import { type Namer, NO_POOLS, type PoolHook, type SharedExporter } from './hooks.js';
import { Phase } from './layout.js';
import { type Leak, Leaks } from './leaks.js';
import { actorOf, generationOf, Life, phaseOf } from './life.js';
import type { Member } from './member.js';
import { Moves } from './moves.js';
import { checkName } from './names.js';
import { Reference } from './reference.js';
import { SealedBuffers } from './sealed-buffers.js';
import type { SealedMemory } from './sealed-memory.js';
import { type SgTable, sgTable } from './sg-table.js';
import { Tickets } from './tickets.js';

/** What the domain passes in. */
export interface BufferPorts {
  /** A handle was garbage-collected while open. */
  readonly onLeak?: (leak: Leak) => void;
  /** A callback failed where it may not fail. Default: an uncaught exception. */
  readonly onError?: (error: unknown) => void;
  /** Remember where handles were made. */
  readonly stacks?: boolean;
  /** Memory that others can only read, where there is such a thing. */
  readonly sealed?: SealedMemory | null;
  /** Tag of the agent that a member is; 0 = it has not joined, or has gone; null = that is no member. */
  readonly memberTag?: (member: Member) => number | null;
}

/** What every buffer is born with. */
export interface NewBuffer {
  readonly size: number;
  readonly name?: string | undefined;
  readonly resv?: Reservation | undefined;
}

export class Buffers {
  readonly rows: BufferRows;
  readonly life: Life;
  readonly tickets: Tickets<Reference>;
  readonly attachments: AttachmentRows;
  readonly exports: Exports;
  readonly sealed: SealedBuffers;
  /** Calls to exporters in other agents, and of importers there. */
  readonly calls: Calls<BorrowedLock>;
  readonly moves: Moves;
  readonly endings: Endings;
  readonly leaks: Leaks;
  readonly #guests: readonly (Guests | GuestAccesses)[];
  readonly #references: (Reference | undefined)[];
  readonly #namers: Namer[] = [];
  readonly #pending = new Set<Promise<void>>();
  #heap: SharedExporter | null = null;
  #pools = NO_POOLS;

  constructor(
    readonly agent: Agent,
    readonly fences: Fences,
    readonly reservations: Reservations,
    readonly ports: BufferPorts = {},
  ) {
    const { arena } = agent;
    this.rows = new BufferRows(arena);
    this.life = new Life(agent, {
      named: (row, generation, queues) =>
        this.#namers.some((names) => names(row, generation, queues)),
      mayRest: (pool) => this.#pools.mayRest(pool),
      rested: (pool, row) => this.#pools.rested(pool, row),
      release: (row) => this.#release(row),
    });
    this.tickets = new Tickets(agent, (reference) => this.drop(reference));
    this.attachments = new AttachmentRows(arena, agent.tag);
    this.exports = new Exports(this);
    this.sealed = new SealedBuffers(this, ports.sealed ?? null);
    this.calls = new Calls(agent, {
      borrow: (row, tag) => reservations.borrow(row, tag),
      handOver: (row, tag, slot, died) => reservations.handOver(row, tag, slot, died),
      holderOf: (row) => reservations.holder(row),
    });
    this.moves = new Moves(this);
    this.endings = new Endings(this);
    const accesses = new GuestAccesses(this);
    this.#guests = [new Guests(this, accesses), accesses];
    this.leaks = new Leaks(agent.platform, (leak) => ports.onLeak?.(leak), ports.stacks);
    this.#references = Array.from({ length: arena.limits.buffers }, () => undefined);
    reservations.details = (row) =>
      row < arena.limits.buffers ? { buffer: this.rows.id(row) } : { reservation: row };
    reservations.registerNamer((row) => this.#namesReservation(row));
    agent.onNote((everything) => {
      this.tickets.sweep();
      this.#sweepOwn(this.exports.rows);
      this.#sweepOwn(this.sealed.rows);
      this.moves.look();
      if (everything) agent.unoccupied(() => this.#sweepGuests());
    });
    agent.reapers.register('attachments', (index, tag) => this.#reapAttachments(index, tag));
    agent.reapers.register('references', (index, tag) => this.#reapReferences(index, tag));
  }

  // ------------------------------------------------------------------------------------------- what others register

  registerHeap(heap: SharedExporter): void {
    this.#heap = heap;
  }

  /** Asked before a buffer dies that some queue may name. Who takes such a name away calls `tryDie` afterwards. */
  registerNamer(names: Namer): void {
    this.#namers.push(names);
  }

  registerPools(pools: PoolHook): void {
    this.#pools = pools;
  }

  // ------------------------------------------------------------------------------------------- making

  /** What every new buffer may be given. @throws EINVAL · EXDEV */
  checkNew(op: string, { name, resv }: Omit<NewBuffer, 'size'>): void {
    if (name !== undefined) checkName(op, 'name', name);
    const room = resv?.room;
    if (resv !== undefined && room !== this.reservations) {
      if (typeof resv !== 'object' || room === undefined) {
        throw fail('EINVAL', op, { resv: shown(resv) }, { why: 'resv must be a Reservation' });
      }
      throw fail('EXDEV', op, {}, { why: 'the reservation belongs to another agent or domain' });
    }
  }

  /** A row of our own, BUILDING, for what `checkNew` let pass. @throws ENFILE */
  begin(op: string, wanted: NewBuffer, exporter: Omit<Facts, 'size' | 'name' | 'resv'>): number {
    const { size, name, resv } = wanted;
    const row = this.life.claim(op);
    if (resv === undefined) this.reservations.reset(row);
    this.rows.write(row, { size, name, resv: resv?.row ?? row, ...exporter });
    return row;
  }

  /** The row names these pages from now on. */
  place(row: number, page: number, pages: number): void {
    this.rows.setWord(row, 'page', page);
    this.rows.setWord(row, 'pages', pages);
  }

  /** BUILDING → LIVE, with one reference of this agent. */
  publish(row: number): Reference {
    const generation = this.life.publish(row);
    return this.#remember(row, generation);
  }

  /** A handle on a row that has just been published. */
  handle(reference: Reference, readOnly = false): DmaBuf {
    reference.holders++;
    return this.#make(reference, readOnly);
  }

  #make(reference: Reference, readOnly: boolean): DmaBuf {
    return makeDmaBuf(this, reference, readOnly || !reference.writableFor(this.agent.tag));
  }

  /** BUILDING → FREE: it came to nothing. */
  abandon(row: number): void {
    this.life.free(row);
  }

  // ------------------------------------------------------------------------------------------- references

  /** This agent's reference by name, and one holder more; null when that generation is gone. */
  enter(row: number, generation: number): Reference | null {
    let reference = this.#references[row];
    if (reference === undefined) {
      if (!this.life.enter(row, generation)) return null;
      reference = this.#remember(row, generation);
    } else if (reference.generation !== generation) return null;
    reference.holders++;
    return reference;
  }

  /** A handle on a buffer that somebody named; null when it is gone. */
  adopt(row: number, generation: number, readOnly = false): DmaBuf | null {
    const reference = this.enter(row, generation);
    return reference === null ? null : this.#make(reference, readOnly);
  }

  /** A handle on a buffer that rested in this pool; null when it does not (any more). */
  acquireIdle(row: number, pool: number): DmaBuf | null {
    if (this.#references[row] !== undefined || !this.life.wake(row)) return null;
    const reference = this.#remember(row, generationOf(this.life.of(row)));
    const buf = this.handle(reference);
    if (this.rows.word(row, 'pool') - 1 === pool) return buf;
    buf.close();
    return null;
  }

  /** Handles, accesses and mappings that this agent has open on a row. */
  holders(row: number): number {
    return this.#references[row]?.holders ?? 0;
  }

  #remember(row: number, generation: number): Reference {
    const { rows } = this;
    const exporter = rows.word(row, 'exporter');
    const reference = new Reference(
      row,
      generation,
      rows.id(row),
      rows.size(row),
      exporter,
      exporter === 0 ? this.heap.name : rows.exporterName(row),
      rows.isDynamic(row),
      rows.isSealed(row),
      this.reservations,
      rows.word(row, 'resv'),
    );
    this.#references[row] = reference;
    return reference;
  }

  /** One holder less; the last one gives the reference back, once no lock is held (I15). */
  drop(reference: Reference): void {
    if (--reference.holders > 0) return;
    if (this.agent.held === 0) this.#put(reference);
    else this.agent.defer(() => this.#put(reference));
  }

  #put(reference: Reference): void {
    const { row } = reference;
    if (reference.holders > 0 || this.#references[row] !== reference) return;
    this.#references[row] = undefined;
    reference.retire();
    this.life.leave(row);
  }

  /** Somebody has taken away a name of this row. */
  tryDie(row: number): void {
    this.life.tryDie(row);
  }

  /** Its pool is closed: IDLE → gone. @returns false when it did not rest */
  retire(row: number): boolean {
    return this.life.retire(row);
  }

  get heap(): SharedExporter {
    if (this.#heap !== null) return this.#heap;
    throw fail('ENOENT', 'Buffers.heap', {}, { why: 'no heap has been registered' });
  }

  /** Where the bytes of a heap buffer are. */
  table(reference: Reference): SgTable {
    return (reference.table ??= sgTable([
      this.heap.bytes(this.rows.word(reference.row, 'page'), reference.size),
    ]));
  }

  // ------------------------------------------------------------------------------------------- the end

  #release(row: number): void {
    if (this.rows.word(row, 'exporter') !== 0) {
      (this.rows.isSealed(row) ? this.sealed : this.exports).release(row);
      return;
    }
    this.heap.release(row);
    this.life.free(row);
  }

  #namesReservation(resv: number): boolean {
    for (let row = 0, used = this.life.used; row < used; row++) {
      if (phaseOf(this.life.of(row)) !== Phase.FREE && this.rows.word(row, 'resv') === resv) {
        return true;
      }
    }
    return false;
  }

  /** Looks for buffers that this agent exports, and whose last put happened elsewhere. */
  #sweepOwn(rows: Iterable<number>): void {
    const { agent, life } = this;
    for (const row of rows) {
      const word = life.of(row);
      if (phaseOf(word) === Phase.DYING && actorOf(word) === agent.slot) life.takeOver(row, word);
    }
  }

  #sweepGuests(): void {
    if (this.agent.left) return;
    for (const each of this.#guests) each.sweep();
  }

  #reapAttachments(slot: number, tag: number): number {
    for (let row = 0, used = this.life.used; row < used; row++)
      this.rows.setAttached(row, slot, false);
    return this.attachments.reap(tag);
  }

  /** Bits of the dead, what it was building or releasing, and what nobody refers to: it may have died before it looked. */
  #reapReferences(slot: number, tag: number): number {
    this.tickets.reap(slot, tag);
    let lost = 0;
    for (let row = 0, used = this.life.used; row < used; row++) {
      const life = this.life.of(row);
      const phase = phaseOf(life);
      // Of a FREE row too: it may have died between its bit and the look at the life word.
      if (this.life.leaveFor(slot, row) && phase !== Phase.FREE) lost++;
      if (phase === Phase.LIVE || phase === Phase.IDLE) this.life.tryDie(row);
      else if (actorOf(life) === slot || this.#isOrphan(row, phase)) this.life.takeOver(row, life);
    }
    return lost;
  }

  /** It was left to an exporter that had gone, and who left it died before it could look. */
  #isOrphan(row: number, phase: number): boolean {
    return phase === Phase.DYING && !this.agent.serves(this.rows.word(row, 'exporter'));
  }

  // ------------------------------------------------------------------------------------------- background work

  /** Work that goes on behind the back of who disposed something. */
  background<T>(work: Promise<T>): Promise<T> {
    const over = (): void => void this.#pending.delete(done);
    const done: Promise<void> = work.then(over, over);
    this.#pending.add(done);
    return work;
  }

  /** An error that nobody waits for. */
  report(error: unknown): void {
    if (this.agent.left) return; // what was left to do was taken apart with all the rest
    const uncaught = (thrown: unknown): void =>
      this.agent.platform.microtask(() => {
        throw thrown;
      });
    if (this.ports.onError === undefined) return uncaught(error);
    try {
      this.ports.onError(error);
    } catch (thrown) {
      uncaught(thrown); // whoever reports has to go on
    }
  }

  /** Before this agent leaves: what it has open is released, and reported. Attachments are taken apart by the reaper. */
  close(): void {
    for (const each of this.#guests) each.close();
    this.leaks.close();
    this.sealed.close();
    for (const reference of this.#references) {
      if (reference === undefined) continue;
      reference.holders = 0;
      this.#put(reference);
    }
  }

  /** Until all of that is over. */
  async idle(): Promise<void> {
    for (const each of this.#guests) each.sweep();
    while (this.#pending.size > 0) await Promise.all(this.#pending);
    this.agent.flush();
    this.tickets.sweep();
  }

  countCopied(bytes: number): void {
    this.rows.countCopied(bytes);
  }
}
