// SPDX-License-Identifier: MIT
/**
 * syncobj/sample — what one wait has seen of one object.
 *
 * The fence is taken when it is put in, not when the waiting task gets round to it: an object that is reset, or filled anew, in the
 * same turn must not take away what was there to be seen (I30).
 *
 * @source struct syncobj_wait_entry
 */

import type { AnyFence } from '../fence/index.js';
import type { SyncObject } from './sync-object.js';

export class Sample {
  #fence: AnyFence | null = null;

  constructor(
    readonly object: SyncObject,
    readonly point: number,
  ) {
    this.look();
  }

  /** What it waits for; null: nobody has put it in yet. */
  get fence(): AnyFence | null {
    return this.#fence;
  }

  /** Nobody has put it in, and nobody can any more. */
  get lost(): boolean {
    return this.#fence === null && !this.object.named;
  }

  /** @param available  it is enough that somebody has put it in. */
  isOver(available: boolean): boolean {
    return this.#fence !== null && (available || this.#fence.signaled);
  }

  /** Looks at every change, until it has a fence, or end(): it never looks again once it has one. */
  begin(): void {
    if (this.#fence === null) this.object.watch(this);
  }

  look(): void {
    this.#fence = this.object.find(this.point);
    if (this.#fence !== null) this.end();
  }

  end(): void {
    this.object.unwatch(this);
  }
}
