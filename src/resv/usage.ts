// SPDX-License-Identifier: MIT
/**
 * resv/usage — why a fence is in a reservation, strongest first. A class includes those before it.
 *
 * @source enum dma_resv_usage
 */

import { fail, shown } from '../errors.js';

/**
 * Why a fence is in a reservation (enum dma_resv_usage), strongest first. Asking for a class always includes those before it:
 * wait for "write" before reading, for "read" before writing, for "bookkeep" before freeing or moving.
 */
export type Usage = 'kernel' | 'write' | 'read' | 'bookkeep';

/** Usages by their number in shared memory. */
export const USAGES = ['kernel', 'write', 'read', 'bookkeep'] as const satisfies readonly Usage[];

export const KERNEL = 0;
export const WRITE = 1;
export const BOOKKEEP = 3;

/** Shared-memory number of a usage. @throws EINVAL */
export function usageNumber(op: string, usage: unknown): number {
  const number = USAGES.indexOf(usage as Usage);
  if (number >= 0) return number;
  const why = `usage must be one of ${USAGES.join(', ')}`;
  throw fail('EINVAL', op, { usage: shown(usage) }, { why });
}

export function usageName(number: number): Usage {
  return USAGES[number] ?? 'bookkeep';
}
