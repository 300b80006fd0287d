// SPDX-License-Identifier: MIT
/**
 * fence/fences — all fences as one agent sees them.
 *
 * Invariants  I13 only the owner's agent, or the reaper, signals.
 * Pairs       P4 see records.
 */

import { type Agent, ObjectWait, objectKey, type Wait } from '../agent/index.js';
import { errorNumber } from '../errors.js';
import { take64 } from '../mem/index.js';
import type { AnyFence } from './any-fence.js';
import { FenceBlocks, type Names } from './blocks.js';
import { type ContainerHost, Containers } from './containers.js';
import { closedFence, Fence, openFence } from './fence.js';
import { Handles } from './handles.js';
import { FenceCountersLayout, FenceCountersSection } from './layout.js';
import { FenceRecords, type Point } from './records.js';
import type { FenceSource } from './source.js';
import { detach, makeTimeline, type Timeline, type TimelineHost } from './timeline.js';
import { TimelineNames } from './timeline-names.js';

export class Fences implements FenceSource, ContainerHost, TimelineHost {
  readonly records: FenceRecords;
  readonly containers: Containers;
  /** Open signalling sections of this agent: no reservation lock may be taken. */
  inSignalling = 0;
  readonly #blocks: FenceBlocks;
  readonly #handles: Handles;
  readonly #names: TimelineNames;
  /** Open timelines, and the rows of their names. */
  readonly #timelines = new Map<Timeline, number>();
  readonly #contexts: number;

