// SPDX-License-Identifier: MIT
/**
 * buf/late — callbacks of an exporter that go on after their caller has given up.
 *
 * They are not stopped. What they still bring is undone when it comes, and until then the attachment is not forgotten: the
 * exporter's detach is called after that, and holds the buffer until then.
 */

import type { HeldLock } from '../resv/index.js';
import type { Attached } from './attached.js';
import type { Hold } from './hold.js';

/**
 * The caller gives up; `hold` is what the callback runs under.
 * @param undo  what to do with the outcome.
 * @returns     to be called when the callback has ended; null = it failed, and there is nothing to undo.
 */
export function goOn<T>(
  attached: Attached,
  hold: Hold | null,
  undo: (of: T, lock?: HeldLock) => void,
): (outcome: { readonly of: T } | null) => void {
  const { agent } = attached.buffers;
  const outlived = hold?.outlive();
  attached.late++;
  const ended = (): void => {
    attached.late--;
    agent.ring(agent.slot, attached.key);
  };
  return (outcome) => {
    if (outlived !== undefined) {
      outlived(outcome === null ? null : (lock) => undo(outcome.of, lock), ended);
      return;
    }
    if (outcome !== null) undo(outcome.of);
    ended();
  };
}
