// SPDX-License-Identifier: MIT
/**
 * fence/any-fence — what a point and a set of points have in common: asking, waiting, being told.
 */

import { type Operation, until, type Wait } from '../agent/index.js';
import { checkWait, type ErrorCode, type ErrorDetails, fail, shown } from '../errors.js';
import type { Containers } from './containers.js';
import type { Fence } from './fence.js';
import type { SyncWaitOptions, WaitOptions } from './options.js';
import type { Point } from './records.js';
import type { FenceSource } from './source.js';

const UNPOSTED = Symbol(
  'a fence cannot be posted: post fence.toJSON() and call Fence.from(domain, name) on the other side',
);

/**
 * The name of a fence, as plain JSON. Each point: the timeline's id, the record that stands for the point (opaque), the sequence
 * number. An array or a chain has one, its own.
 */
export type FenceName = {
  readonly dmabuf: 'fence';
  readonly points: readonly (readonly [timeline: number, generation: number, seqno: number])[];
  readonly mode: 'all' | 'any';
};

/**
 * What points and sets have in common. Values: nothing to close. Deliberately no `then`: a fence returned from an async function
 * stays a fence.
 */
export abstract class AnyFence {
  /** @internal Posting a handle fails with this text. */
  readonly unposted = UNPOSTED;

  protected constructor() {}

  /** One atomic load. Once true, for ever. @source dma_fence_is_signaled */
  abstract readonly signaled: boolean;
  /** null while unsignalled, and after success. @source dma_fence_get_status */
  abstract readonly error: ErrorCode | null;
  /**
   * When it signalled: milliseconds since the epoch, with fractions, of a clock that is read once per turn of the event loop.
   * null while unsignalled; 0 = so long ago that nobody knows. @source dma_fence_timestamp
   */
  abstract readonly timestamp: number | null;
  /**
   * Plain JSON: names the fence to other agents. No reference to give back. An array gets a record by this, which fails with EOWNERDEAD if
   * this agent dies before it is over.
   * @throws ENFILE too many fences are pending, or held
   */
  abstract toJSON(): FenceName;

  /** @internal null: signalled since ever. */
  abstract readonly source: FenceSource | null;
  /** @internal The points it is made of. */
  abstract readonly leaves: readonly Fence[];
  /** @internal Pending points, of which one has to signal before this does; none: it has signalled. */
  abstract blockers(): readonly Point[];
  /** @internal May its points stand for it in a set of that mode? */
  abstract isOneOf(mode: FenceName['mode']): boolean;
  /** @internal The record that stands for it. @throws ENFILE */
  abstract recordIn(containers: Containers): Fence;
  /** @internal For messages. */
  abstract readonly details: ErrorDetails;

