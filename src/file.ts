// SPDX-License-Identifier: MIT
/**
 * dmabuf/file — what Linux gives to programs as files: sync files, and the fences of buffers as sync files.
 *
 * The rules of `dmabuf` hold here, too.
 * @packageDocumentation
 */

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
