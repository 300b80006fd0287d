// SPDX-License-Identifier: MIT
/**
 * resv/lock-set — several locks at once.
 */

import { fail, shown } from '../errors.js';
import type { ResvLock } from './held-lock.js';
import { type Lockable, reservationOf } from './options.js';

const UNPOSTED = Symbol('a LockSet cannot be posted: locks belong to one agent');

type Locks<T extends readonly unknown[]> = { readonly [K in keyof T]: ResvLock };

let makeLockSet: <T extends readonly unknown[]>(locks: Locks<T>) => LockSet<T>;

export { makeLockSet };

/**
 * Several locks at once; disposing unlocks all. Duplicates share one lock.
 * @example using held = await domain.lockAll([a, b]); const [lockOfA, lockOfB] = held.locks;
 */
export class LockSet<T extends readonly unknown[] = readonly unknown[]>
  implements Disposable, Iterable<ResvLock>
{
  /** @internal Posting a handle fails with this text. */
  readonly unposted = UNPOSTED;
  /** In the order asked. */
  readonly locks: { readonly [K in keyof T]: ResvLock };

  static {
    makeLockSet = (locks) => new LockSet(locks);
  }

  private constructor(locks: Locks<T>) {
    this.locks = locks;
  }

  /** The lock of this buffer. @throws EINVAL it is not in the set */
  of(buf: Lockable): ResvLock {
    const resv = reservationOf(buf);
    const lock = this.#all.find((each) => each.resv === resv);
    if (lock !== undefined) return lock;
    const why = 'this buffer, or reservation, is not in the set';
    throw fail('EINVAL', 'LockSet.of', { buf: shown(buf) }, { why });
  }

  /** Each lock once. */
  [Symbol.iterator](): Iterator<ResvLock> {
    return new Set(this.#all).values();
  }

  /** All of them. Twice is harmless. */
  unlock(): void {
    const all = this.#all;
    for (let place = 0; place < all.length; place++) all[place]?.unlock();
  }

  [Symbol.dispose](): void {
    this.unlock();
  }

  get #all(): readonly ResvLock[] {
    return this.locks;
  }
}
