// SPDX-License-Identifier: MIT
/**
 * watch/watched — what this room looks at: the rooms of one agent, and nothing it could change through them.
 */

import type { Agent } from '../agent/index.js';
import type { Buffers } from '../buf/index.js';
import type { Fences } from '../fence/index.js';
import type { Reservations } from '../resv/index.js';

export interface Watched {
  readonly agent: Agent;
  readonly fences: Fences;
  readonly reservations: Reservations;
  readonly buffers: Buffers;
  /** Counts, as of now, the tickets and queued messages that name a generation of a buffer. */
  inFlight(): (row: number, generation: number) => number;
  /** The heaps there are. */
  readonly heaps: readonly {
    readonly name: string;
    readonly size: number;
    readonly used: number;
  }[];
}
