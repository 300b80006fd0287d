// SPDX-License-Identifier: MIT
/**
 * buf/exporter — what an exporter of one's own promises: its callbacks, and when they run.
 *
 * attach, detach, beginCpuAccess, endCpuAccess and release run with no lock held. map and unmap of a static exporter too; map,
 * unmap, pin and unpin of a dynamic one, and vmap and vunmap of either, run with the reservation lock held, and are given it.
 *
 * @source struct dma_buf_ops, struct dma_buf_export_info
 */

import type { HeldLock, Reservation } from '../resv/index.js';
import type { ByteRange } from './byte-access.js';
import type { Device } from './device.js';
import type { CpuIntent, Direction } from './direction.js';
import type { DmaBuf } from './dma-buf.js';
import type { ExportedBuf } from './exported-buf.js';

/** Memory for others: ranges of heap buffers, so that every thread and process can reach it. */
export interface SourceSegment {
  readonly of: DmaBuf;
  readonly offset: number;
  readonly length: number;
}

/** An attachment, as its exporter sees it: the same object in every callback. */
export interface AttachmentInfo<P> {
  readonly buf: ExportedBuf<P>;
  readonly device: Device;
  readonly dynamic: boolean;
}

interface CommonOps<P> extends VmapOps<P> {
  /** Private data of the attachment = what you close over. Throw EBUSY when the device cannot reach the memory. No lock held. */
  attach?(att: AttachmentInfo<P>): void | Promise<void>;
  detach?(att: AttachmentInfo<P>): void | Promise<void>;
  beginCpuAccess?(buf: ExportedBuf<P>, intent: CpuIntent): void | Promise<void>;
  endCpuAccess?(buf: ExportedBuf<P>, intent: CpuIntent): void | Promise<void>;
  /**
   * What programs see that map the file of the buffer: these bytes of it, in whole pages. No lock held. It is theirs until they unmap it,
   * and nobody tells you of that. Without it the file cannot be mapped.
   */
  mmap?(
    buf: ExportedBuf<P>,
    range: Required<ByteRange>,
  ): readonly SourceSegment[] | Promise<readonly SourceSegment[]>;
  /** The last reference is gone; no lock held. */
  release(priv: P): void;
}

/** One mapping for the CPU, which all accesses share. With the lock held, for you, and shown. */
interface VmapOps<P> {
  /** For the first access; without it each access maps as a device named "cpu". */
  vmap?(
    buf: ExportedBuf<P>,
    lock: HeldLock,
  ): readonly SourceSegment[] | Promise<readonly SourceSegment[]>;
  /** After the last one. */
  vunmap?(buf: ExportedBuf<P>, segments: readonly SourceSegment[], lock: HeldLock): void;
}

/** Memory that stays where it is while attached. map/unmap run without the lock. @source struct dma_buf_ops */
export interface StaticExporterOps<P> extends CommonOps<P> {
  map(
    att: AttachmentInfo<P>,
    direction: Direction,
  ): readonly SourceSegment[] | Promise<readonly SourceSegment[]>;
  unmap(att: AttachmentInfo<P>, segments: readonly SourceSegment[], direction: Direction): void;
  /** Keep the first mapping until detach. (cache_sgt_mapping) */
  readonly cacheMapping?: boolean;
}

/** Memory that may move. All four run with the lock held, by you or for you, and are given it. @source struct dma_buf_ops */
export interface DynamicExporterOps<P> extends CommonOps<P> {
  map(
    att: AttachmentInfo<P>,
    direction: Direction,
    lock: HeldLock,
  ): readonly SourceSegment[] | Promise<readonly SourceSegment[]>;
  unmap(
    att: AttachmentInfo<P>,
    segments: readonly SourceSegment[],
    direction: Direction,
    lock: HeldLock,
  ): void;
  pin(att: AttachmentInfo<P>, lock: HeldLock): void | Promise<void>;
  unpin(att: AttachmentInfo<P>, lock: HeldLock): void;
}

interface CommonInfo<P> {
  readonly exporter: string;
  readonly size: number;
  readonly priv: P;
  readonly name?: string;
  readonly resv?: Reservation;
  /** A call into this exporter that takes longer fails the importer with ETIMEDOUT. Default 5 000. */
  readonly callTimeout?: number;
}

/** What domain.export() takes. (struct dma_buf_export_info) */
export interface StaticExportInfo<P> extends CommonInfo<P> {
  readonly ops: StaticExporterOps<P>;
}

/** What domain.dynamicExport() takes. */
export interface DynamicExportInfo<P> extends CommonInfo<P> {
  readonly ops: DynamicExporterOps<P>;
}
