// SPDX-License-Identifier: MIT
/**
 * file/flags — what the flags of a command say is going to be done with the buffer.
 */

import type { CpuIntent } from '../buf/index.js';
import { fail, shown } from '../errors.js';
import { DMA_BUF_SYNC_END, DMA_BUF_SYNC_READ, DMA_BUF_SYNC_RW } from './numbers.js';

/** No other bit than `known`, and a direction. @throws EINVAL */
function intentOf(op: string, flags: unknown, known: number): CpuIntent {
  const isKnown = typeof flags === 'number' && flags >= 0 && flags <= known;
  const direction = isKnown && Number.isInteger(flags) ? flags & DMA_BUF_SYNC_RW : 0;
  if (direction === DMA_BUF_SYNC_RW) return 'read-write';
  if (direction !== 0) return direction === DMA_BUF_SYNC_READ ? 'read' : 'write';
  const end = known === DMA_BUF_SYNC_RW ? '' : ', and START or END';
  const why = `flags must be DMA_BUF_SYNC_READ, WRITE or RW${end}`;
  throw fail('EINVAL', op, { flags: shown(flags) }, { why });
}

/** @throws EINVAL */
export function accessIn(op: string, flags: unknown): CpuIntent {
  return intentOf(op, flags, DMA_BUF_SYNC_RW);
}

/** @throws EINVAL */
export function syncIn(
  op: string,
  flags: unknown,
): { readonly intent: CpuIntent; readonly ends: boolean } {
  const intent = intentOf(op, flags, DMA_BUF_SYNC_RW | DMA_BUF_SYNC_END);
  return { intent, ends: (Number(flags) & DMA_BUF_SYNC_END) !== 0 };
}
