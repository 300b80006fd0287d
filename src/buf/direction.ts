// SPDX-License-Identifier: MIT
/**
 * buf/direction — which way data moves, and what that asks of a cached mapping and of a read-only reference.
 *
 * @source enum dma_data_direction, DMA_BUF_SYNC_READ, _WRITE, _RW
 */

import { fail, shown } from '../errors.js';
import type { Usage } from '../resv/index.js';

/** Which way a DEVICE moves the data (enum dma_data_direction). */
export type Direction = 'bidirectional' | 'to-device' | 'from-device';

/** What the CPU is going to do (DMA_BUF_SYNC_READ, _WRITE, _RW). */
export type CpuIntent = 'read' | 'write' | 'read-write';

/** In the order in which calls between agents number them. */
export const DIRECTIONS: readonly Direction[] = ['bidirectional', 'to-device', 'from-device'];
export const CPU_INTENTS: readonly CpuIntent[] = ['read', 'write', 'read-write'];

/** What an importer has to be over with before the CPU may do this. @throws EINVAL */
export function usageBefore(op: string, intent: unknown): Usage {
  if (intent === 'read') return 'write';
  if (intent === 'write' || intent === 'read-write') return 'read';
  const why = 'intent must be "read", "write" or "read-write"';
  throw fail('EINVAL', op, { intent: shown(intent) }, { why });
}

/** @throws EINVAL */
export function checkDirection(op: string, direction: unknown): Direction {
  if (direction === 'to-device' || direction === 'from-device' || direction === 'bidirectional') {
    return direction;
  }
  const why = 'direction must be "to-device", "from-device" or "bidirectional"';
  throw fail('EINVAL', op, { direction: shown(direction) }, { why });
}

/** Does a mapping that was made for `kept` serve a request for `asked`? A cached mapping never widens. */
export function serves(kept: Direction, asked: Direction): boolean {
  return kept === asked || kept === 'bidirectional';
}
