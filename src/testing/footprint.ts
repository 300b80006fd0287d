// SPDX-License-Identifier: MIT
/**
 * testing/footprint — what is in use in a domain, to be compared.
 */

import type { Domain } from 'dmabuf';

export interface Footprint {
  readonly bytes: number;
  /** Handles, accesses, mappings, attachments, tickets and queued messages that refer to buffers. */
  readonly references: number;
}

export function footprintOf(domain: Domain): Footprint {
  const { heaps, buffers } = domain.snapshot();
  return {
    bytes: heaps.reduce((sum, { used }) => sum + used, 0),
    references: buffers.reduce((sum, { refs, inFlight, attachments }) => {
      const handles = Object.values(refs).reduce((all, count) => all + count, 0);
      return sum + handles + inFlight + attachments.length;
    }, 0),
  };
}

/** What the first has more than the second, in words; null = nothing. */
export function excess(now: Footprint, before: Footprint): string | null {
  if (now.bytes > before.bytes) return `${now.bytes - before.bytes} bytes`;
  if (now.references > before.references) {
    return `${now.references - before.references} references to buffers`;
  }
  return null;
}
