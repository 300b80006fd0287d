// SPDX-License-Identifier: MIT
/**
 * buf/remote-port — the exporter of a buffer, seen from an agent in which its callbacks cannot run: the same steps, by calls.
 *
 * Attaching is one call, and so is detaching: the exporter's agent keeps the attachment, with its place on the list, its
 * mappings and its pins, and takes it apart when this agent dies (see guests). Mapping and pinning by a dynamic importer take
 * the lock that it shows along. What cannot fail (unmap, unpin, the end of an access) goes out behind the back of who asked for
 * it; the exporter's agent takes the lock for it by itself.
 *
 * What is mapped is held by references of this agent, so memory outlives its exporter, and a move, until it is unmapped here.
 */

import type { Message, Operation } from '../agent/index.js';
import { DmaBufError, fail } from '../errors.js';
import { LentAway } from '../resv/index.js';
import type { Attached } from './attached.js';
import type { Buffers } from './buffers.js';
import type { ByteRange } from './byte-access.js';
import {
  CallKind,
  type MappingPart,
  putDevice,
  putDirection,
  putIntent,
  type Range,
  readMapping,
  readRanges,
} from './call-kinds.js';
import type { CpuIntent, Direction } from './direction.js';
import type { DmaBuf } from './dma-buf.js';
import type { EndingKind } from './endings.js';
import type { Hold } from './hold.js';
import type { Elsewhere, ExporterPort, Mapped, Shown, Viewed } from './port.js';
import type { Reference } from './reference.js';
import { dropSources, type HeldTable, holdRanges } from './sources.js';

/** A mapping, and its name in the exporter's agent. */
interface RemoteMapped extends Mapped {
  readonly id: number;
}

export class RemotePort implements ExporterPort {
  readonly dynamic: boolean;
  readonly cacheMapping: boolean;
  readonly callTimeout = Infinity;
  readonly vmap?: (op: string, buf: DmaBuf) => Operation<Viewed>;
  readonly mmap?: (op: string, range: Required<ByteRange>) => Operation<Shown>;
  readonly #patience: number;
  /** Names of this agent's attachments, and of pins, in the exporter's agent. */
  readonly #ids = new WeakMap<Attached, number>();
  readonly #pins = new WeakMap<Attached, number[]>();

  constructor(
    readonly buffers: Buffers,
    readonly reference: Reference,
  ) {
    const { row } = reference;
    this.dynamic = reference.dynamic;
    this.cacheMapping = buffers.rows.caches(row);
    this.#patience = buffers.rows.callTimeout(row);
    if (buffers.rows.vmaps(row)) this.vmap = (op) => this.#view(op);
    if (buffers.rows.mmaps(row)) this.mmap = (op, range) => this.#show(op, range);
  }

  exported(): null {
    return null;
  }

  // ------------------------------------------------------------------------------------------- attachments

  readonly elsewhere: Elsewhere = {
    attach: (op, attached) => this.#attach(op, attached),
    detach: (op, attached) => this.#detach(op, attached),
  };

