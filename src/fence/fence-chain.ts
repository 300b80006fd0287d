// SPDX-License-Identifier: MIT
/**
 * fence/fence-chain — a fence after another one, as one fence: the newest link of a timeline that is put together from fences of
 * anybody.
 *
 * Links are shared records (containers) that name their payload and the link before. They are walked from the newest to the oldest,
 * in a loop, by numbers: a link makes no object until somebody asks for it. A link that was found to be over stays so; each handle
 * remembers how far it has come, so a chain is walked once, however often it is looked at.
 *
 * Invariants  I23 a link is over when its payload is and all before it are. Who finds the newest one over signals all that he
 *             passed, the oldest first.
 *             A chain does not take over errors of its payloads, as in Linux; it takes over that a link failed with its maker, since
 *             what was before that link is not known to be over.
 * @source struct dma_fence_chain
 */

import { checkInteger, type ErrorCode, type ErrorDetails, fail, shown } from '../errors.js';
import { AnyFence, type FenceName } from './any-fence.js';
import type { Fence } from './fence.js';
import { type FenceDomain, roomOf } from './fence-domain.js';
import { Kind, kindIn } from './layout.js';
import { type LinkNames, readLink } from './members.js';
import { packName } from './name.js';
import type { FenceRecords, Outcome, Point } from './records.js';
import type { FenceSource } from './source.js';

/** Records have 52 bits for it. */
const MOST_SEQNO = 2 ** 52 - 1;

/** What the maker of a link knows of it. */
interface Made extends LinkNames {
  readonly fence: AnyFence;
}

let makeChain: (source: FenceSource, record: Fence, made: Made | null) => FenceChain;

export { makeChain };

/**
 * A fence, and all that were before it: signals when all have. Not for a reservation: add its points. (struct dma_fence_chain)
 * Iterating gives the links from this one to the oldest that is not over; after them, what the first link was put after.
 */
export class FenceChain extends AnyFence implements Iterable<AnyFence> {
  readonly #source: FenceSource;
  readonly #record: Fence;
  readonly #made: Made | null;
  /** Where the walk stands: the newest link, or what was before the first, that is not known to be over. */
  #walked: Point;

  static {
    makeChain = (source, record, made) => new FenceChain(source, record, made);
  }

  private constructor(source: FenceSource, record: Fence, made: Made | null) {
    super();
    this.#source = source;
    this.#record = record;
    this.#made = made;
    this.#walked = record;
  }

  /**
   * Puts `fence` after `previous`: a new link, which signals when both have.
   * @param previous  the newest link so far, a fence that is no link, or null.
   * @param seqno     number of the link, from 1. Not after that of `previous`: the link begins a timeline of its own, with the
   *                  higher of both numbers.
   * @throws EINVAL a chain, or a set made by any(), cannot be the payload; seqno · EXDEV fences of another domain · ENFILE
   * @example const newest = FenceChain.append(domain, FenceChain.append(domain, null, upload, 1), draw, 2);
   * @source dma_fence_chain_init · dma_fence_chain_alloc
   */
  static append(
    domain: FenceDomain,
    previous: AnyFence | null,
    fence: AnyFence,
    seqno: number,
  ): FenceChain {
    const op = 'FenceChain.append';
    const fences = roomOf(op, domain);
    checkPart(op, 'fence', fence);
    if (previous !== null) checkPart(op, 'previous', previous);
    checkInteger(op, 'seqno', seqno, 1, MOST_SEQNO);
    if (fence instanceof FenceChain || !fence.isOneOf('all')) {
      const why = 'fence must be a Fence, or a set made by all(): put a chain in as previous';
      throw fail('EINVAL', op, fence.details, { why });
    }
    for (const part of [fence, previous]) {
      if (part?.source && part.source !== fences) throw fail('EXDEV', op, part.details);
    }
    const chain = previous instanceof FenceChain ? previous : null;
    const { containers } = fences;
    if (chain === null || seqno <= chain.seqno) {
      return containers.link(null, Math.max(seqno, chain?.seqno ?? 0), fence, previous, 0);
    }
    return containers.link(chain.timeline, seqno, fence, chain, chain.seqno);
  }

