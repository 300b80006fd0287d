// SPDX-License-Identifier: MIT
/**
 * buf/dma-buf — one reference to a buffer, as its user holds it.
 *
 * @source struct dma_buf, and the fd that holds it
 */

import { checkWait, fail } from '../errors.js';
import type { SyncWaitOptions, WaitOptions } from '../fence/index.js';
import { listKey, type Reservation, type Usage } from '../resv/index.js';
import { accessOperation, refuseOwnFences, tryAccess } from './access.js';
import { attachOperation } from './attaching.js';
import { type Attachment, makeAttachment } from './attachment.js';
import type { Buffers } from './buffers.js';
import type { CpuAccess } from './cpu-access.js';
import { Device } from './device.js';
import { type CpuIntent, usageBefore } from './direction.js';
import { type DynamicAttachment, makeDynamicAttachment } from './dynamic-attachment.js';
import type { ImporterOps } from './importer.js';
import type { Remains } from './leaks.js';
import type { Member } from './member.js';
import { checkName } from './names.js';
import { type Readiness, ReadinessLoop, readinessOf } from './readiness.js';
import type { Reference } from './reference.js';
import { renameOperation } from './rename.js';
import type { Share } from './share.js';
import { revokeShare, shareOf } from './sharing.js';

const UNPOSTED = Symbol(
  'a DmaBuf cannot be posted: post buf.share() and open() it on the other side',
);

/** @internal */
export let makeDmaBuf: (buffers: Buffers, reference: Reference, readOnly: boolean) => DmaBuf;

/**
 * One reference to a buffer. (struct dma_buf + the fd that holds it)
 * @source struct dma_buf, dma_buf_get, dma_buf_put
 */
export class DmaBuf implements Disposable {
  readonly #reference: Reference;
  readonly #buffers: Buffers;
  #closed = false;
  /** What waits, and ends with this handle. */
  #loops: Set<ReadinessLoop> | null = null;
  /** @internal */
  readonly unposted = UNPOSTED;
  /** Opened from a read-only share, or sealed by somebody else: no access or mapping that writes. @internal */
  readonly readOnly: boolean;
  /** @internal */
  watched: Remains | null = null;

  static {
    makeDmaBuf = (buffers, reference, readOnly) => new DmaBuf(buffers, reference, readOnly);
  }

  protected constructor();
  /** Takes over one holder of the reference. @internal */
  protected constructor(buffers: Buffers, reference: Reference, readOnly: boolean);
  protected constructor(buffers?: Buffers, reference?: Reference, readOnly = false) {
    if (buffers === undefined || reference === undefined) {
      throw fail(
        'EINVAL',
        'new DmaBuf',
        {},
        { why: 'buffers come from domain.alloc() and its like' },
      );
    }
    this.#buffers = buffers;
    this.#reference = reference;
    this.readOnly = readOnly;
    buffers.leaks.track(this);
  }

  // ------------------------------------------------------------------------------------------- what it is

  /** Inode number: the same for every reference to this buffer, in every agent; never used again. */
  get id(): number {
    return this.#reference.id;
  }

  /** Bytes. */
  get size(): number {
    return this.#reference.size;
  }

  /** Name of its exporter; "system" for the system heap. */
  get exporter(): string {
    return this.#reference.exporterName;
  }

