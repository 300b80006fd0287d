// SPDX-License-Identifier: MIT
/**
 * resv/reservation — a lock and a list of fences, as one agent sees them.
 */

import type { Operation, Wait } from '../agent/index.js';
import {
  checkObject,
  checkTimeout,
  checkWait,
  type ErrorCode,
  errorCode,
  fail,
  shown,
} from '../errors.js';
import {
  type AnyFence,
  Fence,
  type Point,
  type SyncWaitOptions,
  type WaitOptions,
} from '../fence/index.js';
import { load } from '../mem/index.js';
import { AcquireContext } from './acquire-context.js';
import { admit, deadlock, gone, ownerDied } from './admission.js';
import { FenceList } from './fence-list.js';
import type { ResvLock } from './held-lock.js';
import { ListWatch } from './list-watch.js';
import { LockCore } from './lock-core.js';
import type { LockOptions, LockRequest, LockSyncOptions } from './options.js';
import { slotOf } from './owner-word.js';
import type { Reservations } from './reservations.js';
import { type Usage, usageNumber } from './usage.js';
import { Outcome } from './waiter.js';
import { GONE } from './ww-lock.js';

const NO_OPTIONS: LockOptions = {};

const isSame = (a: Point | null, b: Point | null): boolean =>
  a?.row === b?.row && a?.generation === b?.generation;

let makeReservation: (room: Reservations, row: number, at: number) => Reservation;

export { makeReservation };

/**
 * A lock and a list of fences: who uses the memory now, and whose work has to be over first. (struct dma_resv)
 */
export class Reservation extends LockCore {
  static {
    makeReservation = (room, row, at) => new Reservation(room, row, at);
  }

  private constructor(room: Reservations, row: number, at: number) {
    super(room, row, at);
  }

  // ------------------------------------------------------------------------------------------- locking

  /**
   * Takes the lock; waits while somebody has it.
   * @throws EOWNERDEAD a holder died while holding (see `recover`) · ETIMEDOUT · the signal's reason · ESTALE the buffer was closed ·
   *         EDEADLK an older context wants what yours holds, or inside signalling() · with a context: EALREADY it holds this one ·
   *         EINVAL it may not lock now
   * @example using lock = await buf.resv.lock({ timeout: 100 });
   * @source dma_resv_lock · dma_resv_lock_interruptible (signal) · ww_mutex_lock · ww_mutex_lock_interruptible (signal)
   */
  lock(options?: LockOptions): Promise<ResvLock> {
    if (options === undefined && this.room.fences.inSignalling === 0) {
      const lock = this.take(null);
      if (lock !== null) return Promise.resolve(lock);
      const { holder } = this;
      if (holder !== null && holder !== GONE) return this.#rest();
    }
    return this.#lock('Reservation.lock', options === undefined ? NO_OPTIONS : options);
  }

  /**
   * The blocking form of `lock`.
   * @blocking yes
   * @throws as lock · EDEADLK a task of this very thread has it, or any other lock · ENOTSUP this thread may not block
   * @source dma_resv_lock
   */
  lockSync(options?: LockSyncOptions): ResvLock {
    const { room } = this;
    if (options === undefined && !room.debug && room.fences.inSignalling === 0) {
      const lock = this.take(null) ?? this.takeSoon();
      if (lock !== null) return lock;
    }
    const op = 'Reservation.lockSync';
    if (options !== undefined) checkObject(op, 'options', options);
    const { context = null, recover, timeout } = options ?? NO_OPTIONS;
    const limit = checkTimeout(op, timeout);
    room.checkBlocking(op, context);
    const lock = this.#lockNow(op, context);
    if (lock !== null) return lock;
    const taken = room.block(
      op,
      this.acquire(op, { context, recover, blocking: true }),
      limit,
      context,
    );
    if (taken === null) throw deadlock(op, this.room, this.row, context);
    return taken;
  }

  /**
   * Never waits. null: somebody has it, or is about to take it.
   * @throws EOWNERDEAD a holder died while holding: lock({ recover: true }) · ESTALE the buffer was closed
   * @source dma_resv_trylock · ww_mutex_trylock
   */
  tryLock(): ResvLock | null {
    return this.takeAnyway('Reservation.tryLock');
  }

