// SPDX-License-Identifier: MIT
/**
 * The fences of vgem, for tests: a fence that a program attaches to a buffer, and signals by its number, or that signals itself when its
 * time is over. The conflict is looked for with the lock held.
 */
import type { DmaBuf } from '../../src/buf/index.js';
import { fail } from '../../src/errors.js';
import type { Fence, Fences, Timeline } from '../../src/fence/index.js';

export const WRITE = 1;

export class VgemFences {
  readonly #fences: Fences;
  readonly #buffers: ReadonlyMap<number, DmaBuf>;
  readonly #open = new Map<number, { readonly timeline: Timeline; readonly fence: Fence }>();
  #last = 0;

  /** `buffers`: by handle. */
  constructor(fences: Fences, buffers: ReadonlyMap<number, DmaBuf>) {
    this.#fences = fences;
    this.#buffers = buffers;
  }

  /** @returns its number @throws EINVAL · ENOENT · EBUSY */
  async attach(handle: number, flags = 0, pad = 0): Promise<number> {
    const op = 'VGEM_FENCE_ATTACH';
    if ((flags & ~WRITE) !== 0 || pad !== 0) throw fail('EINVAL', op, { flags, pad });
    const buf = this.#buffers.get(handle);
    if (buf === undefined) throw fail('ENOENT', op, { handle });
    const writes = (flags & WRITE) !== 0;
    using lock = await buf.resv.lock();
    if (!buf.resv.test(writes ? 'read' : 'write')) throw fail('EBUSY', op, { handle });
    lock.reserve(1);
    const timeline = this.#fences.timeline('vgem');
    const fence = timeline.next();
    lock.add(fence, writes ? 'write' : 'read');
    this.#open.set(++this.#last, { timeline, fence });
    return this.#last;
  }

  /** @throws EINVAL · ENOENT · ETIMEDOUT its time was over */
  signal(number: number, flags = 0): void {
    const op = 'VGEM_FENCE_SIGNAL';
    if (flags !== 0) throw fail('EINVAL', op, { flags });
    const found = this.#open.get(number);
    if (found === undefined) throw fail('ENOENT', op, { number });
    this.#open.delete(number);
    if (found.fence.signaled) throw fail('ETIMEDOUT', op, { number });
    found.timeline.signal(found.fence);
  }

  /** Ten seconds later. */
  expire(): void {
    for (const { timeline, fence } of this.#open.values()) {
      if (!fence.signaled) timeline.signal(fence);
    }
  }
}
