// SPDX-License-Identifier: MIT
/**
 * resv/held-lock — proof that a reservation lock is held: the one you took, or one that is held for you during a callback.
 *
 * The proof carries the operations that need the lock, so the wrong lock cannot be said for them.
 */

import { checkInteger, checkWait, errorNumber, fail, shown } from '../errors.js';
import { Fence, Timeline, type WaitOptions } from '../fence/index.js';
import type { AcquireContext } from './acquire-context.js';
import type { Reservation } from './reservation.js';
import { KERNEL, type Usage, usageNumber, WRITE } from './usage.js';
import { GONE } from './ww-lock.js';

/** Fences that one call may reserve. */
export const MOST_RESERVED = 65_536;

let makeLock: (resv: Reservation, context: AcquireContext | null) => ResvLock;

export { makeLock };

/**
 * Proof that a lock is held: yours, or held on your behalf during a callback. Passed first to whatever needs it; cannot unlock.
 * @source dma_resv_assert_held
 */
export abstract class HeldLock {
  /** Whose lock. Posting a lock fails with the text of a Reservation. */
  abstract readonly resv: Reservation;

  /** Never there: what merely looks like a lock is none. */
  declare protected readonly proof: never;

  /** No fields and no private methods here: locks are made often, and a base class with those triples the cost. */
  protected constructor() {}

  /** Still held. Once false, for ever. */
  abstract get held(): boolean;

  /** The holder before you died in the middle; see LockOptions.recover. */
  get ownerDied(): boolean {
    return this.held && this.resv.dead;
  }

  /**
   * "I have looked, and repaired": clears `ownerDied`, and drops failed WRITE fences.
   * @throws ENOLCK
   */
  markConsistent(): void {
    checkHere(this, 'HeldLock.markConsistent');
    this.resv.list.dropFailed();
    this.resv.consistent();
  }

  /**
   * Room for n more fences, so that add() cannot fail. Not cumulative: twice one is one. Lost at unlock.
   * @throws ENOLCK · EINVAL n < 1 · ENOMEM · EBUSY an exporter in another agent has the lock for a call
   * @example lock.reserve(1); const fence = timeline.next(); lock.add(fence, 'write');
   * @source dma_resv_reserve_fences
   */
  reserve(n: number): void {
    const op = 'HeldLock.reserve';
    checkHere(this, op);
    this.resv.list.reserve(op, checkInteger(op, 'n', n, 1, MOST_RESERVED));
  }

  /**
   * Takes the slot of a fence that has signalled, or of an earlier one of the same timeline with this usage or a weaker one;
   * else a reserved slot. Points only: the points of a FenceSet one by one.
   * @throws ENOLCK · ENOSPC nothing reserved · EINVAL · EXDEV another agent's object · EBUSY as reserve
   * @source dma_resv_add_fence
   */
  add(fence: Fence, usage: Exclude<Usage, 'kernel'>): void {
    const op = 'HeldLock.add';
    const number = usageNumber(op, usage);
    if (number === KERNEL) {
      const why = 'everybody has to wait for a kernel fence: say addKernel() if you mean it';
      throw fail('EINVAL', op, { usage }, { why });
    }
    addTo(this, op, fence, number);
  }

  /**
   * Memory management only: everybody waits for these, also who synchronises by other means.
   * @throws ENOLCK · ENOSPC nothing reserved · EINVAL · EXDEV another agent's object
   * @source dma_resv_add_fence
   */
  addKernel(fence: Fence): void {
    addTo(this, 'HeldLock.addKernel', fence, KERNEL);
  }

  /**
   * Every fence of that timeline in the list becomes this one: for preemption and revocation.
   * @throws ENOLCK · EINVAL · EXDEV another agent's object
   * @source dma_resv_replace_fences
   */
  replace(timeline: Timeline, fence: Fence, usage: Usage): void {
    const op = 'HeldLock.replace';
    checkHere(this, op);
    const number = usageNumber(op, usage);
    if (!(timeline instanceof Timeline)) {
      throw fail(
        'EINVAL',
        op,
        { timeline: shown(timeline) },
        { why: 'timeline must be a Timeline' },
      );
    }
    this.resv.list.replace(timeline.id, pointOf(this, op, fence), number);
  }

  /**
   * All, signalled ones too, as long as they are known.
   * @throws ENOLCK · EINVAL
   * @source dma_resv_for_each_fence
   */
  fences(usage: Usage): readonly Fence[] {
    const op = 'HeldLock.fences';
    check(this, op);
    return this.resv.handles(this.resv.list.points(usageNumber(op, usage)));
  }

  /**
   * The list becomes that of `source`, without what has signalled. Failed WRITE fences of both stay.
   * @throws ENOLCK · ENOMEM nothing has changed · EXDEV another agent's object · EINVAL
   * @source dma_resv_copy_fences
   */
  copyFrom(source: Reservation): void {
    const op = 'HeldLock.copyFrom';
    checkHere(this, op);
    const other = this.resv.sibling(op, source);
    if (other !== this.resv) this.resv.list.copyFrom(op, other.list);
  }

