// SPDX-License-Identifier: MIT
/**
 * heap/channel-waits — sending and receiving when there is no room, or no message: the part that waits.
 *
 * Each stands in the channel's line (see line) and tries again whenever it is let in.
 */

import type { Interrupt, Operation } from '../agent/index.js';
import type { DmaBuf } from '../buf/index.js';
import { type DmaBufError, fail } from '../errors.js';
import type { ChannelLink, Party } from './channel-link.js';
import type { Delivery } from './delivery.js';
import { LineWait } from './line.js';

/** A handle was closed while something waited on it. */
export function closedError(op: string, link: ChannelLink): DmaBufError {
  return fail('ESTALE', op, { channel: link.name }, { why: 'this channel was closed here' });
}

/** After a wait: throws what ended it, and lets the next one look. */
export function afterWait(
  op: string,
  link: ChannelLink,
  wait: LineWait,
  party: Party,
  interrupt: Interrupt | null,
): void {
  if (interrupt === null && !party.closed) return;
  wait.line.wake();
  throw interrupt?.error(op, { channel: link.name }) ?? closedError(op, link);
}

/** The buffer is kept while this waits, whatever becomes of the sender's handle. */
export function* sending(
  op: string,
  link: ChannelLink,
  party: Party,
  buf: DmaBuf,
  tag: number,
  text: string | null,
  blocking: boolean,
): Operation<void> {
  const kept = buf.dup();
  try {
    // Without receivers it goes on: there may be a next one.
    const wait = new LineWait(link.senders, () => party.closed || link.hasEnded, blocking);
    for (;;) {
      afterWait(op, link, wait, party, yield wait);
      if (link.offer(op, kept, tag, text, true) !== 'full') break;
      link.senders.lost(wait);
    }
    link.senders.wake();
  } finally {
    kept.close();
  }
}

export function* receiving(
  op: string,
  link: ChannelLink,
  party: Party,
  blocking: boolean,
): Operation<Delivery> {
  const isOver = (): boolean => party.closed || (link.mayBeOver && link.over !== null);
  const wait = new LineWait(link.receivers, isOver, blocking);
  for (;;) {
    afterWait(op, link, wait, party, yield wait);
    const delivery = link.poll(true);
    if (delivery !== null) {
      link.receivers.wake();
      return delivery;
    }
    const { over } = link;
    if (over !== null) throw link.overError(op, over);
    link.receivers.lost(wait);
  }
}
