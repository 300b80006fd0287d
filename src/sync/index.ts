// SPDX-License-Identifier: MIT
/**
 * sync — the room's public face.
 *
 * `SyncFiles`, one per agent, is what the rooms above work with:
 *   make(op, fence, name): SyncFile               tickets, rows: for recovery and for snapshots
 *   close(): before leaving, and before the buffers are closed
 */
export { exportSyncFile, importSyncFile } from './buffers.js';
export type { SyncFenceInfo, SyncFileInfo, SyncStatus } from './info.js';
export { syncSections } from './layout.js';
export { SoftwareTimeline } from './software-timeline.js';
export type { SyncDomain } from './sync-domain.js';
export { SyncFile, type SyncShare } from './sync-file.js';
export { SyncFiles } from './sync-files.js';
