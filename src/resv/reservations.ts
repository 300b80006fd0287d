// SPDX-License-Identifier: MIT
/**
 * resv/reservations — all reservations as one agent sees them.
 *
 * Death: a lock that the dead agent held is free again, with D set: the next holder learns that what it guards may be half done.
 * Nobody has to wait for that: the reaper needs no lock, and rings everybody afterwards.
 */

import {
  type Agent,
  type Interrupt,
  type Operation,
  objectKey,
  type Wait,
} from '../agent/index.js';
import { type ErrorCode, type ErrorDetails, errorCode, fail, shown } from '../errors.js';
import type { Fences } from '../fence/index.js';
import { cas, load, RowFinder, type Words } from '../mem/index.js';
import {
  type AcquireContext,
  type Algorithm,
  makeContext,
  makeOwn,
  renew,
} from './acquire-context.js';
import { inSignalling } from './admission.js';
import { Chunks } from './chunks.js';
import { ContextTable } from './context-table.js';
import { FenceList } from './fence-list.js';
import { ResvLayout, ResvSection } from './layout.js';
import { BorrowedLock, handOver } from './lending.js';
import { LostLocks } from './lost-locks.js';
import { D, H, K, plainTag, slotOf, TAG, W } from './owner-word.js';
import { makeReservation, type Reservation } from './reservation.js';
import type { Usage } from './usage.js';

const resv = ResvLayout.at;
/** Claim of a shared reservation whose maker needs it no more: free when no buffer names it. */
const ORPHAN = -1;

/** Something that lock debugging would report; nothing else happens. */
export interface Misuse {
  readonly what: string;
  /** Of the reservation; -1 = none in particular. */
  readonly row: number;
}

/** A fence in a list, for people. */
export interface FenceView {
  readonly usage: Usage;
  readonly timeline: string;
  readonly seqno: number;
  readonly signaled: boolean;
}

export class Reservations {
  readonly words: Words;
  readonly contexts: ContextTable;
  readonly chunks: Chunks;
  readonly lost: LostLocks;
  readonly plainTag: number;
  /** What an error says of a reservation: the room above knows which buffer it belongs to. */
  details: (row: number) => ErrorDetails = (row) => ({ row });
  /** Report what is legal and works, but only by luck. */
  debug = false;
  /** For tests: a context that holds something is refused its n-th lock, then at growing intervals. 0 = never. */
  injectDeadlock = 0;
  /** Blocking calls of this room that are running. */
  blocking = 0;
  readonly #base: number;
  readonly #buffers: number;
  readonly #embedded: (Reservation | undefined)[] = [];
  readonly #shared = new Map<number, WeakRef<Reservation>>();
  readonly #made = new FinalizationRegistry<number>((row) => this.#orphan(row));
  readonly #free: RowFinder;
  readonly #spares: AcquireContext[] = [];
  readonly #namers: ((row: number) => boolean)[] = [];
  readonly #listeners = new Set<(misuse: Misuse) => void>();

