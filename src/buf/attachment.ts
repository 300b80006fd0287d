// SPDX-License-Identifier: MIT
/**
 * buf/attachment — a static importer's attachment.
 *
 * @source struct dma_buf_attachment
 */

import type { Operation } from '../agent/index.js';
import { checkWait } from '../errors.js';
import type { SyncWaitOptions, WaitOptions } from '../fence/index.js';
import { refuseOwnFences } from './access.js';
import type { Attached } from './attached.js';
import { detach, detachBehind } from './attaching.js';
import type { Device } from './device.js';
import { checkDirection, type Direction } from './direction.js';
import type { DmaBuf } from './dma-buf.js';
import type { Remains } from './leaks.js';
import { mapOperation } from './map-operations.js';
import { type Mapping, makeMapping } from './mapping.js';

const UNPOSTED = Symbol(
  'an Attachment cannot be posted: post buf.share(), and attach on the other side',
);

/** For this room and those above. */
export let makeAttachment: (attached: Attached) => Attachment;

/** (struct dma_buf_attachment of a static importer) */
export class Attachment implements Disposable, AsyncDisposable {
  readonly #attached: Attached;
  /** @internal */
  readonly unposted = UNPOSTED;
  /** @internal */
  watched: Remains | null = null;

  static {
    makeAttachment = (attached) => new Attachment(attached);
  }

  private constructor(attached: Attached) {
    this.#attached = attached;
    attached.buffers.leaks.track(this);
  }

  /** @internal */
  get closed(): boolean {
    return this.#attached.detaching !== null;
  }

  /** What there is to know and to do without this handle. @internal */
  remains(): Remains {
    const attached = this.#attached;
    const release = (): void => detachBehind('Attachment.detach', attached);
    return { kind: 'Attachment', id: attached.reference.id, release };
  }

  /** The handle that was attached. */
  get buf(): DmaBuf {
    return this.#attached.buf;
  }

  get device(): Device {
    return this.#attached.device;
  }

  /** Made at attach and kept until detach, because exporter and importer disagree on who locks. Mapping then costs no call. */
  get cached(): boolean {
    return this.#attached.kept !== null;
  }

  /**
   * Waits for KERNEL fences.
   * @throws EBUSY mapped in another direction · ENOMEM · EOWNERDEAD · EACCES · ESTALE
   * @example using map = await att.map("to-device");
   * @source dma_buf_map_attachment · dma_buf_map_attachment_unlocked
   */
  map(direction: Direction, options?: WaitOptions): Promise<Mapping> {
    const op = 'Attachment.map';
    try {
      checkWait(op, options);
      const mapping = this.#mapNow(op, direction);
      if (mapping !== null) return Promise.resolve(mapping);
      const attached = this.#attached;
      return attached.buffers.agent.run(op, mapOperation(op, attached, direction), options);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** As map; blocks. @throws as map · EDEADLK a callback of the exporter is asynchronous */
  mapSync(direction: Direction, options?: SyncWaitOptions): Mapping {
    const op = 'Attachment.mapSync';
    checkWait(op, options);
    const mapping = this.#mapNow(op, direction);
    if (mapping !== null) return mapping;
    const attached = this.#attached;
    if (options?.timeout !== 0) refuseOwnFences(op, attached.reference, 'kernel');
    return attached.buffers.agent.runSync(
      op,
      mapOperation(op, attached, direction),
      options?.timeout,
    );
  }

  /** Cached only: no call, no wait, no allocation. null when it would need one. @throws EBUSY · EACCES · ESTALE */
  tryMap(direction: Direction): Mapping | null {
    return this.#kept('Attachment.tryMap', direction);
  }

  /** map() as a step of another operation. @internal */
  mapOperation(op: string, direction: Direction): Operation<Mapping> {
    this.#attached.checkRights(op, direction);
    return mapOperation(op, this.#attached, direction);
  }

  #kept(op: string, direction: Direction): Mapping | null {
    const attached = this.#attached;
    attached.use(op);
    attached.checkRights(op, checkDirection(op, direction));
    return attached.keptFor(op, direction) as Mapping | null;
  }

  /** What needs neither a call nor a wait. */
  #mapNow(op: string, direction: Direction): Mapping | null {
    const kept = this.#kept(op, direction);
    if (kept !== null) return kept;
    const attached = this.#attached;
    const { port, reference } = attached;
    if (port.mappedNow === undefined || !reference.resv.test('kernel')) return null;
    const mapping = makeMapping(attached, port.mappedNow(direction));
    attached.add(mapping);
    return mapping;
  }

  /** `using` detaches in the background, `await using` and this wait for the exporter. What is mapped ends. @source dma_buf_detach */
  detach(): Promise<void> {
    this.#attached.buffers.leaks.unwatch(this);
    return detach('Attachment.detach', this.#attached);
  }

  [Symbol.dispose](): void {
    this.#attached.buffers.leaks.unwatch(this);
    detachBehind('Attachment.detach', this.#attached);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.detach();
  }
}
