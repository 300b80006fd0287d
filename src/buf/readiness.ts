// SPDX-License-Identifier: MIT
/**
 * buf/readiness — may the bytes be read now, or written, and when does that change?
 *
 * Reading waits for writers, writing for readers too. Nothing is registered with anybody: a look asks the list of fences, a wait is for
 * the first fence in the way, named by (row, generation), then for the next. So a fence needs no reference, no callback can be left
 * behind, and idle waits cost nothing. Who waits refers to the buffer, so it dies after the wait and not under it; who comes to a
 * buffer that is dying gets no reference, and learns so.
 *
 * @source dma_buf_poll
 */

import type { Operation } from '../agent/index.js';
import type { WaitOptions } from '../fence/index.js';
import type { Reservation } from '../resv/index.js';
import type { DmaBuf } from './dma-buf.js';

/** Whether reading, and writing, would have to wait for fences now. */
export interface Readiness {
  /** No KERNEL or WRITE fence is pending. (POLLIN) */
  readonly readable: boolean;
  /** No READ fence either. (POLLOUT) */
  readonly writable: boolean;
}

/** Takes no lock. Who may write may read: both are said of one moment. */
export function readinessOf(resv: Reservation): Readiness {
  const writable = resv.test('read');
  return { readable: writable || resv.test('write'), writable };
}

const isSame = (a: Readiness, b: Readiness): boolean =>
  a.readable === b.readable && a.writable === b.writable;

/** Until it is not `last` any more, or `stopped`: null. */
function* nextReadiness(
  resv: Reservation,
  last: Readiness | null,
  stopped: () => boolean,
): Operation<Readiness | null> {
  for (;;) {
    if (stopped()) return null;
    const now = readinessOf(resv);
    if (last === null || !isSame(now, last)) return now;
    const changed = (): boolean => stopped() || !isSame(readinessOf(resv), last);
    const interrupt = yield resv.whenMoved(now.readable ? 'read' : 'write', changed);
    if (interrupt !== null) throw interrupt.error(OP);
  }
}

const OP = 'DmaBuf.readiness';
const FINISHED = { done: true, value: undefined } as const;

/** A loop over readiness. It ends when it is left, with its handle, and with an error. */
export class ReadinessLoop implements AsyncIterableIterator<Readiness, undefined, undefined> {
  readonly #buf: DmaBuf;
  readonly #options: WaitOptions | undefined;
  #last: Readiness | null = null;
  #stopped = false;
  /** Steps that were asked for come one after the other. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(buf: DmaBuf, options: WaitOptions | undefined) {
    this.#buf = buf;
    this.#options = options;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<Readiness, undefined>> {
    const step = this.#turn.then(() => this.#step());
    this.#turn = step.catch(() => {});
    return step;
  }

  return(): Promise<IteratorResult<Readiness, undefined>> {
    this.stop();
    return Promise.resolve(FINISHED);
  }

  async #step(): Promise<IteratorResult<Readiness, undefined>> {
    if (this.#stopped || this.#buf.closed) return FINISHED;
    const { buffers } = this.#buf;
    try {
      const reference = this.#buf.use(OP);
      reference.holders++;
      this.#buf.enter(this);
      try {
        const waiting = nextReadiness(reference.resv, this.#last, () => this.#stopped);
        this.#last = await buffers.agent.run(OP, waiting, this.#options);
      } finally {
        this.#buf.leave(this);
        buffers.drop(reference);
      }
    } catch (error) {
      this.stop();
      throw error;
    }
    return this.#last === null ? FINISHED : { done: false, value: this.#last };
  }

  /** What is waited for is not waited for any more. Twice is harmless. */
  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#buf.stir();
  }
}
