// SPDX-License-Identifier: MIT
/**
 * syncobj/append — new points of timelines: all of them, or none (I31). Links are made first, and put in when nothing can fail any more.
 *
 * @source drm_syncobj_add_point
 */

import { type AnyFence, FenceChain, type Fences } from '../fence/index.js';
import type { SyncObject } from './sync-object.js';

export class Append {
  readonly #links = new Map<SyncObject, FenceChain>();

  constructor(readonly fences: Fences) {}

  /** An object may come several times: its points follow each other. @throws EINVAL · EXDEV · ENFILE */
  add(object: SyncObject, fence: AnyFence, point: number): void {
    const { fences } = this;
    const previous = this.#links.get(object) ?? object.fence;
    const domain = { name: '', agent: '', fences };
    this.#links.set(object, FenceChain.append(domain, previous, fence, point));
  }

  commit(): void {
    for (const [object, link] of this.#links) object.put(link);
  }
}