  /**
   * Takes the contended lock after EDEADLK, with nothing held: it waits as long as it takes, and cannot answer EDEADLK.
   * @throws EINVAL the context holds something, or this is not the reservation that answered EDEADLK · EOWNERDEAD · ETIMEDOUT · the
   *         signal's reason
   * @source dma_resv_lock_slow · dma_resv_lock_slow_interruptible (signal) · ww_mutex_lock_slow ·
   *         ww_mutex_lock_slow_interruptible (signal)
   */
  lockSlow(context: AcquireContext, options: WaitOptions = {}): Promise<ResvLock> {
    const op = 'Reservation.lockSlow';
    if (!(context instanceof AcquireContext) || context.contended !== this.row) {
      const why = 'the context got no EDEADLK from this reservation: use lock()';
      return Promise.reject(fail('EINVAL', op, this.room.details(this.row), { why }));
    }
    return this.#lock(op, { ...options, context });
  }

  /** By anybody; old news by the time you look. @source dma_resv_is_locked · ww_mutex_is_locked */
  get locked(): boolean {
    return this.holderSlot >= 0;
  }

  /** Waits at the cost of a promise: the lock is held in this agent, which will hand it over. */
  #rest(): Promise<ResvLock> {
    return new Promise((resolve, reject) => this.ww.rest({ resolve, reject }));
  }

  #lock(op: string, options: LockOptions): Promise<ResvLock> {
    try {
      checkWait(op, options);
    } catch (error) {
      return Promise.reject(error);
    }
    const { context, recover } = options;
    return this.room.agent.run(op, this.lockOperation(op, { context, recover }), options);
  }

  /** What can be said at once: it has the lock, it has to wait (null), or it must not. */
  #lockNow(op: string, context: AcquireContext | null): ResvLock | null {
    admit(this, op, context);
    if (context?.inject() === true) throw deadlock(op, this.room, this.row, context);
    const lock = this.take(context);
    if (lock !== null && context !== null) context.contended = -1;
    return lock;
  }

  /** @internal For operations of other rooms; `op` stands in errors. The caller unlocks. */
  *lockOperation(op: string, request: LockRequest = {}): Operation<ResvLock> {
    const context = request.context ?? null;
    const lock = this.#lockNow(op, context) ?? (yield* this.acquire(op, request));
    if (lock === null) throw deadlock(op, this.room, this.row, context);
    return lock;
  }

  /** @internal The same for a lock that was not to be had at once. null: the context has to give up. */
  *acquire(op: string, request: LockRequest): Operation<ResvLock | null> {
    const context = request.context ?? null;
    const outcome = yield* this.ww.wait(op, context, request.blocking === true);
    if (outcome === Outcome.GONE) throw gone(op, this.room, this.row);
    if (outcome === Outcome.DIE) return null;
    if (this.dead && request.recover !== true) {
      this.release(context);
      throw ownerDied(op, this.room, this.row);
    }
    if (context !== null) context.contended = -1;
    this.seen();
    return this.lockOf(context);
  }

  // ------------------------------------------------------------------------------------------- fences

  /**
   * Until all fences of this class and stronger have signalled; failed ones count, as in Linux. But a failed WRITE fence stays in the
   * list until a later write or markConsistent() takes its place, so that no reader misses it. Fences that are added meanwhile
   * may be waited for as well.
   * @throws ETIMEDOUT · the signal's reason · EINVAL · ESTALE the buffer was closed
   * @example await buf.resv.wait('write', { timeout: 100 });
   * @source dma_resv_wait_timeout
   */
  wait(usage: Usage, options: WaitOptions = {}): Promise<void> {
    const op = 'Reservation.wait';
    return this.room.agent.run(op, this.waitOperation(op, usage), options);
  }

  /**
   * The blocking form of `wait`.
   * @blocking yes
   * @throws ETIMEDOUT · EINVAL · EDEADLK this very thread has to signal one of them, or holds a lock · ENOTSUP this thread may not
   *         block
   * @source dma_resv_wait_timeout
   */
  waitSync(usage: Usage, options: SyncWaitOptions = {}): void {
    const op = 'Reservation.waitSync';
    checkObject(op, 'options', options);
    const limit = checkTimeout(op, options.timeout);
    if (limit > 0 && this.owedHere(usage)) {
      const why = 'this thread has to signal one of the fences, and could not while it blocks';
      throw fail('EDEADLK', op, this.room.details(this.row), { why });
    }
    this.room.block(op, this.waitOperation(op, usage), limit, null);
  }

  /** @internal The same, for operations of other rooms. */
  *waitOperation(op: string, usage: Usage): Operation<void> {
    const { list, room } = this;
    const number = usageNumber(op, usage);
    this.#mustBeOurs(op);
    for (;;) {
      const { version } = list;
      let next = list.pending(number);
      while (next !== null && list.version === version) {
        const interrupt = yield room.fences.waitFor(next);
        if (interrupt !== null) throw interrupt.error(op, this.room.details(this.row));
        this.#mustBeOurs(op);
        next = list.pending(number, next.index + 1);
      }
      if (list.version === version) return;
    }
  }

  /** The buffer was closed: the row, and the fences in it, may be another one's by now. @throws ESTALE */
  #mustBeOurs(op: string): void {
    if (this.holder === GONE) throw gone(op, this.room, this.row);
  }

  /**
   * Have all fences of this class and stronger signalled? To free or move the memory, ask for 'bookkeep'.
   * @throws EINVAL
   * @source dma_resv_test_signaled
   */
  test(usage: Usage): boolean {
    const number = usageNumber('Reservation.test', usage);
    return this.list.stable(() => this.list.pending(number)) === null;
  }

  /**
   * The unsignalled ones.
   * @throws EINVAL
   * @source dma_resv_get_fences · dma_resv_iter_begin · dma_resv_for_each_fence_unlocked
   */
  fences(usage: Usage): readonly Fence[] {
    const number = usageNumber('Reservation.fences', usage);
    return this.handles(this.list.pendingPoints(number));
  }

  /**
   * All unsignalled ones as one. None: `Fence.done`.
   * @throws EINVAL
   * @source dma_resv_get_singleton
   */
  singleton(usage: Usage): AnyFence {
    const number = usageNumber('Reservation.singleton', usage);
    const fences = this.handles(this.list.pendingPoints(number));
    const [first = Fence.done, ...more] = fences;
    return more.length === 0 ? first : Fence.all(fences);
  }

  /**
   * A hint to those who signal: wanted by `at`, milliseconds as performance.timeOrigin + now().
   * @throws EINVAL
   * @source dma_resv_set_deadline
   */
  setDeadline(usage: Usage, at: number): void {
    const op = 'Reservation.setDeadline';
    const number = usageNumber(op, usage);
    if (typeof at !== 'number' || !Number.isFinite(at)) {
      const why = 'at must be milliseconds since the epoch';
      throw fail('EINVAL', op, { at: shown(at) }, { why });
    }
    for (const point of this.list.pendingPoints(number)) this.room.fences.askDeadline(point, at);
  }

  // ------------------------------------------------------------------------------------------- for this room, and those above

  /** @internal */
  get list(): FenceList {
    return (this.fenceList ??= new FenceList(this.room, this.row, this.ownerAt));
  }

  /**
   * @internal Until another fence is the first in the way of this usage, or none, or `changed`: looked at whenever a fence is added. So who
   * waits for several fences waits for one after the other, and for none that was taken out of the list.
   */
  whenMoved(usage: Usage, changed: () => boolean): Wait {
    const { list, room } = this;
    const number = usageNumber('Reservation.whenMoved', usage);
    const look = (): Point | null => list.stable(() => list.pending(number));
    const first = look();
    const over = first === null ? null : room.fences.waitFor(first);
    const moved = (): boolean => !isSame(first, look());
    return new ListWatch(room, this.row, this.ownerAt, over, () => changed() || moved());
  }

  /** @internal Error of a WRITE fence that failed and that no later write has replaced (D-9). */
  writeError(): ErrorCode | null {
    return errorCode(this.list.writeError());
  }

  /** @internal Is this agent the one that has to signal a fence of this class or a stronger one? */
  owedHere(usage: Usage): boolean {
    const points = this.list.pendingPoints(usageNumber('Reservation.waitSync', usage));
    return points.some(({ row, generation }) => this.room.fences.owedHere(row, generation));
  }

  /** @internal Slot of the agent that holds the lock; -1 = free. */
  get holderSlot(): number {
    return slotOf(load(this.words, this.ownerAt));
  }

  /** @internal */
  handles(points: readonly Point[]): Fence[] {
    const { fences } = this.room;
    const all = points.map(({ row, generation }) => fences.handle(row, generation));
    return all.filter((fence) => fence !== Fence.done);
  }

  /** @internal Another reservation of the same agent. @throws EINVAL EXDEV */
  sibling(op: string, other: unknown): Reservation {
    if (!(other instanceof Reservation)) {
      throw fail('EINVAL', op, { source: shown(other) }, { why: 'source must be a Reservation' });
    }
    if (other.room !== this.room) throw fail('EXDEV', op, { row: this.row, source: other.row });
    return other;
  }
}
