// SPDX-License-Identifier: MIT
/**
 * fence/containers — arrays and chains of fences as shared records: one name for several, in every agent.
 *
 * A container is a fence record whose members are named beside it. It is evaluated, not signalled by its members: any agent that
 * looks, and finds that it is over, signals it; whoever waits for it waits for members that are pending, and for the record
 * itself. So no member knows of it, nothing runs in a signaller, and there is no depth to recurse into.
 *
 * Life: made (members pinned, rows written, record PENDING) → over: signalled by whoever looked, or failed with its maker → the
 * maker unpins. What nobody looks at any more is settled by its maker, a few at a time, whenever he makes fences; when he hears that
 * another agent has signalled some, he looks at all, some in each turn.
 *
 * Invariants  I20 what decides about a container is final: members signal once. So evaluating it twice, or in two agents at a time,
 *             is harmless, and the first to signal it says what its error and its time are.
 *             I21 while a container is pending and its maker lives, no record that it names is recycled: what became of a member
 *             can be learned by whoever opens it.
 *             I22 a pending container whose maker died fails with EOWNERDEAD, as any fence does; its members go on.
 * Pairs       P4, P5, P8 see records, members and handles.
 */

import { type Agent, tagSlot } from '../agent/index.js';
import { errorNumber } from '../errors.js';
import type { AnyFence } from './any-fence.js';
import type { FenceBlocks } from './blocks.js';
import { type Fence, know, knownOf } from './fence.js';
import { type FenceChain, makeChain } from './fence-chain.js';
import { FenceSet, makeSet } from './fence-set.js';
import type { Handles } from './handles.js';
import { Kind, kindIn } from './layout.js';
import {
  eachMemberRow,
  readSet,
  recycleMembers,
  rowsFor,
  takeRows,
  writeLink,
  writeSet,
} from './members.js';
import type { FenceRecords, Outcome, Point } from './records.js';
import type { FenceSource } from './source.js';

/** Looked at when one is made, when rows run out, and when another agent has signalled one. */
const FEW = 2;
const SOME = 64;
const MANY = 1024;

type Container = FenceSet | FenceChain;

/** What containers need of the fences of their agent. */
export interface ContainerHost extends FenceSource {
  contexts(): number;
  create(context: number, seqno: number, owner?: number, more?: number): Fence;
  handle(row: number, generation: number): Fence;
}

/** A container, as its record knows it. */
export interface KnownContainer {
  readonly container: Container;
  /** What its maker has pinned for it, as long as it is pending; null: it is over, or another agent's. */
  pinned: readonly Point[] | null;
}

export class Containers {
  readonly agent: Agent;
  readonly #records: FenceRecords;
  /** Those of this agent that are pending. */
  #pending = 0;
  /** The same, in the order in which they are looked at: up to `#kept` in this pass, from `#next` on still to come. */
  readonly #queue: KnownContainer[] = [];
  #kept = 0;
  #next = 0;
  /** So many are to be looked at since somebody has signalled some; and whether the next turn will. */
  #due = 0;
  #goesOn = false;

