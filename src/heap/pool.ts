// SPDX-License-Identifier: MIT
/**
 * heap/pool — a bounded set of equal buffers, as its users hold it.
 */

import type { DmaBuf } from '../buf/index.js';
import { checkTimeout, checkWait, fail } from '../errors.js';
import type { SyncWaitOptions, WaitOptions } from '../fence/index.js';
import { acquiring, type Holder, type PoolLink } from './pool-link.js';

/** What nobody said. */
const NO_OPTIONS: WaitOptions = {};

const UNPOSTED = Symbol(
  'a Pool cannot be posted: call domain.pool() with its name on the other side',
);

export interface PoolOptions {
  /** Up to 31 bytes of UTF-8. The same name is the same pool, in every agent. */
  readonly name: string;
  /** Buffers. */
  readonly count: number;
  /** Bytes of each. */
  readonly size: number;
  /** Default "system"; it must be one that the domain has. */
  readonly heap?: string;
}

/** Where handles go back to. */
export interface PoolOwner {
  release(link: PoolLink, pool: Pool): void;
}

/** For this room and those above. */
export let makePool: (owner: PoolOwner, link: PoolLink) => Pool;

/**
 * A bounded set of equal buffers. A buffer is free again when its last reference, in any agent, is closed and its fences have
 * signalled.
 * @example using frame = await pool.acquire({ timeout: 1000 });
 */
export class Pool implements Disposable {
  readonly name: string;
  /** Buffers. */
  readonly count: number;
  /** Bytes of each. */
  readonly size: number;
  /** @internal */
  readonly unposted = UNPOSTED;
  readonly #owner: PoolOwner;
  readonly #link: PoolLink;
  #closed = false;

  static {
    makePool = (owner, link) => new Pool(owner, link);
  }

  private constructor(owner: PoolOwner, link: PoolLink) {
    this.#owner = owner;
    this.#link = link;
    this.name = link.name;
    this.count = link.count;
    this.size = link.size;
    link.handles++;
  }

  /** Buffers that could be acquired now. Old news by the time you look. */
  get free(): number {
    return this.#use('Pool.free').free;
  }

  /**
   * First come, first served. Never zeroed, never poisoned: write before you read. Never blocks.
   * @throws ETIMEDOUT (`at` names the holders) · ESTALE
   * @example using frame = await pool.acquire();
   */
  acquire(options: WaitOptions = NO_OPTIONS): Promise<DmaBuf> {
    const op = 'Pool.acquire';
    try {
      const link = this.#use(op);
      if (options !== NO_OPTIONS) checkWait(op, options);
      const buf = link.take(false);
      if (buf !== null) return link.host.agent.tasks.settled(buf);
      return link.host.agent.run(op, acquiring(op, link, this, false), options);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** The blocking twin of acquire(). @blocking yes @throws as acquire · EDEADLK this thread holds a lock · ENOTSUP may not block */
  acquireSync(options: SyncWaitOptions = {}): DmaBuf {
    const op = 'Pool.acquireSync';
    const link = this.#use(op);
    const timeout = checkTimeout(op, options.timeout);
    return (
      link.take(false) ?? link.host.agent.runSync(op, acquiring(op, link, this, true), timeout)
    );
  }

  /** null = all in use: skip this frame, or see holders(). @throws ESTALE */
  tryAcquire(): DmaBuf | null {
    return this.#use('Pool.tryAcquire').take(false);
  }

  /** Who has what, since it was acquired. A buffer that only a queued message refers to is held by "(queued)". */
  holders(): readonly Holder[] {
    return this.#use('Pool.holders').holders();
  }

  /** No more acquire() in this agent. Buffers in use live on. Twice is harmless. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#owner.release(this.#link, this);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** @internal */
  get closed(): boolean {
    return this.#closed;
  }

  #use(op: string): PoolLink {
    if (!this.#closed) return this.#link;
    throw fail('ESTALE', op, { pool: this.name }, { why: 'this pool was closed here' });
  }
}
