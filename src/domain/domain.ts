// SPDX-License-Identifier: MIT
/**
 * domain/domain — the composition root: a Domain is an agent's rooms under one name, with the members it started.
 *
 * Life of an agent: join (slot) → rooms → … → close: members that we spawned end first, then everything that is still open
 * here is reported and dropped, then the slot is freed. Dropping the last reference to the arena frees its memory.
 */

import {
  type AllocOptions,
  type Buffers,
  type Device,
  type DeviceCaps,
  type DmaBuf,
  type DynamicExportedBuf,
  type DynamicExportInfo,
  type ExportedBuf,
  type Member,
  makeDevice,
  openShare,
  type Share,
  type StaticExportInfo,
} from '../buf/index.js';
import { checkObject, checkWait, fail } from '../errors.js';
import type { Fences, SyncWaitOptions, Timeline, WaitOptions } from '../fence/index.js';
import type {
  AddedHeap,
  Channel,
  ChannelOptions,
  Heap,
  HeapInfo,
  Json,
  Pool,
  PoolOptions,
} from '../heap/index.js';
import {
  blockingSupport,
  processSupport,
  type Support,
  threadSupport,
  type WorkerLike,
} from '../host/index.js';
import { readText } from '../mem/index.js';
import {
  type AcquireContext,
  type LockOptions,
  type LockSet,
  type LockSyncOptions,
  lockAll,
  lockAllSync,
  type Reservation,
} from '../resv/index.js';
import type { SyncFiles } from '../sync/index.js';
import { bufinfo, type DomainSnapshot, snapshot } from '../watch/index.js';
import { attempt } from './attempt.js';
import { createEntry, type DomainHandle, type Entry, enter, handleOf, joinEntry } from './entry.js';
import { type DomainEventMap, Events } from './events.js';
import { identityOf, platformOf } from './identity.js';
import { DOMAIN_NAME_BYTES, DomainSection } from './layout.js';
import { memberKey } from './member.js';
import { Members } from './members.js';
import type { DomainOptions } from './options.js';
import { portsOf } from './ports.js';
import { Rooms } from './rooms.js';
import { watchStalls } from './stall.js';

const UNPOSTED = Symbol(
  'a Domain cannot be posted: post domain.handle, and call Domain.join(handle) on the other side',
);
/** Everything that shares one arena: the "kernel" that its members live under. */
export class Domain implements AsyncDisposable {
  /** @internal */
  readonly unposted = UNPOSTED;
  readonly name: string;
  /** This agent's own name: "main", or what spawn() was told. */
  readonly agent: string;
  /** What spawn({ data }) passed to this agent, else null. */
  readonly data: Json;
  /** For a Worker you start yourself. Call adopt(worker) too, or nobody notices its death. */
  readonly handle: DomainHandle;
  readonly #rooms: Rooms;
  readonly #events = new Events();
  readonly #members: Members;
  readonly #stalls: Disposable;
  readonly #entry: Entry;
  #closing: Promise<void> | null = null;

