// SPDX-License-Identifier: MIT
/**
 * syncobj/client-state — which object a handle of this client is.
 *
 * @source drm_file.syncobj_idr
 */

import type { Buffers } from '../buf/index.js';
import { fail, shown } from '../errors.js';
import type { Fences } from '../fence/index.js';
import type { SyncObject } from './sync-object.js';
import { wake } from './wake.js';

export class ClientState {
  readonly fences: Fences;
  closed = false;
  readonly #objects = new Map<number, SyncObject>();
  #last = 0;

  constructor(
    readonly buffers: Buffers,
    readonly id: number,
  ) {
    this.fences = buffers.fences;
  }

  /** @throws ESTALE closed, or its domain was */
  use(op: string): void {
    const { left } = this.fences.agent;
    if (!this.closed && !left) return;
    const why = left ? 'its domain was closed here' : 'the client was closed';
    throw fail('ESTALE', op, { client: this.id }, { why });
  }

  /** A new handle: its number was never used before. */
  add(object: SyncObject): number {
    object.addName();
    this.#last++;
    this.#objects.set(this.#last, object);
    return this.#last;
  }

  /** @throws ENOENT, or what else the call says then */
  find(op: string, handle: number, code: 'ENOENT' | 'EINVAL' = 'ENOENT'): SyncObject {
    const object = this.#objects.get(handle);
    if (object !== undefined) return object;
    const why = 'this client has no such handle';
    throw fail(code, op, { client: this.id, handle: shown(handle) }, { why });
  }

  remove(handle: number): void {
    this.#objects.get(handle)?.dropName();
    this.#objects.delete(handle);
  }

  /** Those that name something, the lowest first. */
  get handles(): readonly number[] {
    return [...this.#objects.keys()];
  }

  /** All handles end, and whoever waits is told. */
  close(): void {
    if (this.closed) return;
    this.closed = true;
    for (const handle of this.handles) this.remove(handle);
    wake(this.fences.agent);
  }
}
