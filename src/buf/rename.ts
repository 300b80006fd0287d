// SPDX-License-Identifier: MIT
/**
 * buf/rename — a new name, with the reservation lock held, unless somebody is attached.
 *
 * @source DMA_BUF_SET_NAME
 */

import type { Operation } from '../agent/index.js';
import { fail } from '../errors.js';
import type { Buffers } from './buffers.js';
import type { Reference } from './reference.js';

/** The name has been checked. A dead holder of the lock does no harm here, and stays known to the next one. */
export function* renameOperation(
  op: string,
  buffers: Buffers,
  reference: Reference,
  name: string,
): Operation<void> {
  reference.holders++;
  try {
    const lock = yield* reference.resv.lockOperation(op, { recover: true });
    try {
      if (buffers.rows.isAttached(reference.row)) {
        const why = 'the name cannot change while the buffer is attached';
        throw fail('EBUSY', op, { buffer: reference.id }, { why });
      }
      buffers.rows.setName(reference.row, name);
    } finally {
      lock.unlock();
    }
  } finally {
    buffers.drop(reference);
  }
}
