// SPDX-License-Identifier: MIT
/**
 * lane-messages — what the agents of the sharing modes tell each other beside the buffers: what a worker is told
 * when it starts, what the encoder reports at the end, and the names of the channels in between.
 */
import type { ChannelOptions } from 'dmabuf';
import type { FilterName } from './filters.js';
import type { Latency } from './job.js';
import type { Output } from './sink.js';

/** Aliases, not interfaces: only these are assignable to Json. */
export type FilterData = {
  readonly channel: string;
  readonly depth: number;
  readonly lane: number;
  readonly workers: number;
  readonly filter: FilterName;
  /** The Y4M header says all about the geometry. */
  readonly header: string;
};

export type EncoderData = {
  readonly depth: number;
  readonly workers: number;
  readonly header: string;
  readonly output: Output | null;
  readonly prefix: number;
};

export type Report = {
  readonly frames: number;
  readonly checksum: string;
  readonly prefixChecksum: string | null;
  readonly latency: Latency;
  /** Why the encoder gave up, for the user; null: all is well. */
  readonly failure: string | null;
};

export const ENCODE_CHANNEL = 'encode';
export const REPORT_CHANNEL = 'report';
export const REPORT_OPTIONS: ChannelOptions = { capacity: 1, metaBytes: 1024 };

/** Every frame of the pool finds room, so that submitting never waits for a slow worker: the pool is the limit. */
export function channelOptions(depth: number): ChannelOptions {
  return { capacity: depth };
}
