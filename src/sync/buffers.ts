// SPDX-License-Identifier: MIT
/**
 * sync/buffers — from the fences of a buffer to a sync file, and back: implicit and explicit synchronisation meet here.
 *
 * @source dma_buf_export_sync_file, dma_buf_import_sync_file
 */

import { type CpuIntent, DmaBuf } from '../buf/index.js';
import { checkWait, fail, shown } from '../errors.js';
import type { Fence, WaitOptions } from '../fence/index.js';
import { MOST_RESERVED, type Usage } from '../resv/index.js';
import { checkName } from './names.js';
import { SyncFile } from './sync-file.js';
import { SyncFiles } from './sync-files.js';

/** What is going to be done with the buffer: it has to wait for these. @throws EINVAL */
function usageFor(op: string, access: unknown): Exclude<Usage, 'kernel' | 'bookkeep'> {
  if (access === 'read') return 'write';
  if (access === 'write' || access === 'read-write') return 'read';
  const why = 'access must be "read", "write" or "read-write"';
  throw fail('EINVAL', op, { access: shown(access) }, { why });
}

/** @throws EINVAL */
function checkBuf(op: string, buf: DmaBuf): void {
  if (buf instanceof DmaBuf) return;
  throw fail('EINVAL', op, { buf: shown(buf) }, { why: 'buf must be a DmaBuf' });
}

/**
 * The fences of a buffer as of now, as one sync file: for "read" those of its writers, else those of its readers too. Fences that
 * are added later are not in it. None: it has signalled. Takes no lock.
 * @param name  cut to 31 bytes; without one it is named after its fence.
 * @throws EINVAL · ESTALE
 * @example using ready = exportSyncFile(frame, 'read'); await ready.wait();
 * @source DMA_BUF_IOCTL_EXPORT_SYNC_FILE
 */
export function exportSyncFile(buf: DmaBuf, access: CpuIntent, name?: string): SyncFile {
  const op = 'exportSyncFile';
  checkBuf(op, buf);
  const usage = usageFor(op, access);
  const userName = checkName(op, name);
  return SyncFiles.of(op, buf).make(op, buf.resv.singleton(usage), userName);
}

/**
 * The fences of a sync file become fences of the buffer: of a reader for "read", else of a writer. Takes the reservation lock: while
 * you hold it yourself, this waits for you. Nothing to add: nothing is locked.
 * @throws EINVAL · ESTALE · EXDEV of another agent · ENOMEM no room, nothing was added · EOWNERDEAD the holder of the lock died ·
 *         ETIMEDOUT · the signal's reason
 * @example await importSyncFile(frame, rendered, 'write');
 * @source DMA_BUF_IOCTL_IMPORT_SYNC_FILE
 */
export async function importSyncFile(
  buf: DmaBuf,
  file: SyncFile,
  access: CpuIntent,
  options?: WaitOptions,
): Promise<void> {
  const op = 'importSyncFile';
  checkBuf(op, buf);
  const usage = usageFor(op, access) === 'write' ? 'read' : 'write';
  if (!(file instanceof SyncFile)) {
    throw fail('EINVAL', op, { file: shown(file) }, { why: 'file must be a SyncFile' });
  }
  checkWait(op, options);
  const { fence } = file;
  const { buffers } = buf;
  const reference = buf.use(op);
  if (fence.source !== null && fence.source !== buffers.fences) {
    throw fail('EXDEV', op, fence.details, { why: 'the sync file belongs to another agent' });
  }
  const points = fence.leaves.filter(isOfUse);
  if (points.length === 0) return;
  if (points.length > MOST_RESERVED) {
    const why = `at most ${MOST_RESERVED} fences can be added at once: merge what is of one timeline`;
    throw fail('ENOMEM', op, { fences: points.length }, { why });
  }
  reference.holders++; // the handle may be closed meanwhile: the lock must not become the next buffer's
  try {
    using lock = await reference.resv.lock(options);
    lock.reserve(points.length);
    for (const point of points) lock.add(point, usage);
  } finally {
    buffers.drop(reference);
  }
}

/** What has signalled and is in no record any more has nothing to say, unless it failed. */
function isOfUse(point: Fence): boolean {
  return point.source !== null || point.error !== null;
}