  constructor(
    readonly host: ContainerHost,
    readonly blocks: FenceBlocks,
    readonly handles: Handles,
  ) {
    this.agent = host.agent;
    this.#records = host.records;
    host.agent.onNote(() => this.#heard());
    blocks.onRefill = () => this.settle(MANY);
  }

  // ------------------------------------------------------------------------------------------- making

  /** Makes a record for a set that has none: from now on one name stands for it. @throws ENFILE */
  share(set: FenceSet, kind: Kind, outcome: Outcome | null): Fence {
    const context = this.host.contexts();
    const members = outcome === null ? this.#pin(set.leaves) : [];
    const write = (): number => {
      const rows = takeRows(this.#records, this.blocks, rowsFor(members.length));
      return writeSet(this.#records, rows, members, kind);
    };
    const record = this.#make(context, 1, members, write);
    this.#keep(record, set, members);
    if (outcome !== null) this.finish(record, outcome);
    return record;
  }

  /** @throws ENFILE */
  link(
    context: number | null,
    seqno: number,
    payload: AnyFence,
    previous: AnyFence | null,
    previousSeqno: number,
  ): FenceChain {
    const fence = this.#ownSet(payload);
    const members = this.#pin(previous === null ? [fence] : [fence, this.#ownSet(previous)]);
    const [first, before = null] = members as [Point, Point?];
    const names = { payload: first, previous: before, previousSeqno, fence };
    const write = (): number => {
      const [row] = takeRows(this.#records, this.blocks, 1) as [number];
      return writeLink(this.#records, row, names);
    };
    const record = this.#make(context ?? this.host.contexts(), seqno, members, write);
    const chain = makeChain(this.host, record, names);
    this.#keep(record, chain, members);
    return chain;
  }

  /** A link goes by records, and must not take a set for over because its maker died: of another agent's set it has one of its own. */
  #ownSet(fence: AnyFence): AnyFence {
    if (!(fence instanceof FenceSet)) return fence;
    const { row } = fence.recordIn(this);
    if (this.#records.ownerOf(row) === this.agent.tag) return fence;
    return makeSet(fence.leaves, fence.mode, this.host);
  }

  #make(context: number, seqno: number, members: readonly Point[], write: () => number): Fence {
    let more = 0;
    try {
      more = write();
      return this.host.create(context, seqno, this.agent.tag, more);
    } catch (error) {
      eachMemberRow(this.#records, more, recycleMembers);
      this.#unpin(members);
      throw error;
    }
  }

  #keep(record: Fence, container: Container, members: readonly Point[]): void {
    // Not yet the new one: a set does not know its record until it has been made.
    this.settle(FEW);
    const known = { container, pinned: members };
    know(record, known);
    this.#queue.push(known);
    this.#pending++;
  }

  /** Records that stand for these fences, pinned. @throws ENFILE */
  #pin(fences: readonly AnyFence[]): readonly Point[] {
    const pinned: Point[] = [];
    try {
      for (const fence of fences) pinned.push(this.#pinned(fence.recordIn(this)));
    } catch (error) {
      this.#unpin(pinned);
      throw error;
    }
    return pinned;
  }

  /** Who has given up its record gets another one, which says the same. */
  #pinned(fence: Fence): Point {
    const { row, generation } = fence;
    if (row !== 0) {
      this.handles.pin(row);
      if (this.#records.isCurrent(row, generation)) return { row, generation }; // P8
      this.handles.unpin(row);
    }
    const stand = this.host.create(fence.timeline, fence.seqno);
    const { error, timestamp } = fence;
    const number = error === null ? 0 : errorNumber(error);
    this.#records.signal(stand.row, stand.generation, number, timestamp ?? 0);
    this.handles.pin(stand.row);
    return { row: stand.row, generation: stand.generation };
  }

  #unpin(members: readonly Point[]): void {
    for (const { row } of members) this.handles.unpin(row);
  }

  // ------------------------------------------------------------------------------------------- opening

  /** What this record stands for: a container, or itself. */
  of(record: Fence): AnyFence {
    const { row, generation } = record;
    const known = knownOf(record);
    if (known !== null || row === 0) return known?.container ?? record;
    const kind = kindIn(this.#records.moreOf(row));
    if (kind === Kind.POINT || !this.#records.isCurrent(row, generation)) return record;
    const container =
      kind === Kind.CHAIN ? makeChain(this.host, record, null) : this.#openSet(record, kind);
    know(record, { container, pinned: null });
    return container;
  }

  /** The same, by name; recycled: `Fence.done`. */
  at({ row, generation }: Point): AnyFence {
    return this.of(this.host.handle(row, generation));
  }

  #openSet(record: Fence, kind: Kind): FenceSet {
    const points = readSet(this.#records, record, kind) ?? [];
    const fences = points.map(({ row, generation }) => this.host.handle(row, generation));
    return makeSet(fences, kind === Kind.ANY ? 'any' : 'all', this.host, record);
  }

  /** Points that are pending, of which one has to signal before this one does; none: it has signalled. */
  blockersOf(point: Point): readonly Point[] {
    const { row, generation } = point;
    if (this.#records.isSignaled(row, generation)) return [];
    const kind = kindIn(this.#records.moreOf(row));
    if (kind === Kind.POINT) return [point];
    const fence = this.at(point);
    return fence.signaled ? [] : fence.blockers();
  }

  // ------------------------------------------------------------------------------------------- the end

  /** Signals a container that is over. */
  finish(point: Point, { error, time }: Outcome): void {
    const { row, generation } = point;
    this.handles.whileHeld(row, () => {
      const owner = this.#records.ownerOf(row);
      const won = this.#records.signal(row, generation, error, time);
      if (won && owner !== this.agent.tag) this.agent.note(tagSlot(owner));
    });
    this.over(point);
  }

  /** This container has signalled. Its row may be another one's by now. */
  over({ row, generation }: Point): void {
    const record = this.blocks.get(row);
    if (record?.generation !== generation) return;
    const known = knownOf(record);
    if (known !== null) this.#letGo(known);
  }

  #letGo(known: KnownContainer): void {
    const { pinned } = known;
    if (pinned === null) return;
    known.pinned = null;
    this.#pending--;
    this.#unpin(pinned);
  }

  /** Looks at some of those made here, in turn. */
  settle(most: number): void {
    const queue = this.#queue;
    for (let looks = Math.min(most, queue.length); looks > 0; looks--) {
      if (this.#next === queue.length) this.#endPass();
      const known = queue[this.#next++];
      if (known === undefined) return;
      if (known.pinned === null) continue;
      if (known.container.settle()) this.#letGo(known);
      else queue[this.#kept++] = known;
    }
    if (this.#next === queue.length) this.#endPass();
  }

  /** Who signals many rings once. */
  #heard(): void {
    this.#due = this.#queue.length;
    this.#goOn();
  }

  #goOn(): void {
    this.settle(SOME);
    this.#due -= SOME;
    if (this.#due <= 0 || this.#goesOn) return;
    this.#goesOn = true;
    this.agent.platform.soon(() => {
      this.#goesOn = false;
      this.#goOn();
    });
  }

  #endPass(): void {
    this.#queue.length = this.#kept;
    this.#kept = 0;
    this.#next = 0;
  }

  /** Containers of this agent that are pending. */
  get pending(): number {
    return this.#pending;
  }

  /** Clean leave: nobody here looks after them any more. */
  close(): void {
    const error = errorNumber('ECANCELED');
    for (const { container, pinned } of this.#queue) {
      if (pinned === null || container.settle()) continue;
      const { row, generation } = container.recordIn(this);
      this.#records.signal(row, generation, error);
    }
    this.leave();
  }

  leave(): void {
    this.#pending = 0;
    this.#due = 0;
    this.#kept = 0;
    this.#endPass();
  }
}
