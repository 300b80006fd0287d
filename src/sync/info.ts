// SPDX-License-Identifier: MIT
/**
 * sync/info — what there is to know of a sync file, by the rules of SYNC_IOC_FILE_INFO.
 *
 * Two answers to one question, as in Linux: asked without its fences, the status is that of the one fence, and a set answers for
 * itself. Asked with them, it is that of the first that is not 1, and later ones are not looked at.
 */

import { checkInteger, checkObject, type ErrorCode, fail } from '../errors.js';
import type { AnyFence, Fences } from '../fence/index.js';
import { originOf } from './names.js';

/** 0 = active, 1 = signalled, else the error it signalled with. (dma_fence_get_status) */
export type SyncStatus = 0 | 1 | ErrorCode;

/** One fence of a sync file. (struct sync_fence_info) */
export interface SyncFenceInfo {
  /** Of its timeline; empty when that was closed. */
  readonly timeline: string;
  readonly driver: string;
  readonly status: SyncStatus;
  /** Milliseconds since the epoch; null while active. */
  readonly timestamp: number | null;
}

/** (struct sync_file_info) */
export interface SyncFileInfo {
  readonly name: string;
  readonly status: SyncStatus;
  /** Fences that it is made of, signalled ones too. */
  readonly count: number;
  /** Those, when they were asked for; else empty. */
  readonly fences: readonly SyncFenceInfo[];
}

export function statusOf({ signaled, error }: AnyFence): SyncStatus {
  return signaled ? (error ?? 1) : 0;
}

/** What info() may be told: room for how many fences. @throws EINVAL */
export function roomIn(op: string, options: { readonly fences?: number } | undefined): number {
  if (options === undefined) return 0;
  checkObject(op, 'options', options);
  return options.fences === undefined ? 0 : checkInteger(op, 'fences', options.fences, 0);
}

/** @throws EINVAL not enough room */
export function infoOf(
  op: string,
  fences: Fences,
  { name, fence }: { readonly name: string; readonly fence: AnyFence },
  room: number,
): SyncFileInfo {
  const points = fence.leaves;
  const count = points.length;
  if (room === 0) return { name, status: statusOf(fence), count, fences: [] };
  if (room < count) {
    const why = `it has ${count} fences: ask for as many, or for none to learn how many`;
    throw fail('EINVAL', op, { fences: room }, { why });
  }
  const each = points.map((point) => {
    const { timestamp } = point;
    return { ...originOf(fences, point), status: statusOf(point), timestamp };
  });
  const status = each.find((info) => info.status !== 1)?.status ?? 1;
  return { name, status, count, fences: each };
}
