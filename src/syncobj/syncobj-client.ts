// SPDX-License-Identifier: MIT
/**
 * syncobj/syncobj-client — one open of a device, as the user of its sync objects holds it.
 *
 * @source Linux drm_syncobj.c
 */

import type { Operation } from '../agent/index.js';
import type { Buffers, Remains } from '../buf/index.js';
import { checkObject, checkWait, fail, shown } from '../errors.js';
import { AnyFence, Fence, type WaitOptions } from '../fence/index.js';
import { Append } from './append.js';
import { ClientState } from './client-state.js';
import {
  checkFlags,
  checkHandles,
  checkPoint,
  checkPoints,
  checkWaitFlags,
  type SyncobjTimelineWaitOptions,
  type SyncobjWaitOptions,
  type WaitFlags,
} from './options.js';
import { Sample } from './sample.js';
import { SyncObject } from './sync-object.js';
import { makeSyncobjFd, objectOf, SyncobjFd } from './syncobj-fd.js';
import { waitFor } from './waiting.js';

const UNPOSTED = Symbol(
  'a SyncobjClient cannot be posted: make one on the other side, and send it fences to put in',
);

/** What new SyncobjClient() needs of a Domain. */
export interface SyncobjDomain {
  readonly name: string;
  /** @internal */
  readonly buffers: Buffers;
}

/** Clients of this thread so far. */
let clients = 0;

/**
 * Handles, which are small numbers, for sync objects: places for a fence that can be put in later, and replaced. An object whose fences are
 * put in by addPoint() or timelineSignal() is a timeline; elsewhere it is binary, and its point is 0. It belongs to one agent.
 *
 * Lists of handles are served as a whole: an unknown one is ENOENT, and nothing has changed.
 * @example
 * using client = new SyncobjClient(domain);
 * const drawn = client.create();
 * const waiting = client.wait([drawn], { forSubmit: true, timeout: 100 });
 * client.replaceFence(drawn, timeline.next()); // by whoever submits
 * timeline.signal(1);
 * await waiting; // => 0
 * @source struct drm_syncobj
 */
export class SyncobjClient implements Disposable {
  /** @internal */
  readonly unposted = UNPOSTED;
  /** @internal */
  watched: Remains | null = null;
  readonly #state: ClientState;

  /** @throws EINVAL no domain · ESTALE the domain was closed here */
  constructor(domain: SyncobjDomain) {
    const op = 'new SyncobjClient';
    checkObject(op, 'domain', domain);
    if (domain.buffers === undefined) {
      throw fail('EINVAL', op, { domain: shown(domain) }, { why: 'domain must be a Domain' });
    }
    this.#state = new ClientState(domain.buffers, clients + 1);
    this.#state.use(op);
    clients++;
    domain.buffers.leaks.track(this);
  }

  get closed(): boolean {
    return this.#state.closed;
  }

  /** Those that name something, the lowest first. */
  get handles(): readonly number[] {
    return this.#state.handles;
  }

  // ------------------------------------------------------------------------------------------- objects

