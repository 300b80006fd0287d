// SPDX-License-Identifier: MIT
/**
 * testing/maker — what the author of an exporter gives the kit, and may tell it.
 */

import type { DmaBuf, Domain, HeldLock } from 'dmabuf';

/** One fresh buffer of the exporter under test. */
export interface ExporterUnderTest {
  /** What `domain.export()` or `domain.dynamicExport()` returned, or a buffer of a heap. The kit closes it. */
  readonly buf: DmaBuf;
  /**
   * Dynamic exporters: moves the memory to another place, for once, with the lock held. Rejects with EBUSY while it may not move.
   */
  move?(lock: HeldLock): void | Promise<void>;
}

/**
 * Makes a buffer in `domain`, which is the kit's own and empty: take all memory from there. Called once or more per case. A buffer
 * of a few pages is enough, and makes the cases quick.
 */
export type MakeExporter = (domain: Domain) => ExporterUnderTest | Promise<ExporterUnderTest>;

/** What the kit may be told. */
export interface ConformanceOptions {
  /**
   * Yields only the cases that apply, and checks that the exporter is of this kind. Without it all cases are there, and those about
   * moving end at once for an exporter whose memory does not move.
   */
  readonly kind?: 'static' | 'dynamic';
  /** Milliseconds that a callback, or a move, may take. Default 2 000. */
  readonly timeout?: number;
  /** Bytes of the heap of the domains that the kit makes. Default 64 MiB. */
  readonly heap?: number;
  /**
   * Where the agents live that the kit has beside its own: in threads, or in processes (Linux, with koffi: `Domain.support()`), where
   * no address is the same. Default 'thread'.
   */
  readonly host?: 'thread' | 'process';
  /**
   * A module that such an agent can import, and that exports `makeExporter`: the same as the first argument. With it, there are
   * cases about the death of the exporter.
   */
  readonly module?: URL | string;
}
