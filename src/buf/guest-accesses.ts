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
import type { Viewed } from './port.js';
import { dropSources, rangesOf } from './sources.js';

/** Between begin and end, between vmap and vunmap, or until what mmap gave has been taken hold of. */
interface Access {
  /** Tag of the agent that accesses. */
  readonly owner: number;
  readonly buf: DmaBuf;
  readonly end: () => void;
  /** What is mapped. */
  readonly ranges: readonly Range[];
}

/** Memory that a guest is shown, until its end. */
type Opened = Pick<Viewed, 'sources' | 'held' | 'end'>;
/** What opens it; undefined: its exporter offers none. */
type Open = (op: string, buf: DmaBuf, message: Message) => Operation<Opened> | undefined;

export class GuestAccesses {
  readonly #accesses = new Map<string, Access>();

  constructor(readonly buffers: Buffers) {
    serve(buffers, CallKind.BEGIN, (call) => this.#begin(call));
    const view: Open = (op, buf) => this.#view(op, buf);
    serve(buffers, CallKind.VMAP, (call) => this.#fetch(call, 'DmaBuf.cpuAccess', view));
    const show: Open = (op, buf, message) => this.#show(op, buf, message);
    serve(buffers, CallKind.MMAP, (call) => this.#fetch(call, 'DmaBufFile.mmap', show));
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

  *#fetch({ caller, message }: Call, op: string, open: Open): Operation<Answer> {
    const buf = adopt(this.buffers, op, message);
    try {
      const known = message.word();
      const from = message.word();
      const id = known === 0 ? yield* this.#open(op, caller, buf, open(op, buf, message)) : known;
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
  *#open(
    op: string,
    owner: number,
    buf: DmaBuf,
    opening: Operation<Opened> | undefined,
  ): Operation<number> {
    if (opening === undefined) throw fail('ENOTSUP', op, { buffer: buf.id });
    const opened = yield* opening;
    const id = this.buffers.exports.name();
    const end = (): void => opened.end();
    const access = { owner, buf: buf.dup(), end, ranges: rangesOf(opened) };
    this.#accesses.set(keyOf(owner, id), access);
    return id;
  }

  #view(op: string, buf: DmaBuf): Operation<Opened> | undefined {
    return this.buffers.exports.reach(op, buf).vmap?.(op, buf);
  }

  /** Held until the guest has taken hold of it. */
  #show(op: string, buf: DmaBuf, message: Message): Operation<Opened> | undefined {
    const { buffers } = this;
    const range = { offset: message.long(), length: message.long() };
    const showing = buffers.exports.reach(op, buf).mmap?.(op, range);
    if (showing === undefined) return undefined;
    return (function* shown() {
      const { sources, held } = yield* showing;
      return { sources, held, end: () => dropSources(buffers, held) };
    })();
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
