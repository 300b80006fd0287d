// SPDX-License-Identifier: MIT
/**
 * buf/vmap — the one mapping of a buffer that all CPU accesses share, where its exporter offers one: made for the first, given back
 * after the last.
 *
 * Invariants  The count changes with the reservation lock held, and so do the callbacks run: a vmap that is under way is waited
 *             for by who comes second, and an error leaves the count as it was.
 *
 * @source dma_buf_vmap, dma_buf_vunmap
 */

import { type Operation, objectKey } from '../agent/index.js';
import { fail } from '../errors.js';
import type { HeldLock, Reservation } from '../resv/index.js';
import type { Buffers } from './buffers.js';
import { makeDevice } from './device.js';
import type { DmaBuf } from './dma-buf.js';
import type { SourceSegment } from './exporter.js';
import { callExporter } from './exporter-call.js';
import { OwnHold } from './hold.js';
import type { Viewed } from './port.js';
import { dropSources, type HeldTable, holdSources } from './sources.js';

/** The exporter's callbacks. */
export interface VmapOps {
  map(lock: HeldLock): unknown;
  /** May not fail. */
  unmap(sources: readonly SourceSegment[], lock: HeldLock): void;
}

/** What is shared while the count is not 0. */
interface Shared extends HeldTable {
  readonly sources: readonly SourceSegment[];
}

export class Vmap {
  #count = 0;
  #shared: Shared | null = null;

  constructor(
    readonly buffers: Buffers,
    readonly row: number,
    readonly ops: VmapOps,
    /** Milliseconds that a callback may take. */
    readonly timeout: number,
  ) {}

  /** Accesses that share the mapping. */
  get count(): number {
    return this.#count;
  }

  /** One more. @throws what the callback threw */
  *open(op: string, buf: DmaBuf): Operation<Shared> {
    const { resv, size } = buf.use(op);
    const hold = new OwnHold(yield* resv.lockOperation(op, { recover: true }));
    try {
      const shared = (this.#shared ??= yield* this.#map(op, hold, size));
      this.#count++;
      return shared;
    } finally {
      hold.release();
    }
  }

  *#map(op: string, hold: OwnHold, size: number): Operation<Shared> {
    const { buffers, ops, row, timeout } = this;
    const key = objectKey('buffer', row);
    const lent = hold.lock.lend();
    let goesOn = false;
    try {
      const sources = yield* callExporter(buffers.agent, {
        op,
        key,
        timeout,
        invoke: () => ops.map(lent),
        giveUp: () => {
          goesOn = true;
          const outlived = hold.outlive();
          return (outcome) => {
            lent.end();
            const undo = (lock: HeldLock): void => this.#give(outcome?.of, lock);
            outlived(outcome === null ? null : undo, () => {});
          };
        },
      });
      try {
        const held = holdSources(op, buffers, sources, size, makeDevice(op, 'cpu'));
        return { ...held, sources: sources as readonly SourceSegment[] };
      } catch (error) {
        this.#give(sources, hold.lock);
        throw error;
      }
    } finally {
      if (!goesOn) lent.end();
    }
  }

  /** What the exporter gave, and nobody uses. */
  #give(sources: unknown, lock: HeldLock): void {
    if (Array.isArray(sources)) this.ops.unmap(sources as readonly SourceSegment[], lock);
  }

  /** One less. @throws EINVAL there was none */
  *close(op: string, resv: Reservation): Operation<void> {
    const lock = yield* resv.lockOperation(op, { recover: true });
    try {
      const shared = this.#shared;
      if (shared === null)
        throw fail('EINVAL', op, {}, { why: 'the buffer is not mapped for CPUs' });
      if (--this.#count > 0) return;
      this.#shared = null;
      this.ops.unmap(shared.sources, lock);
      dropSources(this.buffers, shared.held);
    } finally {
      lock.unlock();
    }
  }
}

/** Takes part in the mapping, until the end of the access. */
export function viewer(vmap: Vmap): (op: string, buf: DmaBuf) => Operation<Viewed> {
  const { buffers } = vmap;
  return function* view(op, buf) {
    const { resv } = buf.use(op);
    const { table, sources, held } = yield* vmap.open(op, buf);
    const end = (): void => {
      const closing = buffers.agent.run('CpuAccess.end', vmap.close('CpuAccess.end', resv));
      void buffers.background(closing).catch((error: unknown) => buffers.report(error));
    };
    return { table, sources, held, end };
  };
}
