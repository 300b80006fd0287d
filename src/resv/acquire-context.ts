// SPDX-License-Identifier: MIT
/**
 * resv/acquire-context — who takes several locks: an age, and a count of what it holds.
 *
 * A context takes one lock after the other. After EDEADLK it has to give up all it holds and to take the contended lock first.
 *
 * Invariants  I9 a retry keeps the stamp: the oldest context never dies, so it finishes, and the next one is the oldest.
 */

import { fail } from '../errors.js';
import type { ContextTable } from './context-table.js';
import { contextTag } from './owner-word.js';

const UNPOSTED = Symbol(
  'an AcquireContext cannot be posted: contexts belong to one agent; make one on the other side',
);

/** What happens when somebody wants a lock that a younger context holds: wait for it, or make it give up. */
export type Algorithm = 'wait-die' | 'wound-wait';

/** What a context needs of its room. */
export interface ContextHost {
  readonly contexts: ContextTable;
  /** For tests: see Reservations. */
  readonly injectDeadlock: number;
  report(what: string, row: number): void;
  /** A context of the room's own is over, and can be used again. */
  spare(context: AcquireContext): void;
}

let makeContext: (host: ContextHost, algorithm: Algorithm) => AcquireContext;
/** One that nobody outside of the room gets to see, so that the room can use it again. */
let makeOwn: (host: ContextHost) => AcquireContext;
/** Such a one begins anew: younger than all others. */
let renew: (context: AcquireContext) => void;

export { makeContext, makeOwn, renew };

/**
 * Takes part in a multi-lock: pass it to each `lock()`. (struct ww_acquire_ctx)
 * @example
 * using context = domain.acquireContext();
 * using a = await first.resv.lock({ context });
 * using b = await second.resv.lock({ context }); // EDEADLK: unlock a, second.resv.lockSlow(context), then a again
 */
export class AcquireContext implements Disposable {
  /** @internal Posting a handle fails with this text. */
  readonly unposted = UNPOSTED;
  /** @internal Can be wounded: the algorithm is wound-wait. */
  readonly woundable: boolean;
  /** @internal What it writes into owner words. */
  tag = 0;
  /** @internal Locks that it holds. */
  acquired = 0;
  /** @internal Row of the reservation that answered EDEADLK, and must be taken next; -1 = none. */
  contended = -1;
  /** @internal It waits for a lock. */
  waiting = false;
  readonly #host: ContextHost;
  readonly #index: number;
  /** Nobody outside of the room has it. */
  readonly #own: boolean;
  #stamp = 0;
  #generation = 0;
  /** Locks until EDEADLK is injected, and how many it will be the next time. */
  #countdown = 0;
  #interval = 0;
  #done = false;
  #disposed = false;

  static {
    makeContext = (host, algorithm) => new AcquireContext(host, algorithm, false);
    makeOwn = (host) => new AcquireContext(host, 'wait-die', true);
    renew = (context) => context.#renew();
  }

  private constructor(host: ContextHost, algorithm: Algorithm, own: boolean) {
    this.#host = host;
    this.woundable = algorithm === 'wound-wait';
    this.#index = host.contexts.take();
    this.#own = own;
    this.#renew();
  }

  #renew(): void {
    const { contexts, injectDeadlock } = this.#host;
    this.#disposed = false;
    this.#stamp = contexts.stamp();
    this.#generation = contexts.renew(this.#index, this.#stamp, this.woundable);
    this.tag = contextTag(contexts.agent.slot, this.#index, this.#generation);
    this.#interval = injectDeadlock;
    this.#countdown = injectDeadlock === 0 ? 0 : 1 + (this.#stamp % injectDeadlock);
  }

  /** Lower = older = stronger. */
  get stamp(): number {
    return this.#stamp;
  }

  /** Locks that it holds now. */
  get held(): number {
    return this.acquired;
  }

  /**
   * No more locks after this.
   * @throws EINVAL called twice, or disposed
   * @source ww_acquire_done
   */
  done(): void {
    const op = 'AcquireContext.done';
    this.#alive(op);
    if (this.#done) throw fail('EINVAL', op, {}, { why: 'done() was called before' });
    this.#done = true;
  }

  /**
   * Ends it, after its locks: one that is still held is reported by lock debugging, and stays held.
   * @source ww_acquire_fini
   */
  [Symbol.dispose](): void {
    if (this.#disposed) return;
    if (this.acquired > 0) this.#host.report('a context was disposed before its locks', -1);
    this.retire();
  }

  /** @internal No more locks; the record is used again when the last one is released. */
  retire(): void {
    this.#disposed = true;
    if (this.acquired === 0) this.#over();
  }

  /** @internal One lock less. */
  drop(): void {
    this.acquired--;
    if (this.acquired === 0 && this.#disposed) this.#over();
  }

  #over(): void {
    if (this.#own) this.#host.spare(this);
    else this.#host.contexts.give(this.#index);
  }

  /** @internal May it take this lock now? What it was wounded for is over when it holds nothing. @throws EINVAL EXDEV */
  admit(op: string, host: ContextHost, row: number): void {
    if (this.#host !== host) {
      throw fail('EXDEV', op, { row }, { why: 'the context is of another agent or domain' });
    }
    this.#alive(op);
    const refuse = (why: string): never => {
      throw fail('EINVAL', op, { row, stamp: this.stamp, held: this.acquired }, { why });
    };
    if (this.#done) refuse('this context is done(): it takes no more locks');
    if (this.waiting) refuse('this context waits for another lock: await one after the other');
    if (this.acquired === 0) this.#heal();
    if (this.contended < 0) return;
    if (this.acquired > 0) refuse('after EDEADLK a context has to drop all its locks first');
    if (this.contended !== row) {
      refuse(`after EDEADLK the contended reservation (row ${this.contended}) comes first`);
    }
  }

  /** @internal Shall this lock answer EDEADLK, though it need not? At growing intervals that depend on the stamp. */
  inject(): boolean {
    if (this.#interval === 0 || this.acquired === 0) return false;
    if (--this.#countdown > 0) return false;
    this.#interval = Math.ceil(this.#interval * 3.5);
    this.#countdown = this.#interval;
    return true;
  }

  /** @internal What its agent is rung for when it was wounded. */
  get key(): number {
    const table = this.#host.contexts;
    return table.key(table.agent.slot, this.#index);
  }

  /** @internal */
  get wounded(): boolean {
    return this.woundable && this.#host.contexts.isWounded(this.#index, this.#generation);
  }

  /** It holds nothing: it cannot be in anybody's way. */
  #heal(): void {
    if (this.woundable) this.#host.contexts.heal(this.#index);
  }

  #alive(op: string): void {
    if (!this.#disposed) return;
    throw fail('EINVAL', op, { stamp: this.stamp }, { why: 'the context was disposed' });
  }
}
