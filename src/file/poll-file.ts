// SPDX-License-Identifier: MIT
/**
 * file/poll-file — readiness, in Linux's numbers: what is ready, or 0 when time runs out.
 */

import type { DmaBuf } from '../buf/index.js';
import { checkWait, DmaBufError } from '../errors.js';
import type { WaitOptions } from '../fence/index.js';
import { POLLERR, POLLIN, POLLOUT } from './numbers.js';

/** What is ready now. */
function readyNow(buf: DmaBuf): number {
  const { readable, writable } = buf.poll();
  return (readable ? POLLIN : 0) | (writable ? POLLOUT : 0);
}

/** Who is ready to write is ready to read: so reading is what to wait for, if it was asked for. */
export async function pollFile(
  op: string,
  buf: DmaBuf,
  events: number,
  options: WaitOptions,
): Promise<number> {
  checkWait(op, options);
  if (buf.buffers.agent.left) return POLLERR;
  const asked = events & (POLLIN | POLLOUT);
  if (asked === 0) return 0;
  const ready = readyNow(buf) & asked;
  if (ready !== 0 || options.timeout === 0) return ready;
  const awaited = (asked & POLLIN) === 0 ? POLLOUT : POLLIN;
  // The file may be closed meanwhile: who polls has the buffer until he is told.
  using held = buf.dup();
  try {
    await (awaited === POLLIN ? held.readable(options) : held.writable(options));
    return (readyNow(held) | awaited) & asked;
  } catch (error) {
    if (DmaBufError.is(error, 'ETIMEDOUT')) return 0;
    throw error;
  }
}
