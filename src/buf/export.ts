// SPDX-License-Identifier: MIT
/**
 * buf/export — one buffer of an exporter of one's own, in the agent that exported it: its callbacks, and the lock around them.
 *
 * A static exporter's map and unmap run unlocked, a dynamic one's map, unmap, pin and unpin with the reservation lock held and
 * shown; all others run unlocked. Who takes the lock is the attachment's business (see attaching).
 *
 * @source struct dma_buf_ops
 */

import { type Operation, objectKey } from '../agent/index.js';
import type { HeldLock } from '../resv/index.js';
import type { Attached } from './attached.js';
import type { Buffers } from './buffers.js';
import type { ByteRange } from './byte-access.js';
import { makeDevice } from './device.js';
import type { CpuIntent, Direction } from './direction.js';
import type { DmaBuf } from './dma-buf.js';
import type { ExportedBuf } from './exported-buf.js';
import type {
  AttachmentInfo,
  DynamicExporterOps,
  SourceSegment,
  StaticExporterOps,
} from './exporter.js';
import { callExporter, exporterError } from './exporter-call.js';
import type { Hold } from './hold.js';
import { goOn } from './late.js';
import type { ExporterPort, Mapped, Shown, Viewed } from './port.js';
import { dropSources, holdSources } from './sources.js';
import { Vmap, viewer } from './vmap.js';

/** Callbacks of either kind, as they are called here: a static exporter ignores the lock. */
export type AnyOps<P> = Omit<StaticExporterOps<P>, 'map' | 'unmap'> &
  Omit<Partial<DynamicExporterOps<P>>, 'map' | 'unmap'> & {
    map(att: AttachmentInfo<P>, direction: Direction, lock?: HeldLock): unknown;
    unmap(
      att: AttachmentInfo<P>,
      segments: readonly SourceSegment[],
      direction: Direction,
      lock?: HeldLock,
    ): void;
  };

export class Export<P> implements ExporterPort {
  readonly cacheMapping: boolean;
  /** Attachments on the buffer's list, the newest first. */
  readonly attachments: Attached[] = [];
  /** The exporter's own handle; open or not, the callbacks are given it. */
  declare buf: ExportedBuf<P>;
  readonly vmap?: (op: string, buf: DmaBuf) => Operation<Viewed>;
  readonly mmap?: (op: string, range: Required<ByteRange>) => Operation<Shown>;
  /** What CPU accesses share, where the exporter offers it. */
  readonly shared: Vmap | null = null;
  readonly #key: number;
  /** Generation that a move under this very lock object has made. */
  readonly #movedBy = new WeakMap<HeldLock, number>();

  constructor(
    readonly buffers: Buffers,
    readonly row: number,
    readonly ops: AnyOps<P>,
    readonly priv: P,
    readonly dynamic: boolean,
    readonly callTimeout: number,
  ) {
    this.cacheMapping = !dynamic && ops.cacheMapping === true;
    this.#key = objectKey('buffer', row);
    if (ops.mmap !== undefined) this.mmap = (op, range) => this.#mmap(op, range);
    if (ops.vmap === undefined) return;
    const vmap = ops.vmap.bind(ops);
    const callbacks = {
      map: (lock: HeldLock) => vmap(this.buf, lock),
      unmap: (sources: readonly SourceSegment[], lock: HeldLock): void => {
        const lent = lock.lend();
        this.#unfailing(() => ops.vunmap?.(this.buf, sources, lent));
        lent.end();
      },
    };
    this.shared = new Vmap(buffers, row, callbacks, callTimeout);
    this.vmap = viewer(this.shared);
  }

  exported(): ExportedBuf<unknown> {
    return this.buf;
  }

  enlist(attached: Attached): void {
    this.attachments.unshift(attached);
  }

  unlist(attached: Attached): void {
    const at = this.attachments.indexOf(attached);
    if (at >= 0) this.attachments.splice(at, 1);
  }

