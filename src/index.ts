// SPDX-License-Identifier: MIT
/**
 * dmabuf — one buffer, many users, no copy.
 *
 * Five rules hold for everything below; a doc comment says so only where something differs.
 *
 *  R1 What you got, you close. Every object that was opened, attached, mapped, locked or acquired is closed once by whoever
 *     got it: by `using`, or by its named method. Nothing you call takes a handle away from you: `send` and `share` add a
 *     reference for the other side. Closing twice is harmless. Use after close throws ESTALE.
 *  R2 A plain name never waits. What may have to wait returns a Promise; its twin in `…Sync` blocks the thread (node:fs style);
 *     `try…` answers at once, with null or false for "not now".
 *  R3 Every wait takes `{ signal, timeout }`. Time out = DmaBufError ETIMEDOUT. Abort = rejects with `signal.reason`, as fetch
 *     does. No wait can outlive the agent it waits for: its death ends the wait with EOWNERDEAD.
 *  R4 Disposing never waits and never throws. What cannot be finished at once (an exporter in another agent has to be called,
 *     a lock is busy) is finished behind your back; `await domain.idle()` waits for that.
 *  R5 Handles belong to one agent. postMessage of a handle throws DataCloneError and says what to do instead.
 *
 * Units: bytes and milliseconds, unless the name says otherwise. Sequence numbers, ids and sizes are safe integers.
 * @packageDocumentation
 */

export {
  type AllocOptions,
  Attachment,
  type AttachmentInfo,
  ByteAccess,
  type ByteRange,
  CpuAccess,
  type CpuIntent,
  Device,
  type DeviceCaps,
  type Direction,
  DmaBuf,
  DynamicAttachment,
  DynamicExportedBuf,
  type DynamicExporterOps,
  type DynamicExportInfo,
  DynamicMapping,
  ExportedBuf,
  type ImporterOps,
  Mapping,
  type Member,
  Pin,
  type Readiness,
  type SealedOptions,
  type Segment,
  type Share,
  type SourceSegment,
  type StaticExporterOps,
  type StaticExportInfo,
  type ViewType,
} from './buf/index.js';
export {
  allocSealed,
  Domain,
  type DomainEventMap,
  type DomainHandle,
  type DomainOptions,
  GiB,
  KiB,
  MiB,
} from './domain/index.js';
export { DmaBufError, type ErrorCode } from './errors.js';
export {
  AnyFence,
  Fence,
  FenceChain,
  type FenceName,
  FenceSet,
  type SyncWaitOptions,
  Timeline,
  type WaitOptions,
} from './fence/index.js';
export {
  AddedHeap,
  Channel,
  type ChannelOptions,
  Delivery,
  type Heap,
  type HeapInfo,
  type Json,
  Pool,
  type PoolOptions,
  type SendOptions,
} from './heap/index.js';
export type { Support, WorkerLike } from './host/index.js';
export {
  AcquireContext,
  HeldLock,
  type LockOptions,
  LockSet,
  type LockSyncOptions,
  Reservation,
  ResvLock,
  type Usage,
} from './resv/index.js';
export type { DomainSnapshot } from './watch/index.js';
