// SPDX-License-Identifier: MIT
/**
 * buf/cpu-sync — CPU access in two calls that know nothing of each other, as the ioctl of a buffer's file has it: the exporter's hook
 * and the fences in the way, but no bytes.
 *
 * Nobody pairs them. Where the exporter lives in another agent an end needs the name of its beginning, so that is kept by who began.
 *
 * @source dma_buf_begin_cpu_access, dma_buf_end_cpu_access
 */

import type { Operation } from '../agent/index.js';
import { type CpuIntent, usageBefore } from './direction.js';
import type { DmaBuf } from './dma-buf.js';

/** What was begun with an exporter in another agent, and only there. */
export interface Begun {
  readonly intent: CpuIntent;
  end(): void;
}

/** The hook, then the fences in the way. A wait that fails leaves the hook called, as in Linux: begin anew. */
export function* beginOperation(
  op: string,
  buf: DmaBuf,
  intent: CpuIntent,
): Operation<Begun | null> {
  const { buffers } = buf;
  const reference = buf.use(op);
  const usage = usageBefore(op, intent);
  reference.holders++;
  let end: (() => void) | null = null;
  try {
    const port = buffers.exports.reach(op, buf);
    const ended = yield* port.beginCpuAccess(op, buf, intent);
    if (port.endCpuAccess === undefined) end = ended;
    yield* reference.resv.waitOperation(op, usage);
    return end === null ? null : { intent, end };
  } catch (error) {
    end?.();
    throw error;
  } finally {
    buffers.drop(reference);
  }
}

/** The hook alone: nothing is waited for. `begun`: what this ends, where it was kept. */
export function* endOperation(
  op: string,
  buf: DmaBuf,
  intent: CpuIntent,
  begun: Begun | null,
): Operation<void> {
  const { buffers } = buf;
  const reference = buf.use(op);
  reference.holders++;
  try {
    const port = buffers.exports.reach(op, buf);
    if (port.endCpuAccess !== undefined) yield* port.endCpuAccess(op, intent);
    else begun?.end();
  } finally {
    buffers.drop(reference);
  }
}
