// SPDX-License-Identifier: MIT
/**
 * syncobj/sync-object — a place for a fence: empty, or with one that can be replaced at any time; a timeline when it is a chain.
 *
 * @source struct drm_syncobj
 */

import { type AnyFence, Fence, FenceChain, type Fences } from '../fence/index.js';
import { wake } from './wake.js';

/** Who is told of what becomes of an object, at once. */
interface Watcher {
  look(): void;
}

export class SyncObject {
  #fence: AnyFence | null = null;
  /** Handles and files by which somebody can put a fence in. (drm_syncobj.refcount) */
  #names = 0;
  readonly #watchers = new Set<Watcher>();

  constructor(readonly fences: Fences) {}

  /** What is in it now. */
  get fence(): AnyFence | null {
    return this.#fence;
  }

  /** Can anybody still put a fence in? */
  get named(): boolean {
    return this.#names > 0;
  }

  addName(): void {
    this.#names++;
  }

  dropName(): void {
    this.#names--;
    if (!this.named) this.#tell();
  }

  /**
   * What has to signal until `point` is reached; of point 0, all that is in it now. null: nobody has put it in yet.
   * @source drm_syncobj_find_fence
   */
  find(point: number): AnyFence | null {
    const fence = this.#fence;
    if (fence === null || point === 0) return fence;
    if (!(fence instanceof FenceChain) || point > fence.seqno) return null;
    return fence.findSeqno(point) ?? Fence.done;
  }

  /**
   * The last point that is reached; 0 without a timeline. What was put in behind a later number hides what was before it.
   * @source drm_syncobj_query_ioctl
   */
  get reached(): number {
    const newest = this.#fence;
    if (!(newest instanceof FenceChain)) return 0;
    let last = newest;
    for (const link of newest) {
      if (!(link instanceof FenceChain) || link.timeline !== newest.timeline) break;
      last = link;
    }
    return last.signaled ? last.seqno : last.previousSeqno;
  }

  /** The last point that was put in; 0 without a timeline. */
  get submitted(): number {
    return this.#fence instanceof FenceChain ? this.#fence.seqno : 0;
  }

  /** @source drm_syncobj_replace_fence · drm_syncobj_add_point */
  put(fence: AnyFence | null): void {
    this.#fence = fence;
    if (fence !== null) this.#tell();
  }

  watch(watcher: Watcher): void {
    this.#watchers.add(watcher);
  }

  unwatch(watcher: Watcher): void {
    this.#watchers.delete(watcher);
  }

  #tell(): void {
    if (this.#watchers.size === 0) return;
    for (const watcher of this.#watchers) watcher.look();
    wake(this.fences.agent);
  }
}
