// SPDX-License-Identifier: MIT
/**
 * heap/delivery — what a receiver gets: a reference, and the duty to finish.
 */

import { type Agent, type Operation, until } from '../agent/index.js';
import {
  accessOperation,
  type Buffers,
  type CpuAccess,
  type CpuIntent,
  type DmaBuf,
  type Remains,
} from '../buf/index.js';
import { type ErrorCode, errorNumber, fail, shown } from '../errors.js';
import {
  type AnyFence,
  Fence,
  type Fences,
  type Point,
  type SyncWaitOptions,
  type WaitOptions,
} from '../fence/index.js';
import type { Json } from './channel-options.js';

const UNPOSTED = Symbol(
  'a Delivery cannot be posted: send its buffer on with channel.send(delivery.buf), or post delivery.buf.share()',
);

/** What a submitted message lays on its receiver. */
export interface Duty {
  /** The fence to signal. */
  readonly owed: Point;
  readonly writes: boolean;
  /** What has to be over before. */
  readonly after: readonly Fence[];
}

/** What a delivery needs of its agent. */
export interface DeliveryHost {
  readonly agent: Agent;
  readonly buffers: Buffers;
  readonly fences: Fences;
}

/** For this room and those above. */
export let makeDelivery: (
  host: DeliveryHost,
  buf: DmaBuf,
  tag: number,
  text: string | null,
  duty: Duty | null,
) => Delivery;

/**
 * What a receiver gets: a reference, and the duty to finish.
 * @example using job = await channel.receive(); work((await job.cpuAccess("read-write")).bytes); job.done();
 */
export class Delivery implements Disposable {
  /** This agent's own reference, closed by done() and by disposing. dup() what outlives the delivery. */
  readonly buf: DmaBuf;
  /** The sender's number. */
  readonly tag: number;
  /** @internal */
  readonly unposted = UNPOSTED;
  /** @internal */
  watched: Remains | null = null;
  readonly #host: DeliveryHost;
  readonly #duty: Duty | null;
  #text: string | null;
  #meta: Json = null;
  #after: AnyFence | null = null;
  #accesses: CpuAccess[] | null = null;
  #finished = false;

  static {
    makeDelivery = (host, buf, tag, text, duty) => new Delivery(host, buf, tag, text, duty);
  }

  private constructor(
    host: DeliveryHost,
    buf: DmaBuf,
    tag: number,
    text: string | null,
    duty: Duty | null,
  ) {
    this.#host = host;
    this.buf = buf;
    this.tag = tag;
    this.#text = text;
    this.#duty = duty;
    // Somebody waits for it: when it is lost, that must not be for ever.
    if (duty !== null) host.buffers.leaks.track(this);
  }

  /** What the sender said beside the buffer; null = nothing. */
  get meta(): Json {
    if (this.#text !== null) {
      this.#meta = JSON.parse(this.#text) as Json;
      this.#text = null;
    }
    return this.#meta;
  }

  /** What has to be over before you start; cpuAccess() below waits for it. Of a message that was sent, not submitted: Fence.done. */
  get after(): AnyFence {
    if (this.#after === null) {
      const [first = Fence.done, ...more] = this.#duty?.after ?? [];
      this.#after = more.length === 0 ? first : Fence.all([first, ...more]);
    }
    return this.#after;
  }

