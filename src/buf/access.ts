// SPDX-License-Identifier: MIT
/**
 * buf/access — CPU access: the exporter's hook, the fences in the way, then the bytes.
 *
 * The hook comes before the wait, as the exporter may know a better way to have the work over; what it began is ended again when
 * the wait fails. A WRITE fence that failed left undefined bytes behind: who wants to read them learns its error (D-9).
 *
 * @source dma_buf_begin_cpu_access, dma_buf_end_cpu_access
 */

import type { Operation } from '../agent/index.js';
import { fail } from '../errors.js';
import type { Usage } from '../resv/index.js';
import { type AccessSession, type CpuAccess, makeCpuAccess } from './cpu-access.js';
import { type CpuIntent, usageBefore } from './direction.js';
import type { DmaBuf } from './dma-buf.js';
import type { Reference } from './reference.js';
import type { SgTable } from './sg-table.js';

function checkRights(op: string, buf: DmaBuf, intent: CpuIntent): void {
  if (!buf.readOnly || intent === 'read') return;
  throw fail('EACCES', op, { buffer: buf.id, intent }, { why: buf.readOnlyWhy });
}

function checkContent(op: string, { resv, id }: Reference, intent: CpuIntent): void {
  if (intent === 'write') return;
  const error = resv.writeError();
  if (error === null) return;
  const why = 'the last write to this buffer failed, so its content is undefined';
  throw fail(error, op, { buffer: id }, { why });
}

/** Its bytes are not at hand: an exporter of one's own has to be called, or its memory to be opened. */
function isCalled({ exporter, table }: Reference): boolean {
  return exporter !== 0 && table === null;
}

/** null when it would have to wait, or to call an exporter. @throws EINVAL · ESTALE · EACCES · the error of a failed WRITE */
export function tryAccess(op: string, buf: DmaBuf, intent: CpuIntent): CpuAccess | null {
  const reference = buf.use(op);
  const usage = usageBefore(op, intent);
  checkRights(op, buf, intent);
  if (isCalled(reference) || !reference.resv.test(usage)) return null;
  checkContent(op, reference, intent);
  return beginNow(buf, reference, intent);
}

/** A blocking call must not wait for a fence that its own thread would have to signal. @throws EDEADLK */
export function refuseOwnFences(op: string, { resv, id }: Reference, usage: Usage): void {
  if (!resv.owedHere(usage)) return;
  const why = 'this thread has to signal a fence in the way, and could not while it blocks';
  throw fail('EDEADLK', op, { buffer: id }, { why });
}

/** Without looking at fences: who calls has waited for those that matter. Only where the bytes are at hand. */
function beginNow(buf: DmaBuf, reference: Reference, intent: CpuIntent): CpuAccess {
  const { buffers } = buf;
  const table = reference.table ?? buffers.table(reference);
  reference.holders++;
  return makeCpuAccess(buffers, reference, intent, table, null);
}

/**
 * CPU access to any buffer.
 * @param before  what to wait for in place of the reservation's fences: a Delivery waits for what came before its own.
 */
export function* accessOperation(
  op: string,
  buf: DmaBuf,
  intent: CpuIntent,
  before: Operation<void> | null = null,
): Operation<CpuAccess> {
  const { buffers } = buf;
  const reference = buf.use(op);
  const usage = usageBefore(op, intent);
  checkRights(op, buf, intent);
  reference.holders++;
  let session: OpenSession | null = null;
  try {
    if (isCalled(reference)) session = yield* buffers.exports.beginAccess(op, buf, intent);
    if (before !== null) yield* before;
    else {
      yield* reference.resv.waitOperation(op, usage);
      checkContent(op, reference, intent);
    }
    if (session === null) return beginNow(buf, reference, intent);
    const table = yield* session.map(op);
    reference.holders++;
    return makeCpuAccess(buffers, reference, intent, table, session);
  } catch (error) {
    session?.end(intent);
    throw error;
  } finally {
    buffers.drop(reference);
  }
}

/** CPU access that an exporter of one's own has been told of. */
export interface OpenSession extends AccessSession {
  /** Where the bytes are. */
  map(op: string): Operation<SgTable>;
}
