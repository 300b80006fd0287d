// SPDX-License-Identifier: MIT
/**
 * buf/alloc-options — what every call that makes a heap buffer takes.
 */

import type { Reservation } from '../resv/index.js';

/** What a new buffer may be given. */
export interface AllocOptions {
  /** Up to 31 bytes of UTF-8 (never cut silently: EINVAL). */
  readonly name?: string;
  /** Default "system". */
  readonly heap?: string;
  /** A reservation to share with other buffers. Default: one of its own. */
  readonly resv?: Reservation;
}