  /**
   * As DmaBuf.cpuAccess, but waits for `after` only: the buffer's newest fences include your own. Of a message that was sent, not
   * submitted, nobody waits for you: then it is DmaBuf.cpuAccess.
   * @throws the error of work before yours that failed, unless you only write · ESTALE · EACCES · ETIMEDOUT
   * @source dma_buf_begin_cpu_access
   */
  cpuAccess(intent: CpuIntent, options?: WaitOptions): Promise<CpuAccess> {
    const op = 'Delivery.cpuAccess';
    try {
      this.#check(op);
      const access =
        this.#duty === null
          ? this.buf.cpuAccess(intent, options)
          : this.#host.agent.run(op, this.#accessing(op, intent, this.#duty), options);
      return access.then((begun) => this.#keep(begun));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** The blocking twin of cpuAccess(). @blocking yes @throws as cpuAccess · EDEADLK · ENOTSUP */
  cpuAccessSync(intent: CpuIntent, options: SyncWaitOptions = {}): CpuAccess {
    const op = 'Delivery.cpuAccessSync';
    this.#check(op);
    if (this.#duty === null) return this.#keep(this.buf.cpuAccessSync(intent, options));
    const accessing = this.#accessing(op, intent, this.#duty);
    return this.#keep(this.#host.agent.runSync(op, accessing, options.timeout));
  }

  #accessing(op: string, intent: CpuIntent, duty: Duty): Operation<CpuAccess> {
    return accessOperation(op, this.buf, intent, this.#waiting(op, intent, duty));
  }

  /** Until what came before is over. Who writes without reading does not care how it went. */
  *#waiting(op: string, intent: CpuIntent, { after }: Duty): Operation<void> {
    const at = { buffer: this.buf.id };
    for (const fence of after) {
      if (!fence.signaled) yield* until(this.#host.fences.waitFor(fence), op, at);
      if (intent === 'write' || fence.error === null) continue;
      const why = 'the work before this one failed, so the content of the buffer is undefined';
      throw fail(fence.error, op, at, { why });
    }
  }

  /** done() ends it. */
  #keep(access: CpuAccess): CpuAccess {
    if (this.#finished) {
      access.end();
      this.#check('Delivery.cpuAccess');
    }
    if (this.#accesses === null) this.#accesses = [access];
    else this.#accesses.push(access);
    return access;
  }

  #check(op: string): void {
    if (!this.#finished) return;
    const why = 'this delivery is finished';
    throw fail('ESTALE', op, { buffer: this.buf.id, tag: this.tag }, { why });
  }

  /** The work is done: ends what cpuAccess() gave, signals the completion fence, closes the reference, in this order. @source dma_fence_signal */
  done(): void {
    this.#finish(null);
  }

  /** The work came to nothing: as done(), but the completion fence fails. @throws EINVAL @source dma_fence_set_error */
  fail(error: ErrorCode): void {
    if (errorNumber(error) === 0) {
      const why = 'error must be an ErrorCode';
      throw fail('EINVAL', 'Delivery.fail', { error: shown(error) }, { why });
    }
    this.#finish(error);
  }

  /**
   * Closes the reference. Submitted for "write" and not done(): the fence fails with ECANCELED, since `using` cannot tell a return
   * from a throw.
   */
  [Symbol.dispose](): void {
    this.#finish(this.#duty?.writes === true ? 'ECANCELED' : null);
  }

  /** Only the first time counts. */
  #finish(error: ErrorCode | null): void {
    if (this.#finished) return;
    this.#finished = true;
    if (this.watched !== null) this.#host.buffers.leaks.unwatch(this);
    const accesses = this.#accesses;
    if (accesses !== null) for (const access of accesses) access.end();
    const duty = this.#duty;
    // Who has left has failed what it owed.
    if (duty !== null && !this.#host.agent.left) {
      const { row, generation } = duty.owed;
      const number = error === null ? 0 : errorNumber(error);
      this.#host.fences.signalPoint(row, generation, number);
    }
    this.buf.close();
  }

  /** @internal */
  get closed(): boolean {
    return this.#finished;
  }

  /** What is left when it is garbage-collected unfinished: the fence that others wait for. @internal */
  remains(): Remains {
    const { fences } = this.#host;
    const { row, generation } = this.#duty?.owed ?? { row: 0, generation: 0 };
    const release = (): void => {
      fences.signalPoint(row, generation, errorNumber('ECANCELED'));
    };
    return { kind: 'Delivery', id: this.buf.id, release };
  }
}
