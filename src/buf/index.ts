// SPDX-License-Identifier: MIT
/**
 * buf — the room's public face.
 *
 * `Buffers`, one per agent, is what the rooms above work with:
 *   registerHeap(heap) · registerNamer((row, generation, queues) => boolean) · registerPools(hook)
 *   checkNew(op, {name, resv}) → begin(op, {size, name, resv}, exporter): row → place(row, page, pages) → publish(row): Reference → handle(reference): DmaBuf
 *   abandon(row)                                 a row that came to nothing
 *   adopt(row, generation): DmaBuf | null        one more reference by name: from a message, or a ticket
 *   acquireIdle(row, pool): DmaBuf | null        out of a pool · retire(row): IDLE → gone · tryDie(row): after taking a name away
 *   rows                                         words of a row: nameInQueue, setWord('pool' | 'poolNext'), id, size, name …
 *   life                                         of(row), used, refers(slot, row), isLive(row, generation)
 *   attachments.all() · tickets.inFlight()       for snapshots
 *   sealed.make(op, size, options)                a buffer that only this agent writes to
 *   exports.static(info) · exports.dynamic(info) · openShare(buffers, op, share) · makeDevice(op, name, caps)
 *   attachOperation(op, buf, device, null, makeAttachment) · attachment.mapOperation(op, direction)   importing as a step of an operation
 *   callExporter(agent, call)                    one callback of somebody else's, with errors, time limit and giving up
 *   new TaskWait(agent, key, holds)              until this very agent has brought something about
 *   accessOperation(op, buf, intent, before)     CPU access that waits for `before` in place of the reservation
 *   beginOperation, endOperation(op, buf, intent)  the two halves of CPU access, without bytes
 *   exports.reach(op, buf).mmap?(op, range)      what the file of the buffer shows; dropSources(buffers, held) gives it back
 *   idle(): Promise<void> · close(): before leaving · leaks.track(handle)
 * A `DmaBuf` has, for other rooms: row, generation, buffers, readOnly, use(op): Reference (throws ESTALE when closed).
 */
export { accessOperation } from './access.js';
export type { AllocOptions } from './alloc-options.js';
export { attachOperation } from './attaching.js';
export { Attachment, makeAttachment } from './attachment.js';
export type { AttachmentView } from './attachment-rows.js';
export { type BufferPorts, Buffers, type NewBuffer } from './buffers.js';
export { ByteAccess, type ByteRange, type ViewType } from './byte-access.js';
export { CpuAccess } from './cpu-access.js';
export { type Begun, beginOperation, endOperation } from './cpu-sync.js';
export { Device, type DeviceCaps, makeDevice } from './device.js';
export type { CpuIntent, Direction } from './direction.js';
export { DmaBuf } from './dma-buf.js';
export { DynamicAttachment } from './dynamic-attachment.js';
export { DynamicMapping } from './dynamic-mapping.js';
export { DynamicExportedBuf, ExportedBuf } from './exported-buf.js';
export type {
  AttachmentInfo,
  DynamicExporterOps,
  DynamicExportInfo,
  SourceSegment,
  StaticExporterOps,
  StaticExportInfo,
} from './exporter.js';
export { callExporter, exporterError } from './exporter-call.js';
export type { Namer, PoolHook, SharedExporter } from './hooks.js';
export type { ImporterOps } from './importer.js';
export { bufferSections, Phase, TicketLayout } from './layout.js';
export type { Leak, Leaks, Remains, Watchable } from './leaks.js';
export { generationOf, type LifeHooks, phaseOf } from './life.js';
export { Mapping } from './mapping.js';
export type { Member } from './member.js';
export { Pin } from './pin.js';
export type { Shown } from './port.js';
export type { Readiness } from './readiness.js';
export type { Reference } from './reference.js';
export type { SealedOptions } from './sealed-buffers.js';
export type { BufferName, SealedFile, SealedMemory } from './sealed-memory.js';
export type { Segment, SgTable } from './sg-table.js';
export type { Share, ShareFields } from './share.js';
export { type Counted, openShare, receive, type ShareKind, send, takeBack } from './sharing.js';
export { dropSources } from './sources.js';
export { TaskWait } from './task-wait.js';
export { type Referred, Tickets } from './tickets.js';
