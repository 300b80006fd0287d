// SPDX-License-Identifier: MIT
/**
 * prime/buf-cache — which buffer a handle of this client is, and which handle a buffer has here. Holds a reference to each (I27).
 *
 * A driver may give a client several handles for one object; then the oldest one that is cached answers for its buffer.
 *
 * @source struct drm_prime_file_private
 */

import type { KeptBuf } from './kept-buf.js';

export class BufCache {
  readonly #bufs = new Map<number, KeptBuf>();
  /** By the buffer's id. */
  readonly #handles = new Map<number, Set<number>>();

  bufOf(handle: number): KeptBuf | undefined {
    return this.#bufs.get(handle);
  }

  handleOf(buf: number): number | undefined {
    const [oldest] = this.#handles.get(buf) ?? [];
    return oldest;
  }

  /** Takes a reference of its own. */
  add(handle: number, buf: KeptBuf): void {
    this.#bufs.set(handle, buf.dup());
    const handles = this.#handles.get(buf.id);
    if (handles === undefined) this.#handles.set(buf.id, new Set([handle]));
    else handles.add(handle);
  }

  remove(handle: number): void {
    const buf = this.#bufs.get(handle);
    if (buf === undefined) return;
    this.#bufs.delete(handle);
    const handles = this.#handles.get(buf.id);
    handles?.delete(handle);
    if (handles?.size === 0) this.#handles.delete(buf.id);
    buf.drop();
  }
}
