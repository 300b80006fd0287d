// SPDX-License-Identifier: MIT
/**
 * heap/channel-options — what channels and messages may be told, checked.
 */

import { checkInteger, fail, shown } from '../errors.js';
import type { WaitOptions } from '../fence/index.js';
import { byteLength } from '../mem/index.js';
import { MAX_CAPACITY, MAX_META } from './channel-layout.js';

/** Anything JSON can say. For data that travels beside a buffer, not in it. */
export type Json =
  | string
  | number
  | boolean
  | null
  | readonly Json[]
  | { readonly [key: string]: Json };

export interface ChannelOptions {
  /** Buffers that may queue. Default 8. */
  readonly capacity?: number;
  /**
   * "wait" (default): send() waits. "drop-oldest": the longest queued goes, its fence fails ECANCELED. "drop-new": this one goes.
   * Counted in `dropped`.
   */
  readonly onFull?: 'wait' | 'drop-oldest' | 'drop-new';
  /** Bytes for `meta` per message. Default 256. */
  readonly metaBytes?: number;
}

export interface SendOptions extends WaitOptions {
  /** An integer that costs nothing: frame number, band, opcode. Default 0. */
  readonly tag?: number;
  /** A little JSON. @throws ENOSPC longer than metaBytes */
  readonly meta?: Json;
}

/** What a message says beside its buffer. */
export type MessageOptions = Pick<SendOptions, 'tag' | 'meta'>;

/** What a full channel does; the order is layout. */
export const POLICIES = ['wait', 'drop-oldest', 'drop-new'] as const;
export type Policy = (typeof POLICIES)[number];

/** Options that were given, checked. */
export interface KnownOptions {
  readonly capacity: number | undefined;
  readonly policy: Policy | undefined;
  readonly metaBytes: number | undefined;
}

/** @throws EINVAL naming the option and its value */
export function checkOptions(op: string, options: ChannelOptions): KnownOptions {
  const { capacity, onFull, metaBytes } = options;
  if (capacity !== undefined) checkInteger(op, 'capacity', capacity, 1, MAX_CAPACITY);
  if (metaBytes !== undefined) checkInteger(op, 'metaBytes', metaBytes, 0, MAX_META);
  if (onFull !== undefined && !POLICIES.includes(onFull)) {
    const why = `onFull must be one of ${POLICIES.join(', ')}`;
    throw fail('EINVAL', op, { onFull: shown(onFull) }, { why });
  }
  return { capacity, policy: onFull, metaBytes };
}

/** @throws EINVAL */
export function checkTag(op: string, tag: unknown): number {
  if (tag === undefined) return 0;
  return checkInteger(op, 'tag', tag, Number.MIN_SAFE_INTEGER);
}

/** The text of it; null = there is none. @throws EINVAL not JSON · ENOSPC */
export function encodeMeta(op: string, meta: unknown, metaBytes: number): string | null {
  if (meta === undefined || meta === null) return null;
  let text: string | undefined;
  try {
    text = JSON.stringify(meta) as string | undefined;
  } catch (cause) {
    throw fail('EINVAL', op, { meta: shown(meta) }, { why: 'meta must be JSON', cause });
  }
  if (text === undefined) {
    throw fail('EINVAL', op, { meta: shown(meta) }, { why: 'meta must be JSON' });
  }
  // No character takes more than three bytes per UTF-16 unit.
  if (3 * text.length <= metaBytes) return text;
  const bytes = byteLength(text);
  if (bytes <= metaBytes) return text;
  const why =
    'meta is longer than the metaBytes of the channel: shorten it, or send it in a buffer';
  throw fail('ENOSPC', op, { bytes, metaBytes }, { why });
}
