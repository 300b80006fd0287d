// SPDX-License-Identifier: MIT
/**
 * dmabuf/prime — handles for buffers, as graphics drivers have them: objects of a driver, clients that name them by small numbers, and
 * the two ways between a handle and a buffer; and sync objects, by which submissions are ordered. For drivers written in JavaScript, and
 * for those who port what was written to DRM.
 * @packageDocumentation
 */

export {
  type ClientInfo,
  DRM_CLOEXEC,
  DRM_RDWR,
  PrimeClient,
  PrimeDevice,
  type PrimeDomain,
  type PrimeDriver,
  type PrimeExport,
  type PrimeImport,
} from './prime/index.js';
export {
  SyncobjClient,
  type SyncobjDomain,
  SyncobjFd,
  type SyncobjTimelineWaitOptions,
  type SyncobjWaitOptions,
} from './syncobj/index.js';
