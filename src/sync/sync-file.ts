// SPDX-License-Identifier: MIT
/**
 * sync/sync-file — one counted reference to a fence, with a name: how a fence is passed on by hand.
 */

import { type Member, type Remains, receive, send, takeBack } from '../buf/index.js';
import { checkObject, fail, shown } from '../errors.js';
import { AnyFence, Fence, type SyncWaitOptions, type WaitOptions } from '../fence/index.js';
import { infoOf, roomIn, type SyncFileInfo, type SyncStatus, statusOf } from './info.js';
import { checkName } from './names.js';
import { filesOf, type SyncDomain } from './sync-domain.js';
import type { SyncFiles } from './sync-files.js';
import type { SyncReference } from './sync-reference.js';

const UNPOSTED = Symbol(
  'a SyncFile cannot be posted: post file.share() and call SyncFile.open(domain, share) on the other side',
);
const KIND = { kind: 'sync-file', noun: 'sync file' };

/**
 * A one-time ticket for one more reference to a sync file. Plain JSON: goes through postMessage, child.send, argv, a socket.
 */
export type SyncShare = {
  readonly dmabuf: 'sync-file';
  readonly domain: string;
  /** Of the sync file. */
  readonly id: number;
  readonly generation: number;
  readonly ticket: number;
};

/** @internal */
export let makeSyncFile: (files: SyncFiles, reference: SyncReference) => SyncFile;

/**
 * One counted reference to a fence, with a name. (struct sync_file + the fd that holds it)
 * @source struct sync_file
 */
export class SyncFile implements Disposable {
  readonly #files: SyncFiles;
  readonly #reference: SyncReference;
  #closed = false;
  /** @internal Posting a handle fails with this text. */
  readonly unposted = UNPOSTED;
  /** @internal */
  watched: Remains | null = null;

  static {
    makeSyncFile = (files, reference) => new SyncFile(files, reference);
  }

  /** Takes over one holder of the reference. */
  private constructor(files: SyncFiles, reference: SyncReference) {
    this.#files = files;
    this.#reference = reference;
    files.buffers.leaks.track(this);
  }

  /**
   * A sync file of this fence.
   * @param name  cut to 31 bytes; without one it is named after the fence.
   * @throws EINVAL · EXDEV the fence object is another agent's · ESTALE the domain was closed here
   * @example using file = SyncFile.create(domain, timeline.next(), 'frame 7');
   * @source sync_file_create
   */
  static create(domain: SyncDomain, fence: AnyFence, name?: string): SyncFile {
    const op = 'SyncFile.create';
    const files = filesOf(op, domain);
    if (!(fence instanceof AnyFence)) {
      const why = 'fence must be a Fence or a FenceSet';
      throw fail('EINVAL', op, { fence: shown(fence) }, { why });
    }
    return files.make(op, fence, checkName(op, name));
  }

  /**
   * Takes over a share: from now on you have a reference. Never waits.
   * @throws ESTALE opened already, revoked, or its sender has gone · EXDEV · EACCES it is for another member · EINVAL
   * @example using file = SyncFile.open(domain, share);
   * @source sync_file_get_fence
   */
  static open(domain: SyncDomain, share: SyncShare): SyncFile {
    const op = 'SyncFile.open';
    const files = filesOf(op, domain);
    return receive(op, files, KIND, share, ({ row, generation }) => files.adopt(row, generation));
  }

  // ------------------------------------------------------------------------------------------- what it is

  /** The same for every reference to this sync file, in every agent; never used again. */
  get id(): number {
    return this.#reference.id;
  }

  /** What it was called, else `driver-timeline<context>-<number>` of its fence. @throws ESTALE @source sync_file_get_name */
  get name(): string {
    return this.#files.nameOf(this.#use('SyncFile.name'));
  }

  /** @throws ESTALE @source sync_file_get_fence */
  get fence(): AnyFence {
    return this.#use('SyncFile.fence').fence;
  }

