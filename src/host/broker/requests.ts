// SPDX-License-Identifier: MIT
/**
 * broker/requests — what a member has asked of the broker, and who waits for the answer.
 *
 * An answer that nobody waits for any more is an answer all the same; one to what was never asked is a mistake of the broker.
 */

import { fail } from '../../errors.js';
import { checkMemoryFile } from '../linux/memory-file.js';
import { damaged } from './fields.js';
import { type Ending, type Limits, limited } from './limited.js';
import type { MemoryFile } from './memory-files.js';
import type { MessageOf } from './messages.js';
import type { Parcel } from './parcel.js';

const OP = 'broker';
/** Numbers go round. */
const MOST = 0xffff_ffff;

/** Answers, and what they bring. */
interface Answers {
  readonly DONE: undefined;
  readonly MEMORY: MemoryFile;
}

interface Asked<K extends keyof Answers = keyof Answers> {
  readonly wanted: K;
  readonly ending: Ending<Answers[K]>;
}

export class Requests {
  readonly #asked = new Map<number, Asked>();
  #last = 0;
  #open = true;

  /** Waits for the answer to what `send` sends. @throws EPIPE there is no broker any more · ETIMEDOUT · the signal's reason */
  make<K extends keyof Answers>(
    limits: Limits,
    wanted: K,
    send: (request: number) => void,
  ): Promise<Answers[K]> {
    return limited<Answers[K]>(OP, limits, (ending) => {
      if (this.#open) {
        this.#last = this.#last === MOST ? 1 : this.#last + 1;
        this.#asked.set(this.#last, { wanted, ending });
        send(this.#last);
      } else ending.reject(noBroker());
      return () => {};
    });
  }

  /** @throws EPROTO it answers nothing that was asked, or with no memory */
  answered(message: MessageOf<'DONE' | 'MEMORY' | 'FAILED'>, parcel: Parcel): void {
    const { request } = message;
    const asked = this.#asked.get(request);
    if (asked === undefined || !(message.type === 'FAILED' || message.type === asked.wanted))
      throw damaged(`${message.type} answers nothing`);
    if (message.type === 'MEMORY') checkMemoryFile(OP, parcel.next, message.bytes);
    this.#asked.delete(request);
    if (message.type === 'FAILED')
      asked.ending.reject(fail(message.code, OP, {}, { why: message.why }));
    else if (message.type === 'DONE') (asked as Asked<'DONE'>).ending.resolve(undefined);
    else {
      const { ending } = asked as Asked<'MEMORY'>;
      if (ending.resolve({ descriptor: parcel.next, bytes: message.bytes })) parcel.take();
    }
  }

  /** There is nobody any more to answer. */
  fail(): void {
    this.#open = false;
    for (const { ending } of this.#asked.values()) ending.reject(noBroker());
    this.#asked.clear();
  }
}

function noBroker(): Error {
  return fail(
    'EPIPE',
    OP,
    {},
    { why: 'the broker is gone: try again when another one has taken over' },
  );
}
