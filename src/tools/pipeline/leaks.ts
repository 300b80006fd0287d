// SPDX-License-Identifier: MIT
/**
 * leaks — what a run has left behind, put together from the moments at which it shows: buffers and fences of the pool
 * before the pool closes, memory after that, and handles that nobody closed when they are collected or the domain closes.
 */
import { DmaBufError, type Domain, type Pool } from 'dmabuf';
import type { Leaks } from './job.js';

/** What is disposed is gone long before that; what is leaked would be waited for without end. */
const SETTLE_MS = 1000;

const LOCKS: readonly string[] = ['ResvLock'];
const ATTACHMENTS: readonly string[] = ['Attachment', 'DynamicAttachment'];

export class LeakCount {
  readonly #domain: Domain;
  /** Told by leak events; of buffers, which ones: one may have several handles. */
  readonly #events = { buffers: new Set<number>(), attachments: 0, locks: 0 };
  readonly #seen = { buffers: 0, attachments: 0, locks: 0, fences: 0 };

  constructor(domain: Domain) {
    this.#domain = domain;
    domain.on('leak', ({ kind, id }) => {
      if (LOCKS.includes(kind)) this.#events.locks++;
      else if (ATTACHMENTS.includes(kind)) this.#events.attachments++;
      else this.#events.buffers.add(id);
    });
  }

  /** All frames are done, the pool is still open. */
  async beforeClosing(pool: Pool): Promise<void> {
    await this.#settle();
    this.#look();
    const held = new Set(pool.holders().map(({ buffer }) => buffer)).size;
    // What nobody has and still is not free waits for a fence.
    this.#seen.fences += pool.count - pool.free - held;
  }

  /** All is closed but the domain. */
  async afterClosing(): Promise<void> {
    await this.#settle();
    this.#look();
    const used = this.#domain.snapshot().heaps.some((heap) => heap.used !== 0);
    if (used) this.#seen.buffers = Math.max(this.#seen.buffers, 1);
  }

  /** Complete once the domain has closed. A handle that was seen open is told again by then: it counts once. */
  get leaks(): Leaks {
    return {
      buffers: Math.max(this.#seen.buffers, this.#events.buffers.size),
      attachments: Math.max(this.#seen.attachments, this.#events.attachments),
      locks: Math.max(this.#seen.locks, this.#events.locks),
      fences: this.#seen.fences,
    };
  }

  #look(): void {
    const seen = this.#seen;
    const { buffers } = this.#domain.snapshot();
    const fences = buffers.flatMap((buffer) => buffer.fences.filter(({ signaled }) => !signaled));
    const attachments = buffers.flatMap((buffer) => buffer.attachments);
    seen.buffers = Math.max(seen.buffers, buffers.length);
    seen.attachments = Math.max(seen.attachments, attachments.length);
    seen.locks = Math.max(seen.locks, buffers.filter(({ lock }) => lock !== null).length);
    seen.fences = Math.max(seen.fences, fences.length);
  }

  async #settle(): Promise<void> {
    try {
      await this.#domain.idle({ timeout: SETTLE_MS });
    } catch (error) {
      if (!DmaBufError.is(error, 'ETIMEDOUT')) throw error;
    }
  }
}
