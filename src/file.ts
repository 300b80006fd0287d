// SPDX-License-Identifier: MIT
/**
 * dmabuf/file — what Linux gives to programs as files: the file of a buffer, sync files, and the fences of buffers as sync files.
 *
 * The rules of `dmabuf` hold here, too.
 * @packageDocumentation
 */

export * from './file/index.js';
export {
  exportSyncFile,
  importSyncFile,
  type SyncDomain,
  type SyncFenceInfo,
  SyncFile,
  type SyncFileInfo,
  type SyncShare,
  type SyncStatus,
} from './sync/index.js';
