// SPDX-License-Identifier: MIT
/**
 * testing/made — looks at what a maker gave before anything is judged by it.
 */

import type { Domain } from 'dmabuf';
import { ConformanceError, messageOf } from './conformance-error.js';
import { inTime } from './in-time.js';
import type { ExporterUnderTest } from './maker.js';
import type { Monitor } from './monitor.js';

/** What the maker gave, if that is what a maker gives. @throws ConformanceError */
export async function made(
  monitor: Monitor,
  domain: Domain,
  make: () => Promise<ExporterUnderTest>,
): Promise<ExporterUnderTest> {
  const broken = (what: string, cause?: unknown): ConformanceError =>
    new ConformanceError('made-here', what, cause);
  let given: Partial<ExporterUnderTest> | null | undefined;
  try {
    const slow = (): Error => broken(`makeExporter took longer than ${2 * monitor.limit} ms`);
    given = await inTime(make(), 2 * monitor.limit, slow);
  } catch (error) {
    if (error instanceof ConformanceError) throw error;
    throw broken(`makeExporter failed: ${messageOf(error)}`, error);
  }
  const [breach] = monitor.breaches;
  if (breach !== undefined) throw new ConformanceError(breach.rule, breach.what, breach.cause);
  const buf = given?.buf;
  if (buf === undefined || typeof buf.attach !== 'function') throw broken('it gave no buffer');
  if (buf.closed) throw broken('the buffer is closed');
  if (buf.size === 0) throw broken('the buffer is empty: nothing can be seen in it');
  if (!domain.snapshot().buffers.some(({ id }) => id === buf.id)) {
    throw broken('the buffer is not in the domain that makeExporter was given');
  }
  if (buf.dynamic && typeof given?.move !== 'function') {
    throw broken('the buffer may move, and there is no move() to make it');
  }
  return given as ExporterUnderTest;
}
