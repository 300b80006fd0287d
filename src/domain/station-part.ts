// SPDX-License-Identifier: MIT
/**
 * domain/station-part — what the threads of a process have in common in a domain of processes. Structured-cloneable: it goes along to
 * every thread that joins.
 */

import type { Station } from '../host/index.js';

export interface StationPart {
  /** Of the broker's socket. */
  readonly path: string;
  /** Id of the user whose domain it is: his processes serve it. */
  readonly owner: number;
  readonly own: Station;
  readonly slabs: readonly SharedArrayBuffer[];
  /** Of all slabs but the last. */
  readonly slabBytes: number;
}