  /**
   * A new object, and its handle: a number from 1, which is never used again.
   * @param options.signaled  with a fence that has signalled; default: empty.
   * @throws EINVAL · ESTALE
   * @source drm_syncobj_create_ioctl
   */
  create(options?: { readonly signaled?: boolean }): number {
    const op = 'SyncobjClient.create';
    const flags = checkFlags(op, options, ['signaled']);
    this.#state.use(op);
    const object = new SyncObject(this.#state.fences);
    if (flags.has('signaled')) object.put(Fence.done);
    return this.#state.add(object);
  }

  /**
   * Ends a handle. Its object lives on while anybody else names it; waits for a fence that is in it go on.
   * @throws EINVAL no such handle · ESTALE
   * @source drm_syncobj_destroy_ioctl
   */
  destroy(handle: number): void {
    const op = 'SyncobjClient.destroy';
    this.#state.use(op);
    this.#state.find(op, handle, 'EINVAL');
    this.#state.remove(handle);
  }

  /**
   * What stands for a file descriptor of the object, for fdToHandle() of another client: close it.
   * @throws EINVAL no such handle · ESTALE
   * @example using fd = client.handleToFd(handle); const same = other.fdToHandle(fd);
   * @source drm_syncobj_handle_to_fd_ioctl
   */
  handleToFd(handle: number): SyncobjFd {
    const op = 'SyncobjClient.handleToFd';
    this.#state.use(op);
    return makeSyncobjFd(this.#state.buffers, this.#state.find(op, handle, 'EINVAL'));
  }

  /**
   * Another handle for the same object: a new one each time. What it came from stays yours.
   * @throws EINVAL not a SyncobjFd · EXDEV of another agent · ESTALE it was closed, or the client
   * @source drm_syncobj_fd_to_handle_ioctl
   */
  fdToHandle(fd: SyncobjFd): number {
    const op = 'SyncobjClient.fdToHandle';
    this.#state.use(op);
    if (!(fd instanceof SyncobjFd)) {
      throw fail('EINVAL', op, { fd: shown(fd) }, { why: 'fd must be of handleToFd()' });
    }
    return this.#state.add(objectOf(op, this.#state.buffers, fd));
  }

  // ------------------------------------------------------------------------------------------- fences

  /** Empties the objects. Who waits for a fence that was in them goes on. @throws EINVAL none · ENOENT · ESTALE @source drm_syncobj_reset_ioctl */
  reset(handles: readonly number[]): void {
    const op = 'SyncobjClient.reset';
    for (const object of this.#all(op, handles, 1)) object.put(null);
  }

  /** Puts a fence that has signalled into the objects. @throws EINVAL none · ENOENT · ESTALE @source drm_syncobj_signal_ioctl */
  signal(handles: readonly number[]): void {
    const op = 'SyncobjClient.signal';
    for (const object of this.#all(op, handles, 1)) object.put(Fence.done);
  }

  /**
   * Puts a fence in, in place of what is there: what a submission does with a binary object.
   * @param fence  null empties it.
   * @throws EINVAL not a fence · EXDEV a fence object of another agent: Fence.from(domain, name) · ENOENT · ESTALE
   * @source drm_syncobj_replace_fence
   */
  replaceFence(handle: number, fence: AnyFence | null): void {
    const op = 'SyncobjClient.replaceFence';
    this.#state.use(op);
    if (fence !== null) this.#checkFence(op, fence);
    this.#state.find(op, handle).put(fence);
  }

  /**
   * Puts a fence in after what is there: what a submission does with a timeline. The point is reached when the fence has signalled, and
   * all before it.
   * @param point  from 1; not after the last one: it counts as that, and what is before it shows no more in query().
   * @throws EINVAL not a fence, a chain, or made by any(); point · EXDEV · ENOENT · ENFILE · ESTALE
   * @example client.addPoint(handle, 7, timeline.next());
   * @source drm_syncobj_add_point
   */
  addPoint(handle: number, point: number, fence: AnyFence): void {
    const op = 'SyncobjClient.addPoint';
    this.#state.use(op);
    this.#checkFence(op, fence);
    checkPoint(op, point, 1);
    const append = new Append(this.#state.fences);
    append.add(this.#state.find(op, handle), fence, point);
    append.commit();
  }

  /**
   * Puts points in that have signalled: they are reached when all before them are.
   * @param points  from 1, one for each handle.
   * @throws EINVAL none, or points · ENOENT · ENFILE · ESTALE
   * @source drm_syncobj_timeline_signal_ioctl
   */
  timelineSignal(handles: readonly number[], points: readonly number[]): void {
    const op = 'SyncobjClient.timelineSignal';
    checkHandles(op, handles, 1);
    const at = checkPoints(op, points, handles.length, 1);
    const append = new Append(this.#state.fences);
    for (const [index, object] of this.#all(op, handles, 1).entries()) {
      append.add(object, Fence.done, at[index] ?? 1);
    }
    append.commit();
  }

  /**
   * The fence that has to signal until the object has come to `point`; of 0, all that is in it now.
   * @throws EINVAL nobody has put it in yet · ENOENT · ESTALE
   * @example const file = SyncFile.create(domain, client.findFence(handle));
   * @source drm_syncobj_find_fence
   */
  findFence(handle: number, point = 0): AnyFence {
    const op = 'SyncobjClient.findFence';
    this.#state.use(op);
    checkPoint(op, point);
    return this.#submitted(op, handle, point);
  }

  /**
   * Puts what one object has at a point into another one, at a point of that: of a timeline, all up to there.
   * @param toPoint  0: in place of what is there.
   * @throws EINVAL nobody has put it in yet: wait for it, with { available: true } · ENOENT · ENFILE · ESTALE
   * @example client.transfer(timeline, 5, binary, 0);
   * @source drm_syncobj_transfer_ioctl
   */
  transfer(from: number, fromPoint: number, to: number, toPoint: number): void {
    const op = 'SyncobjClient.transfer';
    this.#state.use(op);
    checkPoint(op, fromPoint);
    checkPoint(op, toPoint);
    const target = this.#state.find(op, to);
    const fence = this.#submitted(op, from, fromPoint);
    if (toPoint === 0) {
      target.put(fence);
      return;
    }
    const append = new Append(this.#state.fences);
    append.add(target, Fence.merge(fence), toPoint);
    append.commit();
  }

  /**
   * The last point that each timeline has come to; 0 for what is none.
   * @param options.lastSubmitted  instead, the last point that was put in.
   * @throws EINVAL none, or options · ENOENT · ESTALE
   * @source drm_syncobj_query_ioctl
   */
  query(handles: readonly number[], options?: { readonly lastSubmitted?: boolean }): number[] {
    const op = 'SyncobjClient.query';
    const last = checkFlags(op, options, ['lastSubmitted']).has('lastSubmitted');
    const objects = this.#all(op, handles, 1);
    return objects.map((object) => (last ? object.submitted : object.reached));
  }

  // ------------------------------------------------------------------------------------------- waiting

  /**
   * Until one of the objects is signalled, or `all`; failed fences count, too. Each object counts with the fence that it has now, or, with
   * `forSubmit`, is given first: what becomes of it afterwards changes nothing.
   * @returns the index of the first one that is; -1 if there are no handles.
   * @throws EINVAL options, or an object is empty, without `forSubmit` · ENOENT · ETIMEDOUT · the signal's reason · ESTALE the client was
   *         closed, or nobody can put the fence in any more
   * @source drm_syncobj_wait_ioctl
   */
  async wait(handles: readonly number[], options?: SyncobjWaitOptions): Promise<number> {
    const op = 'SyncobjClient.wait';
    const flags = checkWaitFlags(op, options, ['all', 'forSubmit']);
    checkWait(op, options);
    const samples = this.#all(op, handles, 0).map((object) => new Sample(object, 0));
    return this.#run(op, samples, flags, options);
  }

  /**
   * The same, until timelines have come to their points; with `available`, until these have been put in.
   * @param points  one for each handle; 0: whatever is in the object.
   * @returns the index of the first one that has; -1 if there are no handles.
   * @throws as wait()
   * @example await client.timelineWait([handle], [7], { timeout: 100 });
   * @source drm_syncobj_timeline_wait_ioctl
   */
  async timelineWait(
    handles: readonly number[],
    points: readonly number[],
    options?: SyncobjTimelineWaitOptions,
  ): Promise<number> {
    const op = 'SyncobjClient.timelineWait';
    const flags = checkWaitFlags(op, options, ['all', 'forSubmit', 'available']);
    checkWait(op, options);
    checkHandles(op, handles, 0);
    const at = checkPoints(op, points, handles.length);
    const objects = this.#all(op, handles, 0);
    const samples = objects.map((object, index) => new Sample(object, at[index] ?? 0));
    return this.#run(op, samples, flags, options);
  }

  /**
   * Runs `callback` once, as a microtask, when the object has come to `point`, even if it is not put in yet; at once if it has already.
   * Dispose to cancel. Nobody is told when the client is closed first, or the object destroyed before it was put in.
   * @param options.available  when it is put in.
   * @throws EINVAL not a function; point; options · ENOENT · ESTALE
   * @example client.notify(handle, 7, () => void console.log('drawn'));
   * @source drm_syncobj_eventfd_ioctl
   */
  notify(
    handle: number,
    point: number,
    callback: () => undefined,
    options?: { readonly available?: boolean },
  ): Disposable {
    const op = 'SyncobjClient.notify';
    const available = checkFlags(op, options, ['available']).has('available');
    checkPoint(op, point);
    this.#state.use(op);
    const object = this.#state.find(op, handle);
    if (typeof callback !== 'function') {
      const why = 'callback must be a function';
      throw fail('EINVAL', op, { callback: shown(callback) }, { why });
    }
    const canceled = new AbortController();
    const { signal } = canceled;
    const flags = { all: true, forSubmit: true, available };
    const waiting = this.#run(op, [new Sample(object, point)], flags, { signal });
    const told = (): void => {
      if (!signal.aborted) callback();
    };
    // The end of client, object or agent ends it: nobody is told any more.
    void waiting.then(told, () => {});
    return { [Symbol.dispose]: () => canceled.abort() };
  }

  #run(
    op: string,
    samples: readonly Sample[],
    flags: WaitFlags,
    options: WaitOptions | undefined,
  ): Promise<number> {
    return this.#state.fences.agent.run(op, this.#waiting(op, samples, flags), options);
  }

  /** Refers to this client: who waits has not forgotten it. */
  *#waiting(op: string, samples: readonly Sample[], flags: WaitFlags): Operation<number> {
    return yield* waitFor(op, this.#state, samples, flags);
  }

  // ------------------------------------------------------------------------------------------- the end

  /** Ends all handles; waits of this client end with ESTALE. Twice is harmless. @source drm_syncobj_release */
  close(): void {
    this.#state.buffers.leaks.unwatch(this);
    this.#state.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** What there is to know and to do without this handle. @internal */
  remains(): Remains {
    const state = this.#state;
    return { kind: 'SyncobjClient', id: state.id, release: () => state.close() };
  }

  /** @throws ENOENT nothing was changed */
  #all(op: string, handles: readonly number[], min: 0 | 1): readonly SyncObject[] {
    this.#state.use(op);
    checkHandles(op, handles, min);
    return handles.map((handle) => this.#state.find(op, handle));
  }

  /** @throws EINVAL */
  #submitted(op: string, handle: number, point: number): AnyFence {
    const fence = this.#state.find(op, handle).find(point);
    if (fence !== null) return fence;
    const why = 'nobody has put that fence in yet: wait for it first, with { available: true }';
    throw fail('EINVAL', op, { client: this.#state.id, handle, point }, { why });
  }

  /** @throws EINVAL · EXDEV */
  #checkFence(op: string, fence: AnyFence): void {
    if (!(fence instanceof AnyFence)) {
      throw fail('EINVAL', op, { fence: shown(fence) }, { why: 'fence must be a fence' });
    }
    if (fence.source === null || fence.source === this.#state.fences) return;
    const why = 'the fence object belongs to another agent: Fence.from(domain, fence.toJSON())';
    throw fail('EXDEV', op, fence.details, { why });
  }
}
