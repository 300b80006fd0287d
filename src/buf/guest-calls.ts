// SPDX-License-Identifier: MIT
/**
 * buf/guest-calls — what calls of importers in other agents have in common, in the exporter's agent.
 */

import type { Answer, Incoming, Message, Operation } from '../agent/index.js';
import { fail } from '../errors.js';
import type { BorrowedLock } from '../resv/index.js';
import type { Buffers } from './buffers.js';
import type { DmaBuf } from './dma-buf.js';
import { exporterError } from './exporter-call.js';

export type Call = Incoming<BorrowedLock>;

export const nothing = (): void => {};
/** Done, and nothing to say. */
export const DONE: Answer = { write: nothing, undo: nothing };

/** What a guest calls something: names of different agents, and of different lives of a slot, are different. */
export const keyOf = (owner: number, name: number): string => `${owner}:${name}`;

/** Serves calls of one kind. What is thrown here arrives there: as a DmaBufError, whatever it was. */
export function serve(
  { calls }: Buffers,
  kind: number,
  handler: (call: Call) => Operation<Answer>,
): void {
  calls.handle(kind, function* typed(call) {
    try {
      return yield* handler(call);
    } catch (error) {
      throw exporterError('exporter', error);
    }
  });
}

/** A handle of this agent's own on the buffer that the message names. @throws ESTALE */
export function adopt(buffers: Buffers, op: string, message: Message): DmaBuf {
  const [row, generation] = [message.word(), message.word()];
  const buf = buffers.adopt(row, generation);
  if (buf !== null) return buf;
  throw fail('ESTALE', op, {}, { why: 'the buffer is gone' });
}
