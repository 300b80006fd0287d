// SPDX-License-Identifier: MIT
/**
 * buf/exports — what this agent exports with callbacks of its own, and how it reaches exporters.
 *
 * The last put of such a buffer may happen in any agent; the release callback runs in the exporter's. Whoever won the last put
 * leaves the row DYING with the exporter's slot and sends a note; the exporter looks through its own rows, so no note can be
 * lost with its sender. An exporter that has gone has no callback left to run (D-12).
 *
 * Source  Linux dma_buf_export; differs: what a static and a dynamic exporter must have is told by the call.
 */

import { type Operation, SlotState } from '../agent/index.js';
import { checkInteger, checkObject, checkTimeout, fail, shown } from '../errors.js';
import type { OpenSession } from './access.js';
import type { Attached } from './attached.js';
import { attachOperation, detachBehind } from './attaching.js';
import type { Buffers } from './buffers.js';
import { makeDevice } from './device.js';
import type { CpuIntent } from './direction.js';
import type { DmaBuf } from './dma-buf.js';
import { type AnyOps, Export } from './export.js';
import {
  type DynamicExportedBuf,
  type ExportedBuf,
  makeDynamicExportedBuf,
  makeExportedBuf,
} from './exported-buf.js';
import type { DynamicExportInfo, StaticExportInfo } from './exporter.js';
import { HeapPort } from './heap-port.js';
import { mapOperation } from './map-operations.js';
import { checkName } from './names.js';
import type { ExporterPort, Viewed } from './port.js';
import { RemotePort } from './remote-port.js';
import { SealedPort } from './sealed-port.js';

const CALL_TIMEOUT = 5_000;
const STATIC_OPS = ['map', 'unmap', 'release'] as const;
const DYNAMIC_OPS = ['map', 'unmap', 'pin', 'unpin', 'release'] as const;
const OPTIONAL_OPS = ['attach', 'detach', 'beginCpuAccess', 'endCpuAccess', 'mmap'] as const;
/** Only memory that may move is pinned. */
const PINNING = ['pin', 'unpin'] as const;

export class Exports {
  readonly #mine = new Map<number, Export<unknown>>();

  #names = 0;

  constructor(readonly buffers: Buffers) {}

  /** Rows of what this agent exports. */
  get rows(): Iterable<number> {
    return this.#mine.keys();
  }

  /** What this agent and another one call something: never used again. */
  name(): number {
    this.#names = (this.#names + 1) | 0;
    return this.#names;
  }

  // ------------------------------------------------------------------------------------------- export

  /** @throws EINVAL · EXDEV · ENFILE @source dma_buf_export */
  static<P>(info: StaticExportInfo<P>): ExportedBuf<P> {
    const op = 'Domain.export';
    const exported = this.#export<P>(op, info, STATIC_OPS);
    return this.#publish(exported, makeExportedBuf);
  }

  /** @throws EINVAL · EXDEV · ENFILE @source dma_buf_export */
  dynamic<P>(info: DynamicExportInfo<P>): DynamicExportedBuf<P> {
    const op = 'Domain.dynamicExport';
    const exported = this.#export<P>(op, info, DYNAMIC_OPS);
    return this.#publish(exported, makeDynamicExportedBuf);
  }

