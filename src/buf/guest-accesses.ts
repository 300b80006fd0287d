// SPDX-License-Identifier: MIT
/**
 * buf/guest-accesses — CPU access by other agents to buffers that are exported here: begun by a call, and ended by the next one, or
 * when that agent has gone.
 */

import type { Answer, Message, Operation } from '../agent/index.js';
import { fail } from '../errors.js';
import type { Buffers } from './buffers.js';
import { CallKind, putRanges, type Range, readIntent } from './call-kinds.js';
import type { DmaBuf } from './dma-buf.js';
import { adopt, type Call, keyOf, serve } from './guest-calls.js';
import { rangesOf } from './sources.js';

/** Between begin and end, or between vmap and vunmap. */
interface Access {
  /** Tag of the agent that accesses. */
  readonly owner: number;
  readonly buf: DmaBuf;
  readonly end: () => void;
  /** What is mapped. */
  readonly ranges: readonly Range[];
}

export class GuestAccesses {
  readonly #accesses = new Map<string, Access>();

  constructor(readonly buffers: Buffers) {
    serve(buffers, CallKind.BEGIN, (call) => this.#begin(call));
    serve(buffers, CallKind.VMAP, (call) => this.#vmap(call));
  }

  /** Ends what belonged to agents that have gone. */
  sweep(): void {
    const { agent } = this.buffers;
    for (const [key, { owner }] of this.#accesses) if (!agent.serves(owner)) this.#over(key);
  }

  /** This agent leaves: what it held for others is no leak of its own. */
  close(): void {
    for (const { buf } of this.#accesses.values()) buf.close();
  }

  *#begin({ caller, message }: Call): Operation<Answer> {
    const op = 'DmaBuf.cpuAccess';
    const buf = adopt(this.buffers, op, message);
    try {
      const intent = readIntent(message);
      const end = yield* this.buffers.exports.reach(op, buf).beginCpuAccess(op, buf, intent);
      const id = this.buffers.exports.name();
      const key = keyOf(caller, id);
      this.#accesses.set(key, { owner: caller, buf, end, ranges: [] });
      return { write: (answer) => answer.putWord(id), undo: () => this.#over(key) };
    } catch (error) {
      buf.close();
      throw error;
    }
  }

  *#vmap({ caller, message }: Call): Operation<Answer> {
    const op = 'DmaBuf.cpuAccess';
    const buf = adopt(this.buffers, op, message);
    try {
      const known = message.word();
      const from = message.word();
      const id = known === 0 ? yield* this.#view(op, caller, buf) : known;
      const key = keyOf(caller, id);
      const access = this.#accesses.get(key);
      if (access === undefined) throw fail('ESTALE', op, {}, { why: 'this access has ended' });
      const { ranges } = access;
      const write = (answer: Message): void => {
        answer.putWord(id);
        answer.putWord(ranges.length);
        putRanges(answer, ranges.slice(from));
      };
      return { write, undo: () => this.#over(key) };
    } finally {
      buf.close();
    }
  }

  /** @returns its name */
  *#view(op: string, owner: number, buf: DmaBuf): Operation<number> {
    const port = this.buffers.exports.reach(op, buf);
    if (port.vmap === undefined) throw fail('ENOTSUP', op, { buffer: buf.id });
    const viewed = yield* port.vmap(op, buf);
    const id = this.buffers.exports.name();
    const end = (): void => viewed.end();
    const access = { owner, buf: buf.dup(), end, ranges: rangesOf(viewed) };
    this.#accesses.set(keyOf(owner, id), access);
    return id;
  }

  /** The access of that name has ended. */
  end(caller: number, name: number): void {
    this.#over(keyOf(caller, name));
  }

  #over(key: string): void {
    const access = this.#accesses.get(key);
    if (access === undefined) return;
    this.#accesses.delete(key);
    access.end();
    access.buf.close();
  }
}
