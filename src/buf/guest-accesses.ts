// SPDX-License-Identifier: MIT
/**
 * buf/guest-accesses — CPU access by other agents to buffers that are exported here: begun by a call, and ended by the next one, or
 * when that agent has gone.
 */

import type { Answer, Operation } from '../agent/index.js';
import type { Buffers } from './buffers.js';
import { CallKind, readIntent } from './call-kinds.js';
import type { DmaBuf } from './dma-buf.js';
import { adopt, type Call, DONE, keyOf, serve } from './guest-calls.js';

interface Access {
  /** Tag of the agent that accesses. */
  readonly owner: number;
  readonly buf: DmaBuf;
  readonly end: () => void;
}

export class GuestAccesses {
  readonly #accesses = new Map<string, Access>();
  #names = 0;

  constructor(readonly buffers: Buffers) {
    serve(buffers, CallKind.BEGIN, (call) => this.#begin(call));
    serve(buffers, CallKind.END, (call) => this.#end(call));
  }

  /** Ends what belonged to agents that have gone. */
  sweep(): void {
    const { agent } = this.buffers;
    for (const [key, { owner }] of this.#accesses) if (!agent.present(owner)) this.#over(key);
  }

  *#begin({ caller, message }: Call): Operation<Answer> {
    const op = 'DmaBuf.cpuAccess';
    const buf = adopt(this.buffers, op, message);
    try {
      const intent = readIntent(message);
      const end = yield* this.buffers.exports.reach(op, buf).beginCpuAccess(op, buf, intent);
      this.#names = (this.#names + 1) | 0;
      const id = this.#names;
      const key = keyOf(caller, id);
      this.#accesses.set(key, { owner: caller, buf, end });
      return { write: (answer) => answer.putWord(id), undo: () => this.#over(key) };
    } catch (error) {
      buf.close();
      throw error;
    }
  }

  // oxlint-disable-next-line require-yield -- an operation that never waits
  *#end({ caller, message }: Call): Operation<Answer> {
    this.#over(keyOf(caller, message.word()));
    return DONE;
  }

  #over(key: string): void {
    const access = this.#accesses.get(key);
    if (access === undefined) return;
    this.#accesses.delete(key);
    access.end();
    access.buf.close();
  }
}