  /** Id of its timeline: links that follow each other in number have the same. (dma_fence.context) */
  get timeline(): number {
    return this.#record.timeline;
  }

  /** Its number on the timeline. (dma_fence.seqno) */
  get seqno(): number {
    return this.#record.seqno;
  }

  // ------------------------------------------------------------------------------------------- parts

  /** What this link adds. Of a link of another agent that has signalled: `Fence.done`, if nobody knows any more. */
  get fence(): AnyFence {
    if (this.#made !== null) return this.#made.fence;
    const payload = this.#names()?.payload ?? { row: 0, generation: 0 };
    return this.#source.containers.at(payload);
  }

  /**
   * The newest link before this one whose payload is pending; past the first link, what that was put after, if it is pending. null:
   * nothing before this link is pending.
   * @source dma_fence_chain_walk
   */
  get previous(): AnyFence | null {
    const { records, containers } = this.#source;
    let at = this.#names()?.previous ?? null;
    while (at !== null && !records.isSignaled(at.row, at.generation)) {
      const names = linkAt(records, at);
      if (names === null) {
        const tail = containers.at(at);
        if (kindIn(records.moreOf(at.row)) !== Kind.CHAIN) return tail.signaled ? null : tail;
      } else if (containers.blockersOf(names.payload).length > 0) {
        return containers.at(at);
      } else at = names.previous;
    }
    return null;
  }

  /**
   * The link to wait for until this timeline has reached `seqno`: the oldest pending one that is not before it, or, if that is over
   * already, the next older one. null: everything up to `seqno` has signalled.
   * @throws EINVAL seqno is after this link's
   * @source dma_fence_chain_find_seqno
   */
  findSeqno(seqno: number): AnyFence | null {
    const op = 'FenceChain.findSeqno';
    checkInteger(op, 'seqno', seqno, 0);
    if (seqno > this.seqno) {
      const why = `the chain ends at ${this.seqno}`;
      throw fail('EINVAL', op, { ...this.details, wanted: seqno }, { why });
    }
    if (seqno === 0) return this;
    for (const node of this) {
      const link = node instanceof FenceChain && node.timeline === this.timeline ? node : null;
      if (link === null || link.previousSeqno < seqno) return node;
    }
    return null;
  }

  /** @internal Number of the link before, on the same timeline; 0: it begins one. */
  get previousSeqno(): number {
    return this.#names()?.previousSeqno ?? 0;
  }

  #names(): LinkNames | null {
    return this.#made ?? readLink(this.#source.records, this.#record);
  }

  /** @source dma_fence_chain_for_each */
  *[Symbol.iterator](): Iterator<AnyFence> {
    yield this;
    for (let node = this.previous; node !== null; ) {
      yield node;
      node = node instanceof FenceChain ? node.previous : null;
    }
  }

  /** @internal Of each pending link, and of this one, what it adds; the newest first. Last, a link that failed with its maker. */
  get leaves(): readonly Fence[] {
    const leaves: Fence[] = [];
    for (const node of this) {
      // One by one: what is spread goes through the stack.
      for (const leaf of (node instanceof FenceChain ? node.fence : node).leaves) leaves.push(leaf);
    }
    const failed = this.#failedLink();
    if (failed !== null) leaves.push(failed);
    return leaves;
  }