  private constructor(entry: Entry) {
    const { arena, heapMemory, stallAfter, membership } = entry;
    const who = identityOf(entry);
    const ports = portsOf(entry, this.#events);
    this.#entry = entry;
    this.#rooms = new Rooms(arena, heapMemory, platformOf(entry), who, ports);
    this.#members = new Members(this.#rooms.agent, this.#events, who.pid);
    this.#stalls = watchStalls(this.#rooms, this.#events, stallAfter);
    this.name = readText(arena.words, arena.base(DomainSection), DOMAIN_NAME_BYTES);
    this.agent = entry.agent;
    this.data = entry.data;
    this.handle = handleOf(entry);
    this.#rooms.agent.wake(memberKey(who.member));
    try {
      membership?.serve(this.#rooms.agent, this.#events);
    } catch (error) {
      this.#leave();
      throw error;
    }
  }

  /**
   * Makes a domain; the caller is its first member. Does not block.
   * @throws ENOTSUP says what is missing · EINVAL · ENOMEM · of `processes`: EBUSY · EACCES · EEXIST · ENOENT · ENAMETOOLONG · ENFILE
   * @example await using domain = await Domain.create({ heap: 64 * MiB });
   */
  static create(options: DomainOptions = {}): Promise<Domain> {
    return attempt(async () => {
      checkObject('Domain.create', 'options', options);
      return enter(await createEntry(options), (entry) => new Domain(entry));
    });
  }

  /**
   * Joins the domain that this thread or process was spawned into, or the one at that path (default timeout 10 000). Does not block.
   * @throws ENOENT not spawned, or nobody lives there · EPROTO · EPROTONOSUPPORT · ENFILE full · EACCES not let in · ETIMEDOUT · ENOTSUP
   */
  static join(from?: DomainHandle | string, options: WaitOptions = {}): Promise<Domain> {
    return attempt(async () => {
      checkWait('Domain.join', options);
      return enter(await joinEntry(from, options), (entry) => new Domain(entry));
    });
  }

  /**
   * Starts a thread, or a process, whose script calls Domain.join(); resolves when it has. Its death releases all it had.
   * @throws ETIMEDOUT it never joined (default timeout 10 000) · EEXIST that name lives · ENOTSUP · EIO it failed first (see cause) · EINVAL
   * @example const worker = await domain.spawn(new URL('./worker.ts', import.meta.url), { data: { band: 0 } });
   */
  spawn(
    script: URL | string,
    options: WaitOptions & {
      readonly as?: 'thread' | 'process';
      readonly name?: string;
      readonly data?: Json;
    } = {},
  ): Promise<Member> {
    return attempt(() => {
      this.#check('Domain.spawn');
      checkWait('Domain.spawn', options);
      const { debug, stallAfter } = this.#entry;
      const { arena, heap, process = null } = this.handle;
      return this.#members.spawn(script, options, { arena, heap, process, debug, stallAfter });
    });
  }

  /** Watches a Worker that you, piscina or tinypool started with `handle`. @throws EINVAL not a Worker */
  adopt(worker: WorkerLike): Member {
    this.#check('Domain.adopt');
    return this.#members.adopt(worker);
  }

  /** Those that this agent spawned or adopted and that still live. */
  get members(): readonly Member[] {
    return this.#members.list();
  }

  // ------------------------------------------------------------------------------------------- buffers

  /**
   * A zeroed buffer, of the system heap unless you name another one: static exporter, usable from every agent without calling this
   * one. Never waits.
   * @throws ENOMEM · ENFILE · EINVAL · ENOENT no such heap · EXDEV another agent's heap · EIO a heap of one's own is broken
   * @example using frame = domain.alloc(1920 * 1080 * 4, { name: 'frame' });
   * @source dma_heap_buffer_alloc
   */
  alloc(size: number, options?: AllocOptions): DmaBuf {
    this.#check('Domain.alloc');
    if (options !== undefined) {
      checkObject('Domain.alloc', 'options', options);
      if (options.heap !== undefined) return this.heap(options.heap).alloc(size, options);
    }
    return this.#rooms.system.alloc(size, options);
  }

  /**
   * Heaps by name: "system", and what was added.
   * @throws ENOENT · EXDEV another agent has added it: its `allocate` runs there, so ask that agent for a buffer
   * @source dma_heap_find
   */
  heap(name: string): Heap {
    this.#check('Domain.heap');
    return this.#rooms.named.find('Domain.heap', name);
  }

  /**
   * Adds a heap of your own, for as long as you keep it open: `alloc({ heap: name })` finds it, in this agent. No other agent can add
   * one of that name. Does not block.
   * @throws EINVAL the name or `allocate` is missing · EEXIST the name is taken · ENFILE a domain has at most 128 heaps
   * @example using tiles = domain.addHeap({ name: 'tiles', allocate: (size, options) => domain.alloc(size, options) });
   * @source dma_heap_add
   */
  addHeap(info: HeapInfo): AddedHeap {
    this.#check('Domain.addHeap');
    return this.#rooms.named.add('Domain.addHeap', info);
  }

  /**
   * Your own exporter. Its callbacks run in this agent.
   * @throws EINVAL a callback is missing · ENFILE
   * @source dma_buf_export
   */
  export<P>(info: StaticExportInfo<P>): ExportedBuf<P> {
    this.#check('Domain.export');
    return this.#rooms.buffers.exports.static(info);
  }

  /**
   * An exporter whose memory may move: map, unmap, pin and unpin run with the reservation lock held.
   * @throws EINVAL a callback is missing · ENFILE
   * @source dma_buf_export
   */
  dynamicExport<P>(info: DynamicExportInfo<P>): DynamicExportedBuf<P> {
    this.#check('Domain.dynamicExport');
    return this.#rooms.buffers.exports.dynamic(info);
  }

  /**
   * Takes over a share: from now on you have a reference.
   * @throws ESTALE already opened, revoked, or the buffer is gone · EXDEV · EACCES
   * @source dma_buf_get
   */
  open(share: Share, options?: WaitOptions): Promise<DmaBuf> {
    return attempt(() => this.openSync(share, options));
  }

  /** The blocking twin of open(). */
  openSync(share: Share, options?: SyncWaitOptions): DmaBuf {
    const op = 'Domain.open';
    this.#check(op);
    checkWait(op, options);
    return openShare(this.#rooms.buffers, op, share);
  }

  // ------------------------------------------------------------------------------------------- traffic

  /** `count` equal buffers, made once. Same name = same pool, in every agent. @throws ENOMEM · EINVAL other size or count than the existing one */
  pool(options: PoolOptions): Pool {
    this.#check('Domain.pool');
    return this.#rooms.pools.open(options);
  }

  /** The named queue of buffers, made by whoever asks first. @throws EINVAL other options than the existing one · ENFILE */
  channel(name: string, options?: ChannelOptions): Channel {
    this.#check('Domain.channel');
    return this.#rooms.channels.open(name, options);
  }

  /** An importer's identity. Only needed for capabilities; attach() takes a plain name as well. @throws EINVAL */
  device(name: string, caps?: DeviceCaps): Device {
    this.#check('Domain.device');
    return makeDevice('Domain.device', name, caps);
  }

  /**
   * A fence context that this agent signals; when it dies or closes it, open points fail.
   * @throws EINVAL · ENFILE limits.timelines
   * @source dma_fence_context_alloc
   */
  timeline(name: string): Timeline {
    this.#check('Domain.timeline');
    return this.#rooms.fences.timeline(name);
  }

  /** A reservation to be shared by several buffers: pass it to alloc() or export(). @throws ENFILE @source dma_resv_init */
  reservation(): Reservation {
    this.#check('Domain.reservation');
    return this.#rooms.reservations.create();
  }

  // ------------------------------------------------------------------------------------------- locks

  /**
   * Locks any number of buffers, in any order, duplicates allowed: no deadlock, no starvation.
   * @param options.fences   slots to reserve in each.  @param options.recover  as in Reservation.lock().
   * @throws EOWNERDEAD (`at` names the buffer; nothing is locked) · ETIMEDOUT · EDEADLK this thread holds one outside of this call
   * @example using held = await domain.lockAll([a, b]); const [la, lb] = held.locks;
   * @source drm_exec_init, drm_exec_prepare_array, ww_acquire_init
   */
  lockAll<const T extends readonly (DmaBuf | Reservation)[]>(
    of: T,
    options?: LockOptions & { readonly fences?: number },
  ): Promise<LockSet<T>> {
    return attempt(() => {
      this.#check('Domain.lockAll');
      return lockAll(this.#rooms.reservations, of, options);
    });
  }

  /** The blocking twin of lockAll(). */
  lockAllSync<const T extends readonly (DmaBuf | Reservation)[]>(
    of: T,
    options?: LockSyncOptions & { readonly fences?: number },
  ): LockSet<T> {
    this.#check('Domain.lockAllSync');
    if (options !== undefined) checkObject('Domain.lockAllSync', 'options', options);
    return lockAllSync(this.#rooms.reservations, of, options);
  }

  /** For those who want the ww dance by hand. @throws EINVAL · ENFILE @source ww_acquire_init */
  acquireContext(options?: { readonly algorithm?: 'wait-die' | 'wound-wait' }): AcquireContext {
    this.#check('Domain.acquireContext');
    if (options !== undefined) checkObject('Domain.acquireContext', 'options', options);
    return this.#rooms.reservations.acquireContext(options);
  }

  // ------------------------------------------------------------------------------------------- looking

  /** All that is alive, without a lock: cheap, consistent per record. */
  snapshot(): DomainSnapshot {
    this.#check('Domain.snapshot');
    return snapshot(this.#rooms);
  }

  /** The text of debugfs dma_buf/bufinfo; takes each reservation in turn. */
  bufinfo(options: WaitOptions = {}): Promise<string> {
    return attempt(() => {
      this.#check('Domain.bufinfo');
      checkWait('Domain.bufinfo', options);
      return bufinfo(this.#rooms, options);
    });
  }

  /** Until everything that was disposed in this agent is truly gone. @throws ETIMEDOUT */
  idle(options: WaitOptions = {}): Promise<void> {
    return attempt(() => {
      this.#check('Domain.idle');
      return this.#rooms.idle(options);
    });
  }

  /**
   * Leaves. Kills the members that this agent spawned and that still run: await their `gone` first if you want their work
   * finished (adopted Workers are left alone). What this agent has open is released and reported as "leak". The last one out
   * frees the memory.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await this.#members.killSpawned();
    this.#leave();
    this.#entry.membership?.close();
  }

  #leave(): void {
    this.#stalls[Symbol.dispose]();
    this.#rooms.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  on<K extends keyof DomainEventMap>(
    type: K,
    listener: (event: DomainEventMap[K]) => void,
  ): Disposable {
    return this.#events.on(type, listener);
  }

  /** What works here and, if not, why and what to do. Never throws. */
  static support(): {
    readonly threads: Support;
    readonly processes: Support;
    readonly blocking: Support;
  } {
    return { threads: threadSupport(), processes: processSupport(), blocking: blockingSupport() };
  }

  /** @internal What makes it a FenceDomain. */
  get fences(): Fences {
    return this.#rooms.fences;
  }

  /** @internal What makes it a SyncDomain. */
  get syncFiles(): SyncFiles {
    return this.#rooms.syncFiles;
  }

  /** @internal What makes it a PrimeDomain. */
  get buffers(): Buffers {
    return this.#rooms.buffers;
  }

  #check(op: string): void {
    if (this.#rooms.agent.left) {
      throw fail('ESTALE', op, { domain: this.name }, { why: 'this domain was closed here' });
    }
  }
}