  /** Takes no lock. @throws ESTALE */
  get name(): string | null {
    return this.#buffers.rows.name(this.use('DmaBuf.name').row);
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** May its memory move? (ops.dynamic_mapping) */
  get dynamic(): boolean {
    return this.#reference.dynamic;
  }

  /** Its lock and its fences. @throws ESTALE @source dma_buf.resv */
  get resv(): Reservation {
    return this.use('DmaBuf.resv').resv;
  }

  // ------------------------------------------------------------------------------------------- references

  /**
   * A ticket for another agent; the sender may close the buffer at once. Not opened yet = counted to this agent, and shown by
   * snapshot(). One ticket opens once; for n receivers make n, or use a Channel.
   * @param options.to  when that member dies first, the ticket is released.
   * @param options.readOnly  the other side may read only: its calls refuse to write. `allocSealed()` makes what they cannot write to at all.
   * @throws ESTALE · ENFILE · EINVAL
   * @example worker.postMessage(frame.share());
   * @source dma_buf_fd
   */
  share(options?: { readonly to?: Member; readonly readOnly?: boolean }): Share {
    return shareOf(this.#buffers, this, options);
  }

  /** Takes back a ticket that nobody opened. @returns false: too late @throws EINVAL · EXDEV */
  revoke(share: Share): boolean {
    return revokeShare(this.#buffers, share);
  }

  /** A second, independent reference in this agent. @throws ESTALE @source get_dma_buf */
  dup(): DmaBuf {
    return this.#buffers.handle(this.use('DmaBuf.dup'), this.readOnly);
  }

  /**
   * Takes the reservation lock, as the name may not change under an importer: while you hold it yourself, this waits for you.
   * @throws EBUSY while attached · EINVAL longer than 31 bytes · ESTALE
   * @source DMA_BUF_SET_NAME
   */
  async setName(name: string, options?: WaitOptions): Promise<void> {
    const op = 'DmaBuf.setName';
    checkWait(op, options);
    const reference = this.use(op);
    const rename = renameOperation(op, this.#buffers, reference, checkName(op, 'name', name));
    await this.#buffers.agent.run(op, rename, options);
  }

  // ------------------------------------------------------------------------------------------- CPU access

  /**
   * The bytes, for this thread's own code: waits for the fences in the way ("read": writers; else also readers), then
   * begins CPU access; disposing ends it. It does NOT keep other CPUs out: sending a buffer on, or the lock, does that. Nor does it
   * take the lock of a heap buffer. To get at the bytes of an exporter of one's own it does: while you hold it yourself, this waits
   * for you.
   * @throws the error of the last WRITE fence if it failed (EOWNERDEAD its agent died, ECANCELED dropped), since the content is
   *         undefined then; not for "write", which replaces it, nor after markConsistent() · EACCES · EINVAL · ETIMEDOUT · the signal's
   *         reason
   * Inside a Delivery use the delivery's own cpuAccess(): this one waits for the fence that you owe, until something else in this
   * thread is done() with the delivery.
   * @example using cpu = await frame.cpuAccess("write"); cpu.bytes.fill(0);
   * @source dma_buf_begin_cpu_access, dma_buf_vmap; end: dma_buf_end_cpu_access, dma_buf_vunmap; DMA_BUF_IOCTL_SYNC
   */
  cpuAccess(intent: CpuIntent, options?: WaitOptions): Promise<CpuAccess> {
    const op = 'DmaBuf.cpuAccess';
    try {
      checkWait(op, options);
      const access = tryAccess(op, this, intent);
      if (access !== null) return Promise.resolve(access);
      return this.#buffers.agent.run(op, accessOperation(op, this, intent), options);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /**
   * As cpuAccess; blocks.
   * @throws as cpuAccess · EDEADLK it would wait for a fence that this thread owes, or while this thread holds a lock · ENOTSUP this
   *         thread may not block
   */
  cpuAccessSync(intent: CpuIntent, options?: SyncWaitOptions): CpuAccess {
    const op = 'DmaBuf.cpuAccessSync';
    checkWait(op, options);
    const access = tryAccess(op, this, intent);
    if (access !== null) return access;
    if (options?.timeout !== 0) refuseOwnFences(op, this.#reference, usageBefore(op, intent));
    return this.#buffers.agent.runSync(op, accessOperation(op, this, intent), options?.timeout);
  }

  /** null when it would have to wait; always so where an exporter of one's own has to be called, or a sealed buffer to be opened. @throws as cpuAccess */
  tryCpuAccess(intent: CpuIntent): CpuAccess | null {
    return tryAccess('DmaBuf.tryCpuAccess', this, intent);
  }

  // ------------------------------------------------------------------------------------------- importing

  /**
   * Static importer: map and unmap take no lock; the addresses stay valid until unmap. Attaching takes the lock: while you hold it
   * yourself, this waits for you.
   * @param device  a Device, or just a name.
   * @throws EBUSY out of this device's reach · ENOMEM · EOWNERDEAD exporter · its own
   * @example using att = await frame.attach("encoder");
   * @source dma_buf_attach
   */
  async attach(device: Device | string, options?: WaitOptions): Promise<Attachment> {
    const op = 'DmaBuf.attach';
    checkWait(op, options);
    const attaching = attachOperation(op, this, Device.from(op, device), null, makeAttachment);
    return this.#buffers.agent.run(op, attaching, options);
  }

  /** As attach; blocks. @throws EDEADLK a callback of the exporter is asynchronous, or the holder of the lock is this thread */
  attachSync(device: Device | string, options?: SyncWaitOptions): Attachment {
    const op = 'DmaBuf.attachSync';
    checkWait(op, options);
    const attaching = attachOperation(op, this, Device.from(op, device), null, makeAttachment);
    return this.#buffers.agent.runSync(op, attaching, options?.timeout);
  }

  /**
   * Dynamic importer: map, unmap and pin need the lock, and the buffer may move when the lock is free.
   * @throws as attach
   * @example await using att = await frame.dynamicAttach("gpu", { moveNotify() {} });
   * @source dma_buf_dynamic_attach
   */
  async dynamicAttach(
    device: Device | string,
    importer: ImporterOps,
    options?: WaitOptions,
  ): Promise<DynamicAttachment> {
    const op = 'DmaBuf.dynamicAttach';
    checkWait(op, options);
    const attaching = attachOperation(
      op,
      this,
      Device.from(op, device),
      checkImporter(op, importer),
      makeDynamicAttachment,
    );
    return this.#buffers.agent.run(op, attaching, options);
  }

  /** As dynamicAttach; blocks. @throws as attachSync */
  dynamicAttachSync(
    device: Device | string,
    importer: ImporterOps,
    options?: SyncWaitOptions,
  ): DynamicAttachment {
    const op = 'DmaBuf.dynamicAttachSync';
    checkWait(op, options);
    const attaching = attachOperation(
      op,
      this,
      Device.from(op, device),
      checkImporter(op, importer),
      makeDynamicAttachment,
    );
    return this.#buffers.agent.runSync(op, attaching, options?.timeout);
  }

  // ------------------------------------------------------------------------------------------- readiness

  /**
   * May the bytes be read now, or written? Never waits, and takes no lock.
   * @throws ESTALE
   * @example if (frame.poll().readable) show(frame);
   * @source dma_buf_poll
   */
  poll(): Readiness {
    return readinessOf(this.use('DmaBuf.poll').resv);
  }

  /**
   * What poll() says, now and after each change, in both directions. What came and went while nobody asked is not told; the last
   * state always is. Ends when the loop is left, and when this handle is closed.
   * @param options.timeout  milliseconds that one change may take.
   * @throws ETIMEDOUT · the signal's reason · ESTALE · EINVAL; the loop is over then
   * @example for await (const { writable } of frame.readiness({ signal })) console.log(writable ? 'idle' : 'busy');
   * @source dma_buf_poll
   */
  readiness(options?: WaitOptions): AsyncIterableIterator<Readiness, undefined, undefined> {
    const op = 'DmaBuf.readiness';
    this.use(op);
    checkWait(op, options);
    return new ReadinessLoop(this, options);
  }

  /** Resolves when reading would not wait: POLLIN. @throws ESTALE @source dma_buf_poll */
  async readable(options?: WaitOptions): Promise<void> {
    await this.#ready('DmaBuf.readable', 'write', options);
  }

  /** Resolves when writing would not wait: POLLOUT. @throws ESTALE @source dma_buf_poll */
  async writable(options?: WaitOptions): Promise<void> {
    await this.#ready('DmaBuf.writable', 'read', options);
  }

  /** Who waits refers to the buffer: closing the handle must not leave him waiting for the next one in its row. */
  async #ready(op: string, usage: Usage, options?: WaitOptions): Promise<void> {
    checkWait(op, options);
    const reference = this.use(op);
    reference.holders++;
    try {
      await reference.resv.wait(usage, options);
    } finally {
      this.#buffers.drop(reference);
    }
  }

  // ------------------------------------------------------------------------------------------- the end

  /** Drops this reference. Twice is harmless. @source dma_buf_put */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    if (this.watched !== null) this.#buffers.leaks.unwatch(this);
    if (this.#loops !== null) for (const loop of this.#loops) loop.stop();
    this.#buffers.drop(this.#reference);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  // ------------------------------------------------------------------------------------------- for other rooms

  /** This agent's reference. @throws ESTALE closed, or its domain was @internal */
  use(op: string): Reference {
    const { left } = this.#buffers.agent;
    if (!this.#closed && !left) return this.#reference;
    const why = left ? 'its domain was closed here' : 'this handle was closed';
    throw fail('ESTALE', op, { buffer: this.#reference.id }, { why });
  }

  /** A loop over readiness waits. Only then is it known here: nobody has to end one that he has forgotten. @internal */
  enter(loop: ReadinessLoop): void {
    (this.#loops ??= new Set()).add(loop);
  }

  /** It does not any more. @internal */
  leave(loop: ReadinessLoop): void {
    this.#loops?.delete(loop);
  }

  /** A loop is over: what it waits for, if it does, looks again. @internal */
  stir(): void {
    this.#buffers.agent.tasks.rung(listKey(this.#reference.resvRow));
  }

  /** @internal */
  get buffers(): Buffers {
    return this.#buffers;
  }

  /** Why it may not be written to. @internal */
  get readOnlyWhy(): string {
    return this.#reference.sealed
      ? 'the buffer is sealed: only the agent that made it writes to it'
      : 'the share was read-only';
  }

  /** @internal */
  get row(): number {
    return this.#reference.row;
  }

  /** @internal */
  get generation(): number {
    return this.#reference.generation;
  }

  /** What there is to know and to do without this handle. @internal */
  remains(): Remains {
    const [buffers, reference] = [this.#buffers, this.#reference];
    return { kind: 'DmaBuf', id: reference.id, release: () => buffers.drop(reference) };
  }
}

function checkImporter(op: string, importer: unknown): ImporterOps {
  const given = importer as Partial<ImporterOps> | null | undefined;
  if (typeof given?.moveNotify === 'function') return given as ImporterOps;
  throw fail('EINVAL', op, {}, { why: 'a dynamic importer must have moveNotify()' });
}