  constructor(
    readonly agent: Agent,
    readonly fences: Fences,
  ) {
    const { arena } = agent;
    this.words = arena.words;
    this.#base = arena.base(ResvSection);
    this.#buffers = arena.limits.buffers;
    this.#free = new RowFinder(this.rows - this.#buffers);
    this.plainTag = plainTag(agent.slot);
    this.contexts = new ContextTable(agent);
    this.chunks = new Chunks(agent);
    this.lost = new LostLocks(agent);
    agent.reapers.register('locks', (slot) => this.#reapLocks(slot));
    agent.reapers.register('reservations', (_slot, tag) => this.chunks.abandon(tag));
    fences.registerNames(() => this.#names());
  }

  /** Rows of the whole table. */
  get rows(): number {
    return ResvSection.rows(this.agent.arena.limits);
  }

  // ------------------------------------------------------------------------------------------- which

  /** The reservation of a row, the same object until `retire`. That of a buffer has the buffer's row. */
  of(row: number): Reservation {
    if (row < this.#buffers) {
      return (this.#embedded[row] ??= makeReservation(this, row, this.#at(row)));
    }
    const known = this.#shared.get(row)?.deref();
    if (known !== undefined) return known;
    const made = makeReservation(this, row, this.#at(row));
    this.#shared.set(row, new WeakRef(made));
    return made;
  }

  /** A reservation to be shared by several buffers. @throws ENFILE */
  create(): Reservation {
    const take = (): number => this.#free.take((free) => this.#claim(this.#buffers + free));
    let index = take();
    if (index < 0 && this.#sweep()) index = take();
    if (index < 0) {
      const details = { table: 'reservations', limit: this.#free.rows };
      const why = 'all shared reservations are in use: drop some, or close their buffers';
      throw fail('ENFILE', 'Domain.reservation', details, { why });
    }
    const row = this.#buffers + index;
    this.#shared.delete(row);
    this.reset(row);
    const made = this.of(row);
    this.#made.register(made, row);
    return made;
  }

  /** A new life of a row: no fences, no dead owner. By whoever alone can know it: its builder, or who releases it. */
  reset(row: number): void {
    const w = this.words;
    const at = this.#at(row) + resv.owner;
    for (let v = load(w, at); (v & D) !== 0; v = load(w, at)) cas(w, at, v, v & ~D);
    this.#listOf(row).clear();
  }

  /** This agent has dropped its last handle on the buffer: the row's object answers ESTALE, and `of` makes a new one. */
  retire(row: number): void {
    this.#embedded[row]?.retire();
    this.#embedded[row] = undefined;
  }

  /** Does a buffer name this shared reservation? Asked before its row is used again. */
  registerNamer(names: (row: number) => boolean): void {
    this.#namers.push(names);
  }

  #claim(row: number): boolean {
    const at = this.#at(row) + resv.claim;
    return load(this.words, at) === 0 && cas(this.words, at, 0, this.agent.tag) === 0;
  }

  #orphan(row: number): void {
    if (this.agent.left) return;
    cas(this.words, this.#at(row) + resv.claim, this.agent.tag, ORPHAN);
  }

  /** Shared reservations whose maker is gone and that no buffer names are free. @returns whether there were any */
  #sweep(): boolean {
    const w = this.words;
    let found = false;
    for (let row = this.#buffers; row < this.rows; row++) {
      const at = this.#at(row) + resv.claim;
      const claim = load(w, at);
      if (claim === 0 || (claim !== ORPHAN && this.agent.present(claim))) continue;
      const locked = (load(w, this.#at(row) + resv.owner) & TAG) !== 0;
      if (locked || this.#namers.some((names) => names(row))) continue;
      if (cas(w, at, claim, 0) === claim) found = true;
    }
    return found;
  }

  // ------------------------------------------------------------------------------------------- locking

  /** By hand what lockAll does. @throws EINVAL · ENFILE */
  acquireContext(options: { readonly algorithm?: Algorithm } = {}): AcquireContext {
    const { algorithm = 'wait-die' } = options;
    if (algorithm !== 'wait-die' && algorithm !== 'wound-wait') {
      const why = "algorithm must be 'wait-die' or 'wound-wait'";
      const details = { algorithm: shown(algorithm) };
      throw fail('EINVAL', 'Domain.acquireContext', details, { why });
    }
    return makeContext(this, algorithm);
  }

  /** A context for a call of this room, which retires it. */
  ownContext(): AcquireContext {
    const spare = this.#spares.pop();
    if (spare === undefined) return makeOwn(this);
    renew(spare);
    return spare;
  }

  spare(context: AcquireContext): void {
    this.#spares.push(context);
  }

  /** May this agent take reservation locks now? @throws EDEADLK */
  admit(op: string): void {
    if (this.fences.inSignalling > 0) throw inSignalling(op);
  }

  /** Lock debugging: a call that may block, while others of this thread hold locks, works only by luck. */
  checkBlocking(op: string, context: AcquireContext | null): void {
    if (!this.debug || this.agent.held <= (context?.held ?? 0)) return;
    this.report(`${op} while this thread holds a lock: if it had to wait, it would fail`, -1);
  }

  /** Runs an operation on this thread. Locks of `context`, also those that it takes meanwhile, are the call's own. */
  block<T>(op: string, operation: Operation<T>, limit: number, context: AcquireContext | null): T {
    const { agent } = this;
    const deadline = agent.platform.now() + limit;
    this.blocking++;
    try {
      let step = operation.next(null);
      for (let left = limit; step.done !== true; left = deadline - agent.platform.now()) {
        const one = waitOnce(step.value);
        const interrupt = agent.runSync(op, one, Math.max(left, 0), context?.held ?? 0);
        step = operation.next(interrupt);
      }
      return step.value;
    } finally {
      this.blocking--;
    }
  }

  // ------------------------------------------------------------------------------------------- lending

  /** For a call of another agent that its lock goes along with. */
  borrow(row: number, tag: number): BorrowedLock {
    return new BorrowedLock(this.of(row), tag);
  }

  /** The lock that `tag` holds passes to the agent in `slot`, if it holds it. `died`: and the next one learns why. */
  handOver(row: number, tag: number, slot: number, died: boolean): void {
    handOver(this.words, this.#at(row) + resv.owner, tag, slot, died);
  }

  // ------------------------------------------------------------------------------------------- looking

  /** Error of a WRITE fence in the list that failed and that no later write has replaced (D-9). */
  writeError(row: number): ErrorCode | null {
    if (load(this.words, this.#at(row) + resv.count) === 0) return null;
    return errorCode(this.#listOf(row).writeError());
  }

  /** Slot of the agent that holds the lock; -1 = free. */
  holder(row: number): number {
    return slotOf(load(this.words, this.#at(row) + resv.owner));
  }

  /** Milliseconds that the present holder has had the lock; 0 = it was taken in this turn of its event loop. */
  heldFor(row: number): number {
    const since = this.agent.arena.floats[(this.#at(row) + resv.since) >> 1] ?? 0;
    return since === 0 ? 0 : Math.max(0, this.agent.platform.now() - since);
  }

  /** The fences in the list, for people. */
  describe(row: number): FenceView[] {
    const { fences } = this;
    return this.#listOf(row)
      .entries()
      .map(({ point, usage, signaled }) => ({
        usage,
        timeline: point === null ? '' : fences.timelineName(fences.contextOf(point.row)),
        seqno: point === null ? 0 : fences.seqnoOf(point.row),
        signaled,
      }));
  }

  /** Slots of the agents that wait for the lock. */
  waiters(row: number): number[] {
    const { agent } = this;
    const slots = agent.rows.others(objectKey('lock', row)).map(({ slot }) => slot);
    const known = row < this.#buffers ? this.#embedded[row] : this.#shared.get(row)?.deref();
    return known !== undefined && known.waiting > 0 ? [...slots, agent.slot] : slots;
  }

  /** What lock debugging has to say. */
  onMisuse(listener: (misuse: Misuse) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  report(what: string, row: number): void {
    for (const listener of this.#listeners) listener({ what, row });
  }

  // ------------------------------------------------------------------------------------------- recovery

  /** Every fence that a reservation names. */
  *#names(): Generator<{ readonly row: number }> {
    for (let row = 0; row < this.rows; row++) {
      if (load(this.words, this.#at(row) + resv.count) !== 0) yield* this.#listOf(row).rows();
    }
  }

  #reapLocks(slot: number): number {
    const w = this.words;
    let count = 0;
    for (let row = 0; row < this.rows; row++) {
      const at = this.#at(row) + resv.owner;
      for (let v = load(w, at); slotOf(v) === slot; v = load(w, at)) {
        if (cas(w, at, v, (v & (W | H | K)) | D) !== v) continue;
        count++;
      }
    }
    if (slot === this.agent.slot) this.#leave();
    return count;
  }

  /** This agent locks nothing any more, and nobody of it gets a lock. */
  #leave(): void {
    for (const each of this.#embedded) each?.retire();
    for (const ref of this.#shared.values()) ref.deref()?.retire();
  }

  /** For looking and for clearing: it keeps no account of what is reserved. */
  #listOf(row: number): FenceList {
    return new FenceList(this, row, this.#at(row));
  }

  #at(row: number): number {
    return this.#base + row * ResvLayout.size;
  }
}

/** An operation that is one wait. */
function* waitOnce(wait: Wait): Operation<Interrupt | null> {
  return yield wait;
}