  constructor(readonly agent: Agent) {
    this.records = new FenceRecords(agent);
    this.#blocks = new FenceBlocks(agent, this.records);
    this.#handles = new Handles(this);
    this.containers = new Containers(this, this.#blocks, this.#handles);
    this.#names = new TimelineNames(agent);
    this.#contexts =
      (agent.arena.base(FenceCountersSection) + FenceCountersLayout.at.contexts) >> 1;
    agent.reapers.register('fences', (slot, tag) => this.#reap(slot, tag));
  }

  // ------------------------------------------------------------------------------------------- making

  /** First of n consecutive fence contexts; they are never used again. */
  contexts(n = 1): number {
    return take64(this.agent.arena.counters, this.#contexts, n) + 1;
  }

  /** A pending fence. `more`: of a container, its members. @throws ENFILE */
  create(context: number, seqno: number, owner: number = this.agent.tag, more = 0): Fence {
    const row = this.#blocks.take();
    const generation = this.#blocks.generation;
    if (more !== 0) this.records.setMore(row, more);
    this.records.init(row, generation, context, seqno, owner);
    const fence = openFence(this, context, seqno, row, generation);
    this.#blocks.put(row, fence);
    return fence;
  }

  /** @throws EINVAL name longer than 31 bytes · ENFILE */
  timeline(name: string): Timeline {
    const id = this.contexts();
    const row = this.#names.open(name, id);
    const timeline = makeTimeline(this, name, id);
    this.#timelines.set(timeline, row);
    return timeline;
  }

  /** Name of the timeline with this context; `#12` when it has none, or is closed. */
  timelineName(context: number): string {
    return this.#names.of(context) ?? `#${context}`;
  }

  // ------------------------------------------------------------------------------------------- signalling

  /** @returns false when it was signalled already */
  signal(fence: Fence, error = 0): boolean {
    if (fence.source !== this) return false;
    return this.signalPoint(fence.row, fence.generation, error);
  }

  /** The same by name. @returns false when it was signalled already */
  signalPoint(row: number, generation: number, error = 0): boolean {
    return this.records.signal(row, generation, error);
  }

  /**
   * Says who must signal a pending fence from now on; 0 = nobody yet. Only for its present owner, and for who takes over from
   * 0. Nothing happens when it is signalled.
   */
  setOwner(row: number, generation: number, tag: number): void {
    this.#handles.whileHeld(row, () => {
      if (!this.records.isSignaled(row, generation)) this.records.setOwner(row, tag);
    });
  }

  closed(timeline: Timeline): void {
    const row = this.#timelines.get(timeline);
    this.#timelines.delete(timeline);
    if (row !== undefined) this.#names.close(row);
  }

  /** Clean leave: what is open fails with ECANCELED. */
  close(): void {
    for (const timeline of this.#timelines.keys()) timeline.close();
    this.containers.close();
  }

  // ------------------------------------------------------------------------------------------- looking

  isSignaled(row: number, generation: number): boolean {
    return this.records.isSignaled(row, generation);
  }

  /** Shared-memory number; 0 = none, pending, or unknown. */
  errorOf(row: number, generation: number): number {
    return this.records.outcomeOf(row, generation)?.error ?? 0;
  }

  stateOf(row: number): number {
    return this.records.stateOf(row);
  }

  contextOf(row: number): number {
    return this.records.contextOf(row);
  }

  seqnoOf(row: number): number {
    return this.records.seqnoOf(row);
  }

  ownerOf(row: number): number {
    return this.records.ownerOf(row);
  }

  /** Is it pending, and must this agent signal it? */
  owedHere(row: number, generation: number): boolean {
    return (
      this.records.ownerOf(row) === this.agent.tag && !this.records.isSignaled(row, generation)
    );
  }

  /** Milliseconds since the epoch; null = nobody asked, or it is over. */
  deadlineOf(row: number, generation: number): number | null {
    return this.records.deadlineOf(row, generation);
  }

  askDeadline(point: Point, at: number): void {
    const { row, generation } = point;
    // Or it might be recycled meanwhile, and its row be a part of a container.
    this.#handles.whileHeld(row, () => this.records.askDeadline(row, generation, at));
  }

  // ------------------------------------------------------------------------------------------- handles

  /** A handle for a fence known by name. Recycled: `Fence.done`, since it has signalled. */
  handle(row: number, generation: number): Fence {
    return this.#open(row, generation) ?? Fence.done;
  }

  /** The same, for a name that also says which point it was: a container, if that is what it names. */
  find(point: Point, timeline: number, seqno: number): AnyFence {
    const { row, generation } = point;
    const fence = row < this.#blocks.rows ? this.#open(row, generation) : null;
    if (fence?.timeline === timeline && fence.seqno === seqno) return this.containers.of(fence);
    return closedFence(timeline, seqno, { error: 0, time: 0 });
  }

  #open(row: number, generation: number): Fence | null {
    const own = this.#blocks.get(row);
    if (own?.generation === generation) return own;
    return this.#handles.open(row, generation);
  }

  settled(row: number, fence: object): void {
    this.#handles.release(row, fence);
  }

  /** Rows that the caller's records name: while named, a failed fence is not recycled. */
  registerNames(names: Names): void {
    this.#blocks.registerNames(names);
  }

  // ------------------------------------------------------------------------------------------- waiting

  /** Until this point has signalled. */
  waitFor(point: Point): Wait {
    const { row, generation } = point;
    const { records } = this;
    return new ObjectWait(
      this.agent,
      [objectKey('fence', row)],
      () => records.isSignaled(row, generation),
      () => records.mark(row, generation),
      records.ownerOf(row) === this.agent.tag,
    );
  }

  /** Until one of these has signalled. */
  waitForAny(points: readonly Point[]): Wait {
    const { records } = this;
    return this.waitOn(points, () =>
      points.some((point) => records.isSignaled(point.row, point.generation)),
    );
  }

  waitOn(points: readonly Point[], holds: () => boolean, unpolled = false): Wait {
    const { records } = this;
    const open = points.filter((point) => !records.isSignaled(point.row, point.generation));
    const keys = [...new Set(open.map((point) => objectKey('fence', point.row)))];
    const mark = (): void => {
      for (const point of open) records.mark(point.row, point.generation);
    };
    return new ObjectWait(this.agent, keys, holds, mark, unpolled);
  }

  // ------------------------------------------------------------------------------------------- recovery

  /** What a dead agent had to signal fails; its handles and its blocks are given up. */
  #reap(slot: number, tag: number): number {
    const { records } = this;
    const dead = errorNumber('EOWNERDEAD');
    let failed = 0;
    this.#blocks.eachRow((row) => {
      if (records.failOwed(row, tag, dead)) failed++;
    });
    // After all of them: what the containers among them name may be recycled from now on.
    this.#blocks.eachRow((row) => records.setHeld(row, slot, false));
    if (slot === this.agent.slot) this.#leave();
    this.#names.abandon(tag);
    this.#blocks.abandon(tag);
    return failed;
  }

  #leave(): void {
    for (const timeline of this.#timelines.keys()) detach(timeline);
    this.#timelines.clear();
    this.containers.leave();
    this.#handles.leave();
    this.#blocks.leave();
  }
}