  /**
   * Until it has signalled. Never blocks.
   * @throws EINVAL · ETIMEDOUT · the signal's reason · the fence's own error when the work failed: what it guards is not there
   * @example await fence.wait({ timeout: 100 });
   * @source dma_fence_wait_timeout
   */
  wait(options?: WaitOptions): Promise<void> {
    const op = 'Fence.wait';
    const { source } = this;
    try {
      checkWait(op, options);
      if (source === null || this.signaled) {
        this.#raise(op);
        return source?.agent.tasks.settled(undefined) ?? Promise.resolve();
      }
    } catch (error) {
      return Promise.reject(error);
    }
    return source.agent.run(op, this.#waitAndRaise(source, op), options);
  }

  /**
   * The blocking form of `wait`.
   * @blocking yes
   * @throws EINVAL · ETIMEDOUT · the fence's own error · EDEADLK this very thread has to signal it, or holds a lock · ENOTSUP may not block
   * @source dma_fence_wait_timeout
   */
  waitSync(options?: SyncWaitOptions): void {
    const op = 'Fence.waitSync';
    this.readySync(op, options);
    this.#raise(op);
  }

  /** @internal Until it has signalled, with an error or without; `op` stands in errors. */
  ready(op: string, options?: WaitOptions): Promise<void> {
    const { source } = this;
    try {
      checkWait(op, options);
    } catch (error) {
      return Promise.reject(error);
    }
    if (source === null || this.signaled) return Promise.resolve();
    return source.agent.run(op, this.waiting(source, op), options);
  }

  /** @internal As ready; blocks. */
  readySync(op: string, options?: SyncWaitOptions): void {
    checkWait(op, options);
    const timeout = options?.timeout;
    const { source } = this;
    if (source === null || this.signaled) return;
    if (timeout === 0) throw fail('ETIMEDOUT', op, this.details);
    if (this.#endless(source)) {
      const why =
        'this thread has to signal it, and could not while it blocks: await wait() instead';
      throw fail('EDEADLK', op, this.details, { why });
    }
    source.agent.runSync(op, this.waiting(source, op), timeout);
  }

  /**
   * Runs `callback` once, as a microtask, also when it is signalled already. Dispose to cancel.
   * @throws EINVAL not a function
   * @example fence.onSignal((error) => void console.log(error ?? 'done'));
   * @source dma_fence_add_callback · dma_fence_remove_callback
   */
  onSignal(callback: (error: ErrorCode | null) => undefined): Disposable {
    if (typeof callback !== 'function') {
      const why = 'callback must be a function';
      throw fail('EINVAL', 'Fence.onSignal', { callback: shown(callback) }, { why });
    }
    let armed = true;
    const deliver = (): void => {
      if (!armed) return;
      armed = false;
      callback(this.error);
    };
    const { source } = this;
    if (source === null || this.signaled) {
      void Promise.resolve().then(deliver);
      return { [Symbol.dispose]: () => void (armed = false) };
    }
    let keys: readonly number[] = [];
    const next = (wait: Wait): void => void (keys = wait.keys);
    const watch = this.#watch(source, () => armed, next);
    // The agent leaving ends the watch: nobody is told any more.
    void source.agent.run('Fence.onSignal', watch).then(deliver, () => {});
    const cancel = (): void => {
      if (!armed) return;
      armed = false;
      for (const key of keys) source.agent.ring(source.agent.slot, key);
    };
    return { [Symbol.dispose]: cancel };
  }

  *#watch(source: FenceSource, armed: () => boolean, next: (wait: Wait) => void): Operation<void> {
    while (armed() && !this.signaled) {
      const points = this.blockers();
      const wait = source.waitOn(points, () => !armed() || anySignaled(source, points), true);
      next(wait);
      yield* until(wait, 'Fence.onSignal');
    }
  }

  /**
   * A hint to whoever signals: wanted by `at`, milliseconds as performance.timeOrigin + performance.now(). The earliest wins.
   * @throws EINVAL
   * @source dma_fence_set_deadline
   */
  setDeadline(at: number): void {
    if (typeof at !== 'number' || !Number.isFinite(at)) {
      const why = 'at must be milliseconds since the epoch';
      throw fail('EINVAL', 'Fence.setDeadline', { at: shown(at) }, { why });
    }
    for (const leaf of this.leaves) if (!leaf.signaled) this.source?.askDeadline(leaf, at);
  }

  *#waitAndRaise(source: FenceSource, op: string): Operation<void> {
    yield* this.waiting(source, op);
    this.#raise(op);
  }

  /** Ends when it has signalled; does not look at errors. @internal */
  protected *waiting(source: FenceSource, op: string): Operation<void> {
    while (!this.signaled) {
      const points = this.blockers();
      const wait = source.waitOn(points, () => anySignaled(source, points));
      yield* until(wait, op, this.details);
    }
  }

  #raise(op: string): void {
    const { error } = this;
    if (error !== null) throw fail(error, op, this.details);
  }

  /** Could only this very agent end the wait? */
  #endless(source: FenceSource): boolean {
    return this.isOwed((leaf) => !leaf.signaled && source.owedHere(leaf.row, leaf.generation));
  }

  /** @internal Given who owes which point: does that party owe the whole? */
  protected abstract isOwed(by: (leaf: Fence) => boolean): boolean;
}

/** Has one of them signalled, or is there none? */
export function anySignaled({ records }: FenceSource, points: readonly Point[]): boolean {
  const signaled = points.some(({ row, generation }) => records.isSignaled(row, generation));
  return signaled || points.length === 0;
}