  #export<P>(
    op: string,
    info: StaticExportInfo<P> | DynamicExportInfo<P>,
    needed: readonly string[],
  ): Export<P> {
    checkObject(op, 'info', info);
    const dynamic = needed === DYNAMIC_OPS;
    const { exporter, size, priv, callTimeout = CALL_TIMEOUT, name, resv } = info;
    checkName(op, 'exporter', exporter);
    checkInteger(op, 'size', size, 0);
    checkTimeout(op, callTimeout, 'callTimeout');
    const ops = info.ops as unknown as AnyOps<P>;
    checkOps(op, ops, needed);
    for (const one of ['vmap', 'vunmap'] as const) {
      if (ops[one] === undefined || typeof ops[one] === 'function') continue;
      throw fail('EINVAL', op, { wrong: one }, { why: `ops.${one} must be a function` });
    }
    if (priv === undefined) throw fail('EINVAL', op, {}, { why: 'priv is missing' });
    const { cacheMapping } = ops;
    if (cacheMapping !== undefined && typeof cacheMapping !== 'boolean') {
      const why = 'ops.cacheMapping must be true or false';
      throw fail('EINVAL', op, { cacheMapping: shown(cacheMapping) }, { why });
    }
    if (dynamic && cacheMapping === true) {
      const why = 'memory that may move cannot be cached: leave cacheMapping to static exporters';
      throw fail('EINVAL', op, {}, { why });
    }
    if (!dynamic && PINNING.some((callback) => ops[callback] !== undefined)) {
      const why = 'memory that is pinned may move otherwise: say domain.dynamicExport()';
      throw fail('EINVAL', op, {}, { why });
    }
    const { buffers } = this;
    const { tag } = buffers.agent;
    buffers.checkNew(op, { name, resv });
    const row = buffers.begin(
      op,
      { size, name, resv },
      {
        exporter: tag,
        exporterName: exporter,
        dynamic,
        caches: ops.cacheMapping === true,
        vmaps: ops.vmap !== undefined,
        mmaps: ops.mmap !== undefined,
        sealed: false,
        callTimeout,
      },
    );
    return new Export(buffers, row, ops, priv, dynamic, callTimeout);
  }

  /** Everything stands before anybody can see it. */
  #publish<P, B extends ExportedBuf<P>>(
    exported: Export<P>,
    make: (exported: Export<P>, reference: ReturnType<Buffers['publish']>) => B,
  ): B {
    this.#mine.set(exported.row, exported);
    const reference = this.buffers.publish(exported.row);
    reference.holders++;
    const buf = make(exported, reference);
    exported.buf = buf;
    return buf;
  }

  // ------------------------------------------------------------------------------------------- reaching exporters

  /** Who exports that buffer. @throws EOWNERDEAD it has gone */
  reach(op: string, buf: DmaBuf): ExporterPort {
    const reference = buf.use(op);
    const { buffers } = this;
    if (reference.sealed) return (reference.port ??= new SealedPort(buffers.sealed, reference));
    if (reference.exporter === 0) {
      return (reference.port ??= new HeapPort(() => buffers.table(reference)));
    }
    const mine = this.#mine.get(reference.row);
    if (reference.exporter === buffers.agent.tag && mine !== undefined) return mine;
    const at = { buffer: reference.id, exporter: reference.exporterName };
    if (!buffers.agent.serves(reference.exporter)) {
      throw fail('EOWNERDEAD', op, at, { why: 'the agent that exported the buffer has gone' });
    }
    return (reference.port ??= new RemotePort(buffers, reference));
  }

  /** CPU access to a buffer of an exporter of one's own: its hook, and for the bytes its mapping for CPUs, or an attachment. */
  *beginAccess(op: string, buf: DmaBuf, intent: CpuIntent): Operation<OpenSession> {
    const device = makeDevice(op, 'cpu');
    const port = this.reach(op, buf);
    const end = yield* port.beginCpuAccess(op, buf, intent);
    let viewed: Viewed | null = null;
    let attached: Attached | null = null;
    return {
      *map() {
        if (port.vmap !== undefined) {
          viewed = yield* port.vmap(op, buf);
          return viewed.table;
        }
        attached = yield* attachOperation(op, buf, device, null, (made) => made);
        const mapping = yield* mapOperation(op, attached, 'bidirectional');
        return mapping.table('map');
      },
      end() {
        viewed?.end();
        end();
        if (attached !== null) detachBehind(op, attached);
      },
    };
  }

  // ------------------------------------------------------------------------------------------- the end

  /** A row is RELEASING in this agent's name. */
  release(row: number): void {
    const { agent, life } = this.buffers;
    const mine = this.#mine.get(row);
    this.#mine.delete(row);
    const leaving = agent.slots.state(agent.slot) !== SlotState.LIVE;
    if (mine === undefined || leaving) {
      life.free(row);
      return;
    }
    agent.defer(() => {
      mine.release();
      life.free(row);
    });
  }
}

function checkOps(op: string, ops: object | null | undefined, needed: readonly string[]): void {
  const given = ops as Readonly<Record<string, unknown>> | null | undefined;
  for (const name of [...needed, ...OPTIONAL_OPS]) {
    const callback = given?.[name];
    if (typeof callback === 'function') continue;
    if (callback === undefined && !needed.includes(name)) continue;
    throw fail('EINVAL', op, { missing: name }, { why: `ops.${name} must be a function` });
  }
}