  /** 0 = active, 1 = signalled, else the error it signalled with; a set answers for itself. @throws ESTALE @source dma_fence_get_status */
  get status(): SyncStatus {
    return statusOf(this.#use('SyncFile.status').fence);
  }

  get closed(): boolean {
    return this.#closed;
  }

  /**
   * Name, status and number of fences; with `fences: n` also what there is to know of each of them, in order. The status is then
   * that of the first that is not 1.
   * @param options.fences  room for how many; 0, the default, asks for none.
   * @throws EINVAL it has more fences than that · ESTALE
   * @example const { count } = file.info(); const { fences } = file.info({ fences: count });
   * @source SYNC_IOC_FILE_INFO
   */
  info(options?: { readonly fences?: number }): SyncFileInfo {
    const op = 'SyncFile.info';
    const { fence } = this.#use(op);
    return infoOf(op, this.#files.fences, { name: this.name, fence }, roomIn(op, options));
  }

  // ------------------------------------------------------------------------------------------- waiting

  /** Has it signalled, with an error or without? @throws ESTALE @source sync_file_poll */
  poll(): boolean {
    return this.#use('SyncFile.poll').fence.signaled;
  }

  /**
   * Until it has signalled; with an error counts too: `status` says which. Never blocks.
   * @throws ETIMEDOUT · the signal's reason · EINVAL · ESTALE
   * @example await file.wait({ timeout: 100 });
   * @source sync_file_poll
   */
  wait(options?: WaitOptions): Promise<void> {
    const op = 'SyncFile.wait';
    try {
      return this.#use(op).fence.ready(op, options);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /**
   * The blocking form of `wait`.
   * @blocking yes
   * @throws ETIMEDOUT · EINVAL · ESTALE · EDEADLK this very thread has to signal it, or holds a lock · ENOTSUP may not block
   * @source sync_file_poll
   */
  waitSync(options?: SyncWaitOptions): void {
    const op = 'SyncFile.waitSync';
    this.#use(op).fence.readySync(op, options);
  }

  /**
   * A hint to whoever signals: wanted by `at`, milliseconds as performance.timeOrigin + performance.now().
   * @throws EINVAL · ESTALE
   * @source SYNC_IOC_SET_DEADLINE
   */
  setDeadline(at: number): void {
    this.#use('SyncFile.setDeadline').fence.setDeadline(at);
  }

  /**
   * A new sync file that signals when both have. Of each timeline only the latest point is left, and what has signalled is
   * left out.
   * @param name  cut to 31 bytes; without one it is named after its fence.
   * @throws ENOENT `other` is not an open sync file · EXDEV of another agent · EINVAL · ESTALE
   * @example using both = a.merge(b, 'both');
   * @source SYNC_IOC_MERGE
   */
  merge(other: SyncFile, name?: string): SyncFile {
    const op = 'SyncFile.merge';
    const { fence } = this.#use(op);
    if (!(other instanceof SyncFile) || other.#closed) {
      throw fail('ENOENT', op, { other: shown(other) }, { why: 'other must be an open SyncFile' });
    }
    const userName = checkName(op, name);
    return this.#files.make(op, Fence.merge(fence, other.#use(op).fence), userName);
  }

  // ------------------------------------------------------------------------------------------- references

  /**
   * A ticket for another agent; the sender may close the file at once. Not opened yet = counted to this agent. One ticket opens
   * once.
   * @param options.to  when that member dies first, the ticket is released.
   * @throws ESTALE · ENFILE · EINVAL
   * @example worker.postMessage(file.share());
   * @source sync_file_create
   */
  share(options: { readonly to?: Member } = {}): SyncShare {
    const op = 'SyncFile.share';
    checkObject(op, 'options', options);
    const reference = this.#use(op);
    this.#files.publish(op, reference);
    return { dmabuf: 'sync-file', ...send(op, this.#files, reference, options.to, false) };
  }

  /** Takes back a ticket that nobody opened. @returns false: too late @throws EINVAL · EXDEV */
  revoke(share: SyncShare): boolean {
    return takeBack('SyncFile.revoke', this.#files, KIND, share);
  }

  /** A second, independent reference in this agent. @throws ESTALE */
  dup(): SyncFile {
    return this.#files.handle(this.#use('SyncFile.dup'));
  }

  /** Drops this reference. Twice is harmless. Whoever waits goes on waiting for the fence. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    if (this.watched !== null) this.#files.buffers.leaks.unwatch(this);
    this.#files.drop(this.#reference);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** What there is to know and to do without this handle. @internal */
  remains(): Remains {
    const [files, reference] = [this.#files, this.#reference];
    return { kind: 'SyncFile', id: reference.id, release: () => files.drop(reference) };
  }

  /** This agent's reference. @throws ESTALE closed, or its domain was */
  #use(op: string): SyncReference {
    const { left } = this.#files.agent;
    if (!this.#closed && !left) return this.#reference;
    const why = left ? 'its domain was closed here' : 'this sync file was closed';
    throw fail('ESTALE', op, { 'sync file': this.#reference.id }, { why });
  }
}