  // ------------------------------------------------------------------------------------------- unlocked callbacks

  *attach(op: string, attached: Attached): Operation<void> {
    const att = attached.info as AttachmentInfo<P>;
    const entered = (): void => {
      attached.entered = true;
    };
    yield* this.#call<void>(
      op,
      () => this.ops.attach?.(att),
      () => goOn(attached, null, entered),
    );
  }

  *detach(op: string, { info }: Attached): Operation<void> {
    const att = info as AttachmentInfo<P>;
    yield* this.#call<void>(
      op,
      () => this.ops.detach?.(att),
      () => this.#keep(),
    );
  }

  *beginCpuAccess(op: string, _buf: DmaBuf, intent: CpuIntent): Operation<() => void> {
    const end = (): void => this.#unfailing(() => this.ops.endCpuAccess?.(this.buf, intent));
    yield* this.#call<void>(
      op,
      () => this.ops.beginCpuAccess?.(this.buf, intent),
      () => {
        const drop = this.#keep();
        return (outcome) => {
          if (outcome !== null) end();
          drop();
        };
      },
    );
    return end;
  }

  *endCpuAccess(op: string, intent: CpuIntent): Operation<void> {
    yield* this.#call<void>(
      op,
      () => this.ops.endCpuAccess?.(this.buf, intent),
      () => this.#keep(),
    );
  }

  *#mmap(op: string, range: Required<ByteRange>): Operation<Shown> {
    const { buffers, row } = this;
    const moveGen = buffers.rows.word(row, 'moveGen');
    const sources = yield* this.#call<unknown>(
      op,
      () => this.ops.mmap?.(this.buf, range),
      () => this.#keep(),
    );
    const cpu = makeDevice(op, 'cpu');
    const held = holdSources(op, buffers, sources, range.length, cpu);
    return { ...held, sources: sources as readonly SourceSegment[], moveGen };
  }

  release(): void {
    this.#unfailing(() => this.ops.release(this.priv));
  }

  // ------------------------------------------------------------------------------------------- callbacks of either kind

  *map(op: string, attached: Attached, direction: Direction, hold: Hold | null): Operation<Mapped> {
    const { buffers, row } = this;
    const att = attached.info as AttachmentInfo<P>;
    const moveGen = buffers.rows.word(row, 'moveGen');
    let shown: HeldLock | undefined;
    const invoke = (lock?: HeldLock): unknown => {
      shown = lock;
      return lock === undefined ? this.ops.map(att, direction) : this.ops.map(att, direction, lock);
    };
    const undo = (sources: unknown, lock?: HeldLock): void =>
      this.#undoMap(att, sources, direction, lock);
    const sources = yield* this.#callLent(op, attached, hold, invoke, undo);
    // To bring the memory in, map itself may have moved it: then this is the new place.
    const arrived = shown === undefined ? undefined : this.#movedBy.get(shown);
    return this.#mapped(op, attached, sources, direction, arrived ?? moveGen, hold);
  }

  /** Checks what the exporter gave, and holds on to it. What is no good is given back. */
  #mapped(
    op: string,
    attached: Attached,
    sources: unknown,
    direction: Direction,
    moveGen: number,
    hold: Hold | null,
  ): Mapped {
    const { buffers, row } = this;
    try {
      const size = buffers.rows.size(row);
      const { table, held } = holdSources(op, buffers, sources, size, attached.device);
      return { table, held, sources: sources as readonly SourceSegment[], direction, moveGen };
    } catch (error) {
      this.#undoMap(attached.info as AttachmentInfo<P>, sources, direction, hold?.lock);
      throw error;
    }
  }

  #undoMap(att: AttachmentInfo<P>, sources: unknown, direction: Direction, lock?: HeldLock): void {
    if (!Array.isArray(sources)) return;
    this.#unfailing(() => this.#unmap(att, sources as SourceSegment[], direction, lock));
  }

  #unmap(
    att: AttachmentInfo<P>,
    sources: readonly SourceSegment[],
    direction: Direction,
    lock: HeldLock | undefined,
  ): void {
    if (lock === undefined || !this.dynamic) {
      this.ops.unmap(att, sources, direction);
      return;
    }
    const lent = lock.lend();
    try {
      this.ops.unmap(att, sources, direction, lent);
    } finally {
      lent.end();
    }
  }

  unmap({ info }: Attached, mapped: Mapped, hold: Hold | null): void {
    const { sources, held, direction } = mapped;
    const att = info as AttachmentInfo<P>;
    this.#unfailing(() => this.#unmap(att, sources, direction, hold?.lock));
    dropSources(this.buffers, held);
  }

  // ------------------------------------------------------------------------------------------- moving

  /** With the lock held: everything that was mapped before is stale, in every agent (D-10). */
  moved(lock: HeldLock): void {
    const { rows } = this.buffers;
    const moveGen = rows.word(this.row, 'moveGen') + 1;
    rows.setWord(this.row, 'moveGen', moveGen);
    this.#movedBy.set(lock, moveGen);
  }

  // ------------------------------------------------------------------------------------------- locked callbacks

  *pin(op: string, attached: Attached, hold: Hold): Operation<void> {
    const att = attached.info as AttachmentInfo<P>;
    const invoke = (lock?: HeldLock): unknown => this.ops.pin?.(att, lock as HeldLock);
    const undo = (_: unknown, lock?: HeldLock): void => this.#unpin(att, lock as HeldLock);
    yield* this.#callLent(op, attached, hold, invoke, undo);
  }

  unpin({ info }: Attached, hold: Hold): void {
    this.#unpin(info as AttachmentInfo<P>, hold.lock);
  }

  #unpin(att: AttachmentInfo<P>, lock: HeldLock): void {
    const lent = lock.lend();
    this.#unfailing(() => this.ops.unpin?.(att, lent));
    lent.end();
  }

  // ------------------------------------------------------------------------------------------- calling

  /** A callback that is shown the lock, for as long as it runs. */
  *#callLent(
    op: string,
    attached: Attached,
    hold: Hold | null,
    invoke: (lock?: HeldLock) => unknown,
    undo: (of: unknown, lock?: HeldLock) => void,
  ): Operation<unknown> {
    const lent = hold?.lock.lend();
    let goesOn = false;
    try {
      return yield* this.#call<unknown>(
        op,
        () => invoke(lent),
        () => {
          goesOn = true;
          const ended = goOn(attached, hold, undo);
          return (outcome) => {
            lent?.end();
            ended(outcome);
          };
        },
      );
    } finally {
      if (!goesOn) lent?.end();
    }
  }

  /** The buffer stays, whoever closes it, while a callback runs. @returns to be called when it has ended */
  #keep(): () => void {
    const { buffers, row } = this;
    if (buffers.agent.tasks.over !== null) return () => {};
    const reference = buffers.enter(row, this.buf.generation);
    return () => {
      if (reference !== null) buffers.drop(reference);
    };
  }

  *#call<T>(
    op: string,
    invoke: () => T | PromiseLike<T>,
    giveUp: () => (outcome: { readonly of: T } | null) => void,
  ): Operation<T> {
    const { callTimeout: timeout } = this;
    const call = { op, key: this.#key, timeout, invoke, giveUp };
    return yield* callExporter(this.buffers.agent, call);
  }

  /** A callback that may not fail: nobody could act on it. What it throws all the same is reported. */
  #unfailing(callback: () => unknown): void {
    try {
      const result = this.buffers.agent.callBack(callback);
      if (result instanceof Promise) {
        const drop = this.#keep();
        const over = result.catch((error: unknown) => this.#report(error)).finally(drop);
        void this.buffers.background(over);
      }
    } catch (error) {
      this.#report(error);
    }
  }

  #report(error: unknown): void {
    this.buffers.report(exporterError(`exporter "${this.buf.exporter}"`, error));
  }
}