  /** Stands for all that was before it, of which nobody knows whether it is over. */
  #failedLink(): Fence | null {
    const { records, containers } = this.#source;
    let at: Point | null = this.#record;
    while (at !== null && !records.isSignaled(at.row, at.generation)) {
      at = readLink(records, at)?.previous ?? null;
    }
    const link = at === null ? null : containers.at(at);
    return link instanceof FenceChain && link.error !== null ? link.#record : null;
  }

  // ------------------------------------------------------------------------------------------- asking

  get signaled(): boolean {
    const over = this.#record.signaled || this.#walk().length === 0;
    if (over && !this.#record.signaled) this.#signalPath();
    if (over) this.#source.containers.over(this.#record);
    return over;
  }

  get error(): ErrorCode | null {
    return this.signaled ? this.#record.error : null;
  }

  get timestamp(): number | null {
    return this.signaled ? this.#record.timestamp : null;
  }

  /** @internal The cheap look: at the payload, and at the record before. */
  settle(): boolean {
    const { records } = this.#source;
    const before = this.#names()?.previous ?? null;
    if (before !== null && !records.isSignaled(before.row, before.generation)) return false;
    return this.signaled;
  }

  /** @internal */
  blockers(): readonly Point[] {
    const pending = this.#walk();
    return pending.length === 0 ? [] : [this.#record, this.#walked, ...pending];
  }

  /** What is in the way of the link, or of the end of the chain, that is not known to be over; nothing: all is over. */
  #walk(): readonly Point[] {
    const { records, containers } = this.#source;
    for (;;) {
      const at = this.#walked;
      if (records.isSignaled(at.row, at.generation)) return [];
      const names = linkAt(records, at);
      if (names !== null) {
        const pending = containers.blockersOf(names.payload);
        if (pending.length > 0 || names.previous === null) return pending;
        this.#walked = names.previous;
      } else if (kindIn(records.moreOf(at.row)) !== Kind.CHAIN) return containers.blockersOf(at);
    }
  }

  /** Signals this link and all before it: their payloads are over. */
  #signalPath(): void {
    const { records, containers } = this.#source;
    const path: { readonly link: Point; readonly payload: Point }[] = [];
    let at: Point | null = this.#record;
    let before: Outcome = { error: 0, time: 0 };
    while (at !== null) {
      const names: LinkNames | null = linkAt(records, at);
      if (names === null) {
        before = endOf(records, at);
        break;
      }
      path.push({ link: at, payload: names.payload });
      at = names.previous;
    }
    for (const { link, payload } of path.toReversed()) {
      const { time } = records.outcomeOf(payload.row, payload.generation) ?? before;
      const outcome = { error: before.error, time: Math.max(before.time, time) };
      containers.finish(link, outcome);
      // Somebody else may have been faster, when what was before it was still known. It is pinned as long as the next one is pending.
      before = records.outcomeOf(link.row, link.generation) ?? outcome;
    }
  }

  // ------------------------------------------------------------------------------------------- as a fence

  /** @internal */
  get source(): FenceSource {
    return this.#source;
  }

  /** @internal */
  isOneOf(mode: FenceName['mode']): boolean {
    return mode === 'all';
  }

  /** @internal */
  recordIn(): Fence {
    return this.#record;
  }

  /** @internal */
  get details(): ErrorDetails {
    return { timeline: this.timeline, seqno: this.seqno };
  }

  /** @internal */
  protected isOwed(by: (leaf: Fence) => boolean): boolean {
    return this.leaves.some(by);
  }

  toJSON(): FenceName {
    return { dmabuf: 'fence', points: [packName(this.#record)], mode: 'all' };
  }
}

/** What a pending link says; null: it is no link, or not pending any more. */
function linkAt(records: FenceRecords, at: Point): LinkNames | null {
  const names = readLink(records, at);
  return names !== null && !records.isSignaled(at.row, at.generation) ? names : null;
}

/** What a link takes over of what is over before it: of a link that, of anything else only when. */
function endOf(records: FenceRecords, { row, generation }: Point): Outcome {
  const isLink = kindIn(records.moreOf(row)) === Kind.CHAIN;
  const outcome = records.outcomeOf(row, generation) ?? { error: 0, time: 0 };
  return isLink ? outcome : { error: 0, time: outcome.time };
}

function checkPart(op: string, name: string, part: unknown): void {
  if (part instanceof AnyFence) return;
  const why = `${name} must be a fence: of what toJSON() gave, Fence.from(domain, name)`;
  throw fail('EINVAL', op, { [name]: shown(part) }, { why });
}
