// SPDX-License-Identifier: MIT
/**
 * prime/client-state — one open of a device, behind its public handle: its handles, its cache, and the lock "prime" over both.
 *
 * @source struct drm_file, struct drm_prime_file_private
 */

import { type Operation, until } from '../agent/index.js';
import { TaskWait } from '../buf/index.js';
import { fail } from '../errors.js';
import { BufCache } from './buf-cache.js';
import type { ClientInfo } from './driver.js';
import type { GemObject } from './gem-object.js';
import { HandleTable } from './handle-table.js';
import type { Objects } from './objects.js';
import { TurnLock } from './turn-lock.js';

export class ClientState<O extends object> {
  readonly handles = new HandleTable<GemObject<O>>();
  readonly cache = new BufCache();
  readonly prime: TurnLock;
  readonly info: ClientInfo;
  /** Errands that are not over. */
  calls = 0;
  /** It takes no calls any more. */
  closed = false;
  /** It has no handles any more, and will have none. */
  over = false;

  constructor(
    readonly objects: Objects<O>,
    id: number,
  ) {
    const { name } = objects.driver;
    this.info = Object.freeze({ device: name, id });
    this.prime = new TurnLock(objects.buffers.agent, `the handles of client ${id} of "${name}"`);
    objects.clients.add(this);
  }

  /** @throws ESTALE closed, or its domain was */
  use(op: string): void {
    const { left } = this.objects.buffers.agent;
    if (!this.closed && !left) return;
    const { device, id } = this.info;
    const why = left ? 'its domain was closed here' : 'the client was closed';
    throw fail('ESTALE', op, { device, client: id }, { why });
  }

  /** Before a call that may have to wait. @throws as use() · EDEADLK a callback of the driver makes it, which it would wait for */
  enter(op: string): void {
    this.use(op);
    if (!this.objects.entered) return;
    const why = 'a callback of the driver calls its own device, which waits for that callback';
    throw fail('EDEADLK', op, { device: this.info.device }, { why });
  }

  /** The object of a handle. @throws ENOENT */
  find(op: string, handle: number): GemObject<O> {
    const gem = this.handles.find(handle);
    if (gem !== undefined) return gem;
    throw this.unknown('ENOENT', op, handle);
  }

  /** The handle names nothing, or not any more. */
  unknown(code: 'ENOENT' | 'EINVAL', op: string, handle: number): Error {
    const { device, id } = this.info;
    const why = 'this client has no such handle';
    return fail(code, op, { device, client: id, handle }, { why });
  }

  /** Who waits for a change of this client looks again. */
  called(): void {
    const { buffers, key } = this.objects;
    buffers.agent.ring(buffers.agent.slot, key);
  }

  report(error: unknown): void {
    this.objects.buffers.report(error);
  }

  /** Until something of this client is so. */
  *wait(op: string, holds: () => boolean): Operation<void> {
    const { buffers, key } = this.objects;
    const wait = new TaskWait(buffers.agent, key, holds);
    if (holds()) return;
    yield* until(wait, op);
    if (wait.refused) throw wait.refusal(op, 'what is under way');
  }
}
