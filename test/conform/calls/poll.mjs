// SPDX-License-Identifier: MIT
// @ts-check
/**
 * conform/calls/poll — a look at readiness that leaves who looked waiting for what was not ready.
 *
 * Who waits is told by a wait of the file, one per direction, as Linux has one callback; the newest is told first. Who has given up the
 * last reference to the file is not told any more, but the wait goes on.
 */

import { numbers } from '../built.mjs';
import { withFile } from './file.mjs';

/** @import {Buffer, Session} from '../session.mjs' */
/** @import {Step} from '../types.js' */

/** In the order in which Linux looks. */
const KEYS = /** @type {const} */ (['OUT', 'IN']);
const BITS = { IN: numbers.POLLIN, OUT: numbers.POLLOUT };

/** @param {unknown} words "IN|OUT" */
const bitsOf = (words) =>
  KEYS.filter((key) => String(words).split('|').includes(key)).reduce(
    (sum, key) => sum | BITS[key],
    0,
  );

/** @param {number} bits */
const wordsOf = (bits) =>
  KEYS.toReversed()
    .filter((key) => (bits & BITS[key]) !== 0)
    .join('|');

/** @param {Session} session @param {Buffer} buffer @param {import('../../../src/file/index.js').DmaBufFile} file @param {'IN' | 'OUT'} key */
async function wait(session, buffer, file, key) {
  buffer.awaited.add(key);
  try {
    const bits = await file.poll(BITS[key]);
    buffer.awaited.delete(key);
    if (bits === 0 || buffer.handle.closed) return;
    for (const poller of buffer.pollers.toReversed()) {
      session.happen({ op: 'poll_wakeup', poller, key });
    }
  } catch {
    // The domain was left, and nobody asks any more.
  }
}

/** @param {Session} session @param {Step} step */
export function poll(session, step) {
  const { poller, asked } = step.args;
  const buffer = session.bufferOf(step);
  const name = String(poller);
  if (!buffer.pollers.includes(name)) buffer.pollers.push(name);
  return withFile(session, step, async (file) => {
    const wanted = bitsOf(asked);
    const ready = await file.poll(wanted, 0);
    for (const key of KEYS) {
      const missing = (wanted & ~ready & BITS[key]) !== 0;
      if (missing && !buffer.awaited.has(key)) void wait(session, buffer, file, key);
    }
    return wordsOf(ready);
  });
}

/** Everything has settled between any two steps. */
export function settle() {
  return null;
}