  /**
   * As Reservation.wait. Waiting with the lock held is legal, and everybody else waits for you.
   * @throws ENOLCK · ETIMEDOUT · EINVAL · the signal's reason
   * @source dma_resv_wait_timeout
   */
  async wait(usage: Usage, options?: WaitOptions): Promise<void> {
    const op = 'HeldLock.wait';
    checkWait(op, options);
    check(this, op);
    await this.resv.wait(usage, options);
  }

  /** @internal It is held, and it is that reservation's. @throws EINVAL · ENOLCK */
  static require(op: string, lock: HeldLock, resv: Reservation): void {
    if (!(lock instanceof HeldLock)) {
      const why = 'lock must be the held lock of this buffer: using lock = await buf.resv.lock()';
      throw fail('EINVAL', op, { lock: shown(lock) }, { why });
    }
    check(lock, op);
    if (lock.resv === resv) return;
    const { room } = lock.resv;
    const details = { ...room.details(resv.row), lock: lock.resv.row };
    throw fail('ENOLCK', op, details, { why: 'this is the lock of another reservation' });
  }

  /** @internal Pending fences, and failed WRITE fences: what somebody who comes next has to look at. */
  inTheWay(usage: Usage): readonly Fence[] {
    const op = 'HeldLock.inTheWay';
    check(this, op);
    return this.resv.handles(this.resv.list.inTheWay(usageNumber(op, usage)));
  }

  /** @internal The lock itself, where this agent took it; null = it is held on another agent's behalf. */
  get own(): ResvLock | null {
    return null;
  }

  /** @internal For a callback: the same proof, that cannot unlock and ends with the callback. */
  lend(): LentLock {
    return new LentLock(this);
  }
}

/** It is held, and it is not with another agent for a call. @throws ENOLCK · EBUSY */
function checkHere(lock: HeldLock, op: string): void {
  check(lock, op);
  if (lock.own === null || lock.resv.lent === null) return;
  const details = lock.resv.room.details(lock.resv.row);
  throw fail('EBUSY', op, details, { why: 'the exporter has the lock until the call is over' });
}

function check(lock: HeldLock, op: string): void {
  if (lock.held) return;
  const details = lock.resv.room.details(lock.resv.row);
  throw fail('ENOLCK', op, details, { why: 'this lock is not held any more' });
}

function pointOf(lock: HeldLock, op: string, fence: unknown): Fence {
  if (!(fence instanceof Fence)) {
    const why = 'fence must be a Fence: of a FenceSet, add each of its points';
    throw fail('EINVAL', op, { fence: shown(fence) }, { why });
  }
  if (fence.source !== null && fence.source !== lock.resv.room.fences) {
    throw fail('EXDEV', op, fence.details, { why: 'the fence object belongs to another agent' });
  }
  return fence;
}

function addTo(lock: HeldLock, op: string, fence: Fence, usage: number): void {
  checkHere(lock, op);
  const { list, room } = lock.resv;
  const point = pointOf(lock, op, fence);
  const error = usage === WRITE && point.signaled ? point.error : null;
  if (error === null) return list.add(op, point, usage);
  // The record of a fence that is over may be gone at any time, and its error with it: a new record says it again.
  const again = room.fences.create(point.timeline, point.seqno);
  try {
    list.add(op, again, usage);
  } finally {
    room.fences.signal(again, errorNumber(error));
  }
}

/** Held on somebody's behalf, during a callback. @internal */
export class LentLock extends HeldLock {
  readonly resv: Reservation;
  readonly #of: HeldLock;
  #over = false;

  constructor(of: HeldLock) {
    super();
    this.resv = of.resv;
    this.#of = of;
  }

  get held(): boolean {
    return !this.#over && this.#of.held;
  }

  override get own(): ResvLock | null {
    return this.#of.own;
  }

  /** The callback has returned. */
  end(): void {
    this.#over = true;
  }
}

/**
 * The lock you took. It is this object that holds it, not the thread: passing it on passes the right to use it.
 * @example using lock = await buf.resv.lock();
 * @source ww_mutex_unlock
 */
export class ResvLock extends HeldLock implements Disposable {
  readonly resv: Reservation;
  /** Undefined: unlocked. */
  #context: AcquireContext | null | undefined;

  static {
    makeLock = (resv, context) => new ResvLock(resv, context);
  }

  private constructor(resv: Reservation, context: AcquireContext | null) {
    super();
    this.resv = resv;
    this.#context = context;
  }

  get held(): boolean {
    // An agent that has left holds nothing, whatever its objects did: the lock may be somebody else's by now.
    return this.#context !== undefined && this.resv.holder !== GONE;
  }

  /**
   * One atomic exchange, and a wake if somebody waits. Room that was reserved is lost. Unlocking twice is harmless.
   * @source dma_resv_unlock
   */
  unlock(): void {
    const context = this.#context;
    if (context === undefined) return;
    this.#context = undefined;
    this.resv.release(context);
  }

  [Symbol.dispose](): void {
    this.unlock();
  }

  /** @internal */
  override get own(): ResvLock {
    return this;
  }

  /** @internal The context that took it. */
  get context(): AcquireContext | null {
    return this.#context ?? null;
  }
}
