// SPDX-License-Identifier: MIT
/**
 * buf/dynamic-attachment — a dynamic importer's attachment: it shows the lock, and its mappings may move.
 *
 * @source struct dma_buf_attachment
 */

import { checkWait } from '../errors.js';
import type { SyncWaitOptions, WaitOptions } from '../fence/index.js';
import { HeldLock } from '../resv/index.js';
import type { Attached } from './attached.js';
import { detach, detachBehind } from './attaching.js';
import type { Device } from './device.js';
import { checkDirection, type Direction, serves } from './direction.js';
import type { DmaBuf } from './dma-buf.js';
import type { DynamicMapping } from './dynamic-mapping.js';
import type { Remains } from './leaks.js';
import { dynamicMapOperation, pinOperation } from './map-operations.js';
import type { Pin } from './pin.js';

const UNPOSTED = Symbol(
  'a DynamicAttachment cannot be posted: post buf.share(), and attach on the other side',
);

/** @internal */
export let makeDynamicAttachment: (attached: Attached) => DynamicAttachment;

/** (struct dma_buf_attachment of a dynamic importer) */
export class DynamicAttachment implements Disposable, AsyncDisposable {
  readonly #attached: Attached;
  /** @internal */
  readonly unposted = UNPOSTED;
  /** @internal */
  watched: Remains | null = null;

  static {
    makeDynamicAttachment = (attached) => new DynamicAttachment(attached);
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
    const release = (): void => detachBehind('DynamicAttachment.detach', attached);
    return { kind: 'DynamicAttachment', id: attached.reference.id, release };
  }

  /** The handle that was attached. */
  get buf(): DmaBuf {
    return this.#attached.buf;
  }

  get device(): Device {
    return this.#attached.device;
  }

  /** The exporter is static: one mapping is made at attach and kept until detach. */
  get cached(): boolean {
    return this.#attached.kept !== null;
  }

  /** Grows with every move. */
  get generation(): number {
    const { buffers, reference } = this.#attached;
    return buffers.rows.word(reference.row, 'moveGen');
  }

  /**
   * May wait: the exporter may bring the memory in, or live in another agent, where it is called with your lock held for it. The
   * mapping outlives the lock, until it moves. After an abort keep the lock until you are done: a callback of the exporter may still
   * be running under it. One in another agent takes the lock over then, and unlocks it: `lock.held` is false.
   * @throws ENOLCK · ENOMEM · EDEADLK (evicting others: leave your context) · EOWNERDEAD · EBUSY · EACCES · ESTALE
   * @example using lock = await att.buf.resv.lock(); const map = await att.map(lock, "bidirectional");
   * @source dma_buf_map_attachment
   */
  async map(lock: HeldLock, direction: Direction, options?: WaitOptions): Promise<DynamicMapping> {
    const op = 'DynamicAttachment.map';
    checkWait(op, options);
    const kept = this.#kept(op, lock, direction);
    if (kept !== null) return kept;
    const attached = this.#attached;
    const mapping = dynamicMapOperation(op, attached, lock, direction);
    return attached.buffers.agent.run(op, mapping, options);
  }

  /** As map; blocks. @throws as map · EDEADLK a callback of the exporter is asynchronous */
  mapSync(lock: HeldLock, direction: Direction, options?: SyncWaitOptions): DynamicMapping {
    const op = 'DynamicAttachment.mapSync';
    checkWait(op, options);
    const kept = this.#kept(op, lock, direction);
    if (kept !== null) return kept;
    const attached = this.#attached;
    const mapping = dynamicMapOperation(op, attached, lock, direction);
    return attached.buffers.agent.runSync(
      op,
      mapping,
      options?.timeout,
      attached.buffers.agent.held,
    );
  }

  /** Nothing moved since last time, or cached: no call, no wait, no allocation. Else null. @throws ENOLCK · EBUSY · EACCES · ESTALE */
  tryMap(lock: HeldLock, direction: Direction): DynamicMapping | null {
    const kept = this.#kept('DynamicAttachment.tryMap', lock, direction);
    if (kept !== null) return kept;
    for (const mapping of this.#attached.open as Set<DynamicMapping>) {
      if (!mapping.usable || !serves(mapping.direction, direction)) continue;
      mapping.shown = lock;
      return mapping;
    }
    return null;
  }

  #kept(op: string, lock: HeldLock, direction: Direction): DynamicMapping | null {
    const attached = this.#attached;
    attached.use(op);
    HeldLock.require(op, lock, attached.reference.resv);
    attached.checkRights(op, checkDirection(op, direction));
    return attached.keptFor(op, direction) as DynamicMapping | null;
  }

  /**
   * It must not move until unpin. For scan-out-like use. An exporter that never moves need not be asked.
   * @throws ENOLCK · ESTALE · the exporter's own
   * @source dma_buf_pin
   */
  async pin(lock: HeldLock, options?: WaitOptions): Promise<Pin> {
    const op = 'DynamicAttachment.pin';
    checkWait(op, options);
    const attached = this.#attached;
    attached.use(op);
    HeldLock.require(op, lock, attached.reference.resv);
    return attached.buffers.agent.run(op, pinOperation(op, attached, lock), options);
  }

  /** `using` detaches in the background, `await using` and this wait for the exporter. What is mapped or pinned ends. @source dma_buf_detach */
  detach(): Promise<void> {
    this.#attached.buffers.leaks.unwatch(this);
    return detach('DynamicAttachment.detach', this.#attached);
  }

  [Symbol.dispose](): void {
    this.#attached.buffers.leaks.unwatch(this);
    detachBehind('DynamicAttachment.detach', this.#attached);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.detach();
  }
}
