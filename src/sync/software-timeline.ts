// SPDX-License-Identifier: MIT
/**
 * sync/software-timeline — a timeline that is moved on by hand, and whose points have numbers that are chosen: for tests.
 *
 * Its value and its points are numbers of 32 bits and compare modulo 2^32, as in Linux. Sequence numbers of fences never wrap
 * here, so each point has the number that it would have if the value had never wrapped: `#reached` is that value.
 *
 * @source sw_sync
 */

import { checkInteger, errorNumber, fail } from '../errors.js';
import type { Fence, Timeline } from '../fence/index.js';
import { checkName } from './names.js';
import { filesOf, type SyncDomain } from './sync-domain.js';
import type { SyncFile } from './sync-file.js';
import type { SyncFiles } from './sync-files.js';

const UNPOSTED = Symbol(
  'a SoftwareTimeline cannot be posted: post share() of the sync files it makes',
);
const U32 = 0xffff_ffff;

/** A timeline that is moved on by hand. Its maker's agent signals; when it ends, open points fail with ENOENT. */
export class SoftwareTimeline implements Disposable {
  /** @internal Posting a handle fails with this text. */
  readonly unposted = UNPOSTED;
  readonly #files: SyncFiles;
  /** Gives context and name; it issues no points of its own. */
  readonly #context: Timeline;
  /** Points that have not signalled, by number. */
  readonly #open = new Map<number, Fence>();
  /** Their numbers in order: moving on looks only at what it comes to. */
  readonly #order: number[] = [];
  readonly #forget: () => void;
  #reached = 0;
  #closed = false;

  private constructor(files: SyncFiles, context: Timeline) {
    this.#files = files;
    this.#context = context;
    this.#forget = files.onClose(() => this.close());
  }

  /**
   * A timeline that stands at 0.
   * @throws EINVAL name longer than 31 bytes · ENFILE limits.timelines · ESTALE
   * @example using timeline = SoftwareTimeline.create(domain);
   * @source sync_timeline_create
   */
  static create(domain: SyncDomain, name = 'sw_sync'): SoftwareTimeline {
    const op = 'SoftwareTimeline.create';
    const files = filesOf(op, domain);
    if (files.agent.left) throw fail('ESTALE', op, { domain: domain.name });
    return new SoftwareTimeline(files, files.fences.timeline(name));
  }

  /** Where it stands, modulo 2^32. */
  get value(): number {
    return this.#reached >>> 0;
  }

  /** Id of its fence context. */
  get id(): number {
    return this.#context.id;
  }

  /**
   * A sync file that signals when the timeline has come to `value`: at once, if it is there or past it. An unsignalled point of
   * the same value is shared.
   * @param value  0 to 2^32 - 1; more than 2^31 - 1 ahead counts as past.
   * @param name  of the sync file, cut to 31 bytes.
   * @throws EINVAL · ESTALE closed · ENFILE
   * @example using file = timeline.createFence(5, 'fifth');
   * @source SW_SYNC_IOC_CREATE_FENCE
   */
  createFence(value: number, name?: string): SyncFile {
    const op = 'SoftwareTimeline.createFence';
    this.#alive(op);
    const userName = checkName(op, name);
    const point = this.#pointAt(checkInteger(op, 'value', value, 0, U32));
    return this.#files.make(op, point, userName);
  }

  #pointAt(value: number): Fence {
    const seqno = this.#reached + ((value - this.#reached) | 0);
    const known = this.#open.get(seqno);
    if (known !== undefined) return known;
    const { fences } = this.#files;
    const point = fences.create(this.#context.id, Math.max(0, seqno));
    if (seqno > this.#reached) this.#add(seqno, point);
    else fences.signal(point);
    return point;
  }

  #add(seqno: number, point: Fence): void {
    this.#open.set(seqno, point);
    // Most come in order: from the end is not far.
    const before = this.#order.findLastIndex((other) => other < seqno);
    this.#order.splice(before + 1, 0, seqno);
  }

  /**
   * Moves on by n; the points that it comes to signal, in order.
   * @param n  0 to 2^32 - 1. Above 2^31 - 1 it is as if it were done in two steps: nothing open is passed over.
   * @throws EINVAL · ESTALE closed
   * @example timeline.inc(1);
   * @source SW_SYNC_IOC_INC
   */
  inc(n: number): void {
    const op = 'SoftwareTimeline.inc';
    this.#alive(op);
    this.#reached += checkInteger(op, 'n', n, 0, U32);
    this.#signal(this.#reached, 0);
  }

  /** Open points fail with ENOENT. Twice is harmless. @source sw_sync_debugfs_release */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#forget();
    this.#signal(Infinity, errorNumber('ENOENT'));
    this.#context.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** All points up to this number, in order. */
  #signal(last: number, error: number): void {
    for (let [seqno] = this.#order; seqno !== undefined && seqno <= last; [seqno] = this.#order) {
      this.#order.shift();
      const point = this.#open.get(seqno);
      this.#open.delete(seqno);
      if (point !== undefined) this.#files.fences.signal(point, error);
    }
  }

  #alive(op: string): void {
    if (!this.#closed && !this.#files.agent.left) return;
    throw fail('ESTALE', op, { timeline: this.#context.id }, { why: 'this timeline was closed' });
  }
}
