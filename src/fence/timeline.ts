// SPDX-License-Identifier: MIT
/**
 * fence/timeline — where fences come from: a context whose points signal in order.
 *
 * Open points are the numbers value + 1 … issued; they wait in a ring, each at its own number. Signalling the next one is O(1) and makes
 * no garbage. A point that fails before its turn keeps its error until the points before it are over: reservations and merges
 * drop an earlier point for a later one of the same timeline, so a later one must never be over first.
 */

import { checkInteger, type ErrorCode, errorNumber, fail, shown } from '../errors.js';
import { Fence } from './fence.js';
import type { FenceRecords } from './records.js';

const UNPOSTED = Symbol(
  'a Timeline cannot be posted: only its maker signals; post toJSON() of its points',
);
const FIRST_RING = 16;

/** What a timeline needs of its agent. */
export interface TimelineHost {
  readonly records: FenceRecords;
  create(context: number, seqno: number): Fence;
  closed(timeline: Timeline): void;
  inSignalling: number;
}

let makeTimeline: (host: TimelineHost, name: string, id: number) => Timeline;
let detach: (timeline: Timeline) => void;

export { detach, makeTimeline };

/** Where fences come from. Only its maker signals; its end fails what is open. (dma_fence_context_alloc) */
export class Timeline implements Disposable {
  /** @internal Posting a handle fails with this text. */
  readonly unposted = UNPOSTED;
  readonly name: string;
  /** Id of the fence context: what `Fence.timeline` of its points says. */
  readonly id: number;
  readonly #host: TimelineHost;
  readonly #records: FenceRecords;
  #value = 0;
  #issued = 0;
  /** Up to here points need nothing but their signal: `issued`, or 0 while one waits for its turn to fail. */
  #plain = 0;
  /** Open points, each at its number modulo the length; the other places hold leftovers. */
  #ring: (Fence | null)[] = Array.from({ length: FIRST_RING }, () => null);
  /** Errors of points that have failed before their turn. */
  readonly #failed = new Map<number, number>();
  #closed = false;

  static {
    makeTimeline = (host, name, id) => new Timeline(host, name, id);
    detach = (timeline) => {
      timeline.#closed = true;
      timeline.#plain = 0;
    };
  }

  private constructor(host: TimelineHost, name: string, id: number) {
    this.#host = host;
    this.#records = host.records;
    this.name = name;
    this.id = id;
  }

  /** Last signalled: this point and all before it are over. */
  get value(): number {
    return this.#value;
  }

  /**
   * The next point: promise to signal it in finite time, whatever happens.
   * @throws ENFILE too many fences are pending, or held · ESTALE closed
   * @source dma_fence_init
   */
  next(): Fence {
    this.#alive('Timeline.next');
    const seqno = this.#issued + 1;
    const fence = this.#host.create(this.id, seqno);
    if (this.#issued - this.#value === this.#ring.length) this.#grow();
    this.#ring[seqno & (this.#ring.length - 1)] = fence;
    this.#issued = seqno;
    if (this.#failed.size === 0) this.#plain = seqno;
    return fence;
  }

  /**
   * This point and all before it. One exchange, and a wake if somebody waits.
   * @throws EINVAL not after `value`, never issued, or of another timeline · ESTALE closed
   * @example timeline.signal(point);
   * @source dma_fence_signal · SW_SYNC_IOC_INC
   */
  signal(point: Fence | number): void {
    const seqno = this.#value + 1;
    const plain = seqno <= this.#plain && point instanceof Fence;
    if (plain && point.isPoint(this.#records, this.id, seqno)) {
      this.#value = seqno;
      point.commit(this.#records, 0);
      return;
    }
    const last = this.#pending('Timeline.signal', point);
    while (this.#value < last) this.#advance(0);
    this.#catchUp();
  }

  /**
   * This point, with an error; those before it stay open, and it is over when they are.
   * @throws EINVAL not after `value`, never issued, or of another timeline · ESTALE closed
   * @source dma_fence_set_error · dma_fence_signal
   */
  fail(point: Fence | number, error: ErrorCode): void {
    const op = 'Timeline.fail';
    const seqno = this.#pending(op, point);
    const number = errorNumber(error);
    if (number === 0) {
      throw fail('EINVAL', op, { error: shown(error) }, { why: 'error must be an ErrorCode' });
    }
    this.#failed.set(seqno, number);
    this.#catchUp();
  }

  /**
   * Until disposed, taking a reservation lock in this agent is EDEADLK: whoever waits for the points may hold it.
   * @source dma_fence_begin_signalling · dma_fence_end_signalling
   */
  signalling(): Disposable {
    const host = this.#host;
    let open = true;
    host.inSignalling++;
    const end = (): void => {
      if (open) host.inSignalling--;
      open = false;
    };
    return { [Symbol.dispose]: end };
  }

  /** Open points fail with ECANCELED. */
  close(): void {
    if (this.#closed) return;
    const canceled = errorNumber('ECANCELED');
    while (this.#value < this.#issued) this.#advance(canceled);
    this.#closed = true;
    this.#host.closed(this);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** Signals the next point, with its own error if it has failed. */
  #advance(error: number): void {
    const seqno = this.#value + 1;
    const fence = this.#ring[seqno & (this.#ring.length - 1)];
    const own = this.#failed.get(seqno) ?? error;
    this.#failed.delete(seqno);
    this.#value = seqno;
    fence?.commit(this.#records, own);
  }

  /** Points that have failed before their turn, and whose turn it is. */
  #catchUp(): void {
    while (this.#failed.has(this.#value + 1)) this.#advance(0);
    this.#plain = this.#failed.size === 0 ? this.#issued : 0;
  }

  /** The number of an open point. */
  #pending(op: string, point: Fence | number): number {
    this.#alive(op);
    const seqno =
      point instanceof Fence ? this.#numberOf(op, point) : checkInteger(op, 'point', point, 1);
    if (seqno > this.#value && seqno <= this.#issued && !this.#failed.has(seqno)) return seqno;
    const why =
      seqno > this.#issued
        ? `the timeline has issued ${this.#issued} points`
        : `this point has been signalled, or has failed; the timeline stands at ${this.#value}`;
    throw fail('EINVAL', op, { timeline: this.id, point: seqno }, { why });
  }

  #numberOf(op: string, point: Fence): number {
    const { seqno, timeline: other } = point;
    if (point.isPoint(this.#records, this.id, seqno)) return seqno;
    const at = { timeline: this.id, other, point: seqno };
    throw fail('EINVAL', op, at, { why: 'this is a point of another timeline' });
  }

  #alive(op: string): void {
    if (this.#closed) throw fail('ESTALE', op, { timeline: this.id, name: this.name });
  }

  #grow(): void {
    const old = this.#ring;
    this.#ring = Array.from({ length: 2 * old.length }, () => null);
    for (let seqno = this.#value + 1; seqno <= this.#issued; seqno++) {
      this.#ring[seqno & (this.#ring.length - 1)] = old[seqno & (old.length - 1)] ?? null;
    }
  }
}