  *#attach(op: string, attached: Attached): Operation<Mapped | null> {
    const id = this.buffers.exports.name();
    this.#ids.set(attached, id);
    const write = (message: Message): void => {
      this.#buffer(message);
      message.putWord(id);
      message.putWord(attached.dynamic ? 1 : 0);
      putDevice(message, attached.device);
    };
    const part = yield* this.#ask(op, CallKind.ATTACH, write, (message) =>
      message.word() === 0 ? null : readMapping(message),
    );
    if (part === null) return null;
    try {
      return yield* this.#received(op, attached, part);
    } catch (error) {
      this.#ends('detach', attached, 0);
      throw error;
    }
  }

  *#detach(op: string, attached: Attached): Operation<void> {
    try {
      yield* this.#ask(op, CallKind.DETACH, (message) => this.#name(message, attached), nothing);
    } catch (error) {
      if (DmaBufError.is(error, 'EOWNERDEAD')) return;
      // It does not turn now: when it does, it learns this first.
      this.#ends('detach', attached, 0);
      throw error;
    }
  }

  *attach(): Operation<void> {}
  *detach(): Operation<void> {}
  enlist(): void {}
  unlist(): void {}

  // ------------------------------------------------------------------------------------------- mappings

  *map(op: string, attached: Attached, direction: Direction, hold: Hold | null): Operation<Mapped> {
    const write = (message: Message): void => {
      this.#name(message, attached);
      putDirection(message, direction);
    };
    const part = yield* this.#ask(op, CallKind.MAP, write, readMapping, hold);
    return yield* this.#received(op, attached, part);
  }

  /** Takes hold of what was mapped for this agent. */
  *#received(op: string, attached: Attached, part: MappingPart): Operation<RemoteMapped> {
    const { id, direction, moveGen, count } = part;
    try {
      const ranges = [...part.ranges];
      while (ranges.length < count) {
        const write = (message: Message): void => {
          this.#name(message, attached);
          message.putWord(id);
          message.putWord(ranges.length);
        };
        const more = yield* this.#ask(op, CallKind.MORE, write, readRanges);
        if (more.length === 0)
          throw fail('ESTALE', op, this.#at(), { why: 'the buffer has moved' });
        ranges.push(...more);
      }
      return { id, direction, moveGen, sources: [], ...holdRanges(op, this.buffers, ranges) };
    } catch (error) {
      this.#ends('unmap', attached, id);
      throw error;
    }
  }

  unmap(attached: Attached, mapped: Mapped): void {
    dropSources(this.buffers, mapped.held);
    if (attached.listed) this.#ends('unmap', attached, (mapped as RemoteMapped).id);
  }

  // ------------------------------------------------------------------------------------------- pins

  *pin(op: string, attached: Attached, hold: Hold): Operation<void> {
    const write = (message: Message): void => this.#name(message, attached);
    const id = yield* this.#ask(op, CallKind.PIN, write, (message) => message.word(), hold);
    const pins = this.#pins.get(attached);
    if (pins === undefined) this.#pins.set(attached, [id]);
    else pins.push(id);
  }

  unpin(attached: Attached): void {
    const id = this.#pins.get(attached)?.pop();
    if (id !== undefined && attached.listed) this.#ends('unpin', attached, id);
  }

  // ------------------------------------------------------------------------------------------- CPU access

  *beginCpuAccess(op: string, _buf: DmaBuf, intent: CpuIntent): Operation<() => void> {
    const write = (message: Message): void => {
      this.#buffer(message);
      putIntent(message, intent);
    };
    const id = yield* this.#ask(op, CallKind.BEGIN, write, (message) => message.word());
    return () => this.#ends('access', null, id);
  }

  *#view(op: string): Operation<Viewed> {
    const { table, held, end } = yield* this.#fetch(op, CallKind.VMAP, nothing);
    const over = (): void => {
      dropSources(this.buffers, held);
      end();
    };
    return { table, sources: [], held, end: over };
  }

  /** Once it is held here, the exporter's agent need not hold it for us. */
  *#show(op: string, { offset, length }: Required<ByteRange>): Operation<Shown> {
    const moveGen = this.buffers.rows.word(this.reference.row, 'moveGen');
    const { table, held, end } = yield* this.#fetch(op, CallKind.MMAP, (message) => {
      message.putLong(offset);
      message.putLong(length);
    });
    end();
    return { table, sources: [], held, moveGen };
  }

  /** Memory that the exporter's agent holds for us until `end`; with references of our own. */
  *#fetch(
    op: string,
    kind: number,
    more: (message: Message) => void,
  ): Operation<HeldTable & { readonly end: () => void }> {
    const ranges: Range[] = [];
    let id = 0;
    const end = (): void => this.#ends('access', null, id);
    const write = (message: Message): void => {
      this.#buffer(message);
      message.putWord(id);
      message.putWord(ranges.length);
      more(message);
    };
    try {
      for (let count = Infinity; ranges.length < count; ) {
        count = yield* this.#ask(op, kind, write, (message) => {
          id = message.word();
          const all = message.word();
          ranges.push(...readRanges(message));
          return all;
        });
      }
      return { ...holdRanges(op, this.buffers, ranges), end };
    } catch (error) {
      if (id !== 0) end();
      throw error;
    }
  }

  // ------------------------------------------------------------------------------------------- calling

  #buffer(message: Message): void {
    message.putWord(this.reference.row);
    message.putWord(this.reference.generation);
  }

  #name(message: Message, attached: Attached): void {
    message.putWord(this.#ids.get(attached) ?? 0);
  }

  #at(): Readonly<Record<string, string | number>> {
    const { id, exporterName } = this.reference;
    return { buffer: id, exporter: exporterName };
  }

  *#ask<T>(
    op: string,
    kind: number,
    write: (message: Message) => void,
    read: (message: Message) => T,
    hold: Hold | null = null,
  ): Operation<T> {
    const target = this.reference.exporter;
    const patience = this.#patience;
    const lock = hold === null ? null : this.#lend(op, hold);
    const request = { op, target, kind, patience, lock, at: this.#at(), write };
    return yield* this.buffers.calls.ask(request, read);
  }

  #lend(op: string, { lock }: Hold): LentAway {
    if (lock.own !== null) return new LentAway(lock.own);
    const why = 'this lock is held on behalf of another agent, and cannot go along with a call';
    throw fail('EDEADLK', op, this.#at(), { why });
  }

  /** What the exporter's agent is to end; nobody waits for it. */
  #ends(kind: EndingKind, attached: Attached | null, id: number): void {
    const attachment = attached === null ? 0 : (this.#ids.get(attached) ?? 0);
    this.buffers.endings.add(this.reference.exporter, { kind, attachment, id });
  }
}

const nothing = (): void => {};
