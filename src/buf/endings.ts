// SPDX-License-Identifier: MIT
/**
 * buf/endings — what importers of this agent have ended, on its way to the exporter's agent.
 *
 * Unmap, unpin and the end of an access do not wait for the exporter. They are collected, and go out together, in one call: when the
 * event loop turns, before the thread blocks, or when there are many. One such call is under way to an agent at a time, so one that
 * does not answer takes one record, and what was ended is in order.
 */

import type { Asked, Message, Operation, Request } from '../agent/index.js';
import { DmaBufError } from '../errors.js';
import type { Buffers } from './buffers.js';
import { CallKind } from './call-kinds.js';

/** By the names of the exporter's agent. An access has no attachment: 0. */
export interface Ending {
  readonly kind: EndingKind;
  readonly attachment: number;
  readonly id: number;
}

const KINDS = ['detach', 'unmap', 'unpin', 'access'] as const;
export type EndingKind = (typeof KINDS)[number];

/** Words of one. */
const WORDS = 3;
/** So many do not wait for the event loop. */
const MANY = 64;

interface Lane {
  readonly waiting: Ending[];
  /** The call that is under way. */
  call: Asked<void> | null;
  /** A task sees to it that all of it goes out. */
  sending: boolean;
}

export class Endings {
  /** By the tag of the exporter's agent. */
  readonly #lanes = new Map<number, Lane>();

  constructor(readonly buffers: Buffers) {
    buffers.agent.onBlock(() => this.#sendAll());
  }

  /** Goes out soon; an exporter that has gone has ended it all. */
  add(exporter: number, ending: Ending): void {
    let lane = this.#lanes.get(exporter);
    if (lane === undefined) {
      lane = { waiting: [], call: null, sending: false };
      this.#lanes.set(exporter, lane);
    }
    lane.waiting.push(ending);
    const { length } = lane.waiting;
    if (length % MANY === 0) this.#send(exporter, lane);
    if (length > 1 || lane.sending) return;
    const { buffers } = this;
    const turned = new Promise<void>((resolve) => {
      buffers.agent.platform.soon(resolve);
    });
    void buffers.background(turned.then(() => this.#sendAll()));
  }

  #sendAll(): void {
    for (const [exporter, lane] of this.#lanes) this.#send(exporter, lane);
  }

  #send(exporter: number, lane: Lane): void {
    const { buffers } = this;
    // A callback makes no call (I19): it goes out when the event loop turns.
    if (lane.waiting.length === 0 || buffers.agent.callbacks > 0) return;
    if (lane.sending) {
      // Its task cannot run while the thread blocks; a thread that does nothing else is heard all the same.
      if (lane.call?.collect() === true)
        lane.call = buffers.calls.tryOpen(this.#request(exporter, lane), nothing) ?? lane.call;
      return;
    }
    lane.sending = true;
    const sent = buffers.agent.run('Attachment.detach', this.#sending(exporter, lane));
    void buffers.background(sent).catch((error: unknown) => {
      if (!DmaBufError.is(error, 'EOWNERDEAD')) buffers.report(error);
    });
  }

  *#sending(target: number, lane: Lane): Operation<void> {
    const { calls } = this.buffers;
    try {
      for (;;) {
        const { call } = lane;
        if (call !== null) {
          yield* calls.answer(call);
          if (lane.call === call) lane.call = null;
        } else if (lane.waiting.length === 0) return;
        else lane.call = yield* calls.open(this.#request(target, lane), nothing);
      }
    } finally {
      lane.sending = false;
      this.#lanes.delete(target);
    }
  }

  #request(target: number, lane: Lane): Request {
    return {
      op: 'Attachment.detach',
      target,
      kind: CallKind.ENDINGS,
      patience: Infinity,
      lock: null,
      at: {},
      write: (message) => putEndings(message, lane.waiting),
    };
  }
}

const nothing = (): void => {};

/** Takes as many as there is room for. */
function putEndings(message: Message, waiting: Ending[]): void {
  const fitting = waiting.splice(0, Math.floor((message.room - 1) / WORDS));
  message.putWord(fitting.length);
  for (const { kind, attachment, id } of fitting) {
    message.putWord(KINDS.indexOf(kind));
    message.putWord(attachment);
    message.putWord(id);
  }
}

export function readEndings(message: Message): Ending[] {
  return Array.from({ length: message.word() }, () => ({
    kind: KINDS[message.word()] ?? 'access',
    attachment: message.word(),
    id: message.word(),
  }));
}
