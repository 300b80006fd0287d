// SPDX-License-Identifier: MIT
/**
 * An exporter that watches: it checks in each of its callbacks, and at the end of each step of a test, what must be true of
 * attachments, tables, pins and the lock at every moment.
 *
 *   I1  an attachment is on the list from after its attach succeeded until before its detach starts
 *   I2  tables that map gave and unmap has not taken back are the open mappings; none at release
 *   I3  pins balance, attachment by attachment
 *   I4  map, unmap, pin and unpin of a dynamic exporter run with the lock held, and are shown it; those of a static one are not
 *   I5  attach, detach, begin, end and release never run under a lock that the package took
 *   I6  a move is told to the dynamic importers that are listed, the newest first, and to nobody else
 *   I7  no callback of an attachment runs after its detach, and detach not while another one does
 *   I8  no lock is left behind by a call that is over
 *   I9  the buffer is there until nobody has it, and then it is released, once
 *   I10 EBUSY from map has no side effect
 *
 * I6 and I10 are up to who moves and maps: see `toldOfMove` and `callsOf`.
 */
import type {
  AttachmentInfo,
  AttachmentView,
  CpuIntent,
  Direction,
  DynamicExportedBuf,
  ExportedBuf,
  ImporterOps,
  SourceSegment,
} from '../../../src/buf/index.js';
import { fail } from '../../../src/errors.js';
import { HeldLock } from '../../../src/resv/index.js';
import type { Home } from './exporters.js';
import type { Rig } from './rig.js';

export const SIZE = 64;

/** What a callback does, and whether at once or when the test says so. */
export type Manner = 'now' | 'fails' | 'late' | 'fails late' | 'nothing' | 'nonsense';

export type Kind = 'static' | 'caching' | 'dynamic';

type Att = AttachmentInfo<Home>;

/** A callback that has not ended. */
export interface Running {
  readonly name: string;
  /** The attachment's device; "" = none. */
  readonly device: string;
  readonly locked: boolean;
  end(): void;
}

/** An attachment, as its exporter knows it. */
interface Seen {
  phase: 'entering' | 'in' | 'leaving' | 'out';
  readonly tables: Map<readonly SourceSegment[], Direction>;
  pins: number;
}

const INJECTED = 'ENOSPC';

export class Witness {
  readonly buf: ExportedBuf<Home>;
  /** "map gpu bidirectional". */
  readonly calls: string[] = [];
  /** What was not as it must be. */
  readonly broken: string[] = [];
  readonly running: Running[] = [];
  /** Devices of the attachments on the list, the newest first. */
  readonly listed: string[] = [];
  /** Devices whose importers were told of a move, in order. */
  readonly toldOfMove: string[] = [];
  /** Does the test itself hold the lock, or have somebody wait who does? */
  held = false;
  /** Are there other calls under way that may have been given the lock meanwhile? Then I5 cannot be seen. */
  crowded = (): boolean => false;
  manner: (name: string) => Manner = () => 'now';
  #released = 0;
  /** Attachment rows. */
  #claimed = 0;
  readonly #seen = new Map<Att, Seen>();
  readonly #intents: CpuIntent[] = [];

  constructor(
    readonly rig: Rig,
    readonly kind: Kind,
  ) {
    this.#watchList();
    this.buf = kind === 'dynamic' ? this.#exportDynamic() : this.#exportStatic();
  }

  get dynamic(): boolean {
    return this.kind === 'dynamic';
  }

  get mover(): DynamicExportedBuf<Home> {
    return this.buf as DynamicExportedBuf<Home>;
  }

  /** All callbacks that take their time come to their end. */
  finish(): void {
    while (this.running.length > 0) this.running[0]?.end();
  }

  /** Callbacks of one attachment. */
  callsOf(device: string): string[] {
    return this.calls.filter((call) => call.split(' ')[1] === device);
  }

  importer(device: string): ImporterOps {
    return {
      moveNotify: (): undefined => {
        this.#must(this.buf.resv.locked, 'I6', `${device} is told without the lock`);
        this.toldOfMove.push(device);
      },
    };
  }

  /** Tables that the exporter has given to a device and not got back. */
  tables(device: string): number {
    return this.#of(device)?.tables.size ?? 0;
  }

  pins(device: string): number {
    return this.#of(device)?.pins ?? 0;
  }

  /** Is that device attached, as far as the exporter knows, or about to be, or to leave? */
  knows(device: string): boolean {
    return (this.#of(device)?.phase ?? 'out') !== 'out';
  }

  /** The latest attachment of a device. */
  #of(device: string): Seen | undefined {
    return [...this.#seen].findLast(([att]) => att.device.name === device)?.[1];
  }

  // ------------------------------------------------------------------------------------------- between the steps

  /** Nothing is under way: the rows say what the exporter knows, and the lock is whose it should be. */
  rest(): void {
    const { buffers } = this.rig;
    for (const { device, mapped, pinned, dynamic } of buffers.attachments.all()) {
      const kept = this.dynamic && !dynamic ? 1 : 0;
      const pins = this.pins(device) - kept;
      this.#must(mapped === this.tables(device), 'I2', `${device} has ${mapped} open mappings`);
      if (this.dynamic) this.#must(pinned === pins, 'I3', `${device} has ${pinned} open pins`);
    }
    const latest = new Map([...this.#seen].map(([att, seen]) => [att.device.name, seen]));
    for (const [device, { phase, tables }] of latest) {
      const most = this.kind === 'caching' ? 1 : Infinity;
      this.#must(tables.size <= most, 'I2', `${device} keeps ${tables.size} tables`);
      const on = this.listed.includes(device);
      this.#must(on ? phase === 'in' : phase === 'out', 'I1', `${device} is ${phase}`);
    }
    if (!this.buf.closed) {
      this.#must(this.buf.resv.locked === this.held, 'I8', 'a lock was left behind, or lost');
    }
  }

  /** All is over: nothing of it is left. */
  end(): void {
    this.rest();
    const { buffers, heap, agent } = this.rig;
    this.#must(this.#released === 1, 'I9', `${this.#released} releases`);
    this.#must(this.#intents.length === 0, 'I9', 'a CPU access was not ended');
    this.#must(heap.used === 0, 'I9', `${heap.used} bytes are still held`);
    this.#must([...buffers.attachments.all()].length === 0, 'I9', 'an attachment is shown');
    this.#must(this.#claimed === 0, 'I9', `${this.#claimed} attachment rows are not free`);
    this.#must(agent.held === 0, 'I8', `${agent.held} locks are held`);
    this.#must(agent.tasks.pending === 0, 'I8', `${agent.tasks.pending} operations are pending`);
  }

  #must(what: boolean, rule: string, text: string): void {
    if (!what) this.broken.push(`${rule}: ${text}, after ${this.calls.slice(-6).join(' · ')}`);
  }

  /** Publishing and withdrawing a row is to be on the list, and off it. */
  #watchList(): void {
    const { attachments } = this.rig.buffers;
    const devices = new Map<number, string>();
    const { claim, publish, withdraw, free } = attachments;
    attachments.claim = (op, device, dynamic) => {
      const row = claim.call(attachments, op, device, dynamic);
      devices.set(row, device);
      this.#claimed++;
      return row;
    };
    attachments.free = (row) => {
      free.call(attachments, row);
      this.#claimed--;
    };
    attachments.publish = (row, ...where) => {
      publish.call(attachments, row, ...where);
      const device = devices.get(row) ?? '';
      const shown = (): AttachmentView => {
        const view = [...attachments.all()].findLast((each) => each.device === device);
        if (view === undefined) throw new Error(`${device} is not shown`);
        return view;
      };
      const { phase, tables } = this.#of(device) ?? {};
      const kept = shown().dynamic === this.dynamic ? 0 : 1;
      this.#must(tables?.size === kept, 'I1', `${device} is listed with ${tables?.size} tables`);
      this.#must(shown().mapped === kept, 'I1', `${device} is listed before it is kept`);
      this.listed.unshift(device);
      this.#must(phase === 'in', 'I1', `${device} is listed while ${phase}`);
      this.#must(this.buf.resv.locked, 'I1', `${device} is listed without the lock`);
    };
    attachments.withdraw = (row) => {
      withdraw.call(attachments, row);
      const at = this.listed.indexOf(devices.get(row) ?? '');
      if (at < 0) return;
      this.listed.splice(at, 1);
      this.#must(this.buf.resv.locked, 'I1', 'taken off the list without the lock');
    };
  }

  // ------------------------------------------------------------------------------------------- callbacks

  /** Runs a callback in the manner that the test wants; `done` when it succeeds. */
  #run<T>(
    name: string,
    device: string,
    locked: boolean,
    outcome: T,
    done: (outcome: T) => void,
    failed: () => void = () => {},
  ): T | Promise<T> {
    const manner = this.manner(name);
    const over = (): T => {
      if (manner === 'fails' || manner === 'fails late') {
        failed();
        throw fail(INJECTED, `witness.${name}`);
      }
      done(outcome);
      return outcome;
    };
    if (manner !== 'late' && manner !== 'fails late') return over();
    return new Promise<void>((resolve) => {
      const end = (): void => {
        this.running.splice(this.running.indexOf(running), 1);
        resolve();
      };
      const running = { name, device, locked, end };
      this.running.push(running);
    }).then(over);
  }

  #busy(device: string): boolean {
    return this.running.some((running) => running.device === device);
  }

  /** @returns the attachment, which must be known and not have left */
  #enter(name: string, att: Att, more = ''): Seen {
    const device = att.device.name;
    this.calls.push(more === '' ? `${name} ${device}` : `${name} ${device} ${more}`);
    const seen = this.#seen.get(att);
    if (seen === undefined) throw new Error(`${name} of an attachment that never was`);
    this.#must(seen.phase === 'in', 'I7', `${name} while ${device} is ${seen.phase}`);
    if ((name === 'unpin' || name === 'detach') && !this.listed.includes(device)) {
      this.#must(!this.#busy(device), 'I7', `${name} while a callback of ${device} runs`);
    }
    return seen;
  }

  #attach(att: Att): void | Promise<void> {
    const device = att.device.name;
    this.calls.push(`attach ${device}`);
    this.#unlocked('attach');
    this.#must(!this.#seen.has(att), 'I1', 'attached twice');
    this.#must(att.buf === this.buf, 'I1', 'attached to something else');
    const seen: Seen = { phase: 'entering', tables: new Map(), pins: 0 };
    this.#seen.set(att, seen);
    const into = (phase: Seen['phase']) => (): void => {
      seen.phase = phase;
    };
    return this.#run('attach', device, false, undefined, into('in'), into('out'));
  }

  #detach(att: Att): void | Promise<void> {
    const device = att.device.name;
    const seen = this.#enter('detach', att);
    this.#unlocked('detach');
    this.#must(!this.listed.includes(device), 'I1', `${device} is on the list in detach`);
    this.#must(seen.tables.size === 0, 'I2', `${device} has tables in detach`);
    this.#must(seen.pins === 0, 'I3', `${device} has pins in detach`);
    seen.phase = 'leaving';
    const out = (): void => {
      seen.phase = 'out';
    };
    return this.#run('detach', device, false, undefined, out, out);
  }

  #map(
    att: Att,
    direction: Direction,
    shown: readonly unknown[],
  ): readonly SourceSegment[] | Promise<readonly SourceSegment[]> {
    const { device, dynamic } = att;
    const seen = this.#enter('map', att, direction);
    this.#shown('map', shown);
    const mismatched = dynamic !== this.dynamic;
    this.#must(mismatched !== this.listed.includes(device.name), 'I2', 'mapped at the wrong time');
    this.#must(!mismatched || direction === 'bidirectional', 'I2', `kept as ${direction}`);
    const given: readonly SourceSegment[] = [{ of: this.buf.priv.home, offset: 0, length: SIZE }];
    const manner = this.manner('map');
    const wrong = { nothing: null, nonsense: [{ ...given[0], length: SIZE - 1 }] };
    if (manner === 'nothing') return wrong.nothing as never;
    const table = manner === 'nonsense' ? (wrong.nonsense as SourceSegment[]) : given;
    return this.#run('map', device.name, this.dynamic, table, () => {
      seen.tables.set(table, direction);
    });
  }

  #unmap(att: Att, table: readonly SourceSegment[], direction: Direction, shown: unknown[]): void {
    const { name } = att.device;
    const seen = this.#enter('unmap', att, direction);
    this.#shown('unmap', shown);
    const known = seen.tables.get(table);
    this.#must(known === direction, 'I2', `${name} unmaps ${known} as ${direction}`);
    seen.tables.delete(table);
  }

  #pin(att: Att, shown: unknown[]): void | Promise<void> {
    const seen = this.#enter('pin', att);
    this.#shown('pin', shown);
    return this.#run('pin', att.device.name, true, undefined, () => {
      seen.pins++;
    });
  }

  #unpin(att: Att, shown: unknown[]): void {
    const seen = this.#enter('unpin', att);
    this.#shown('unpin', shown);
    this.#must(seen.pins > 0, 'I3', `${att.device.name} unpins once too often`);
    seen.pins--;
  }

  #begin(intent: CpuIntent): void | Promise<void> {
    this.calls.push(`begin ${intent}`);
    this.#unlocked('begin');
    return this.#run('begin', '', false, undefined, () => this.#intents.push(intent));
  }

  #end(intent: CpuIntent): void {
    this.calls.push(`end ${intent}`);
    this.#unlocked('end');
    const at = this.#intents.indexOf(intent);
    this.#must(at >= 0, 'I9', `end of a ${intent} that never began`);
    this.#intents.splice(at, 1);
  }

  #release({ home }: Home): void {
    this.calls.push('release');
    this.#released++;
    this.#must(this.running.length === 0, 'I9', 'released while a callback runs');
    for (const [{ device }, { phase }] of this.#seen) {
      this.#must(phase === 'out', 'I9', `released while ${device.name} is ${phase}`);
    }
    home.close();
  }

  #shown(name: string, shown: readonly unknown[]): void {
    if (!this.dynamic) {
      this.#must(shown.length === 0, 'I4', `${name} of a static exporter is shown a lock`);
      return;
    }
    const [lock] = shown;
    const right = lock instanceof HeldLock && lock.held && lock.resv === this.buf.resv;
    this.#must(right, 'I4', `${name} is not shown the lock`);
    this.#must(this.buf.resv.locked, 'I4', `${name} runs unlocked`);
    this.#must(!('unlock' in (lock as object)), 'I4', `${name} could unlock`);
  }

  #unlocked(name: string): void {
    if (this.buf.closed || !this.buf.resv.locked) return;
    const excused = this.held || this.crowded() || this.running.some(({ locked }) => locked);
    this.#must(excused, 'I5', `${name} runs under a lock of the package's own`);
  }

  // ------------------------------------------------------------------------------------------- exporting

  #common() {
    const ops = {
      attach: (att: Att) => this.#attach(att),
      detach: (att: Att) => this.#detach(att),
      beginCpuAccess: (_: unknown, intent: CpuIntent) => this.#begin(intent),
      endCpuAccess: (_: unknown, intent: CpuIntent) => this.#end(intent),
      map: (att: Att, direction: Direction, ...shown: unknown[]) =>
        this.#map(att, direction, shown),
      unmap: (
        att: Att,
        table: readonly SourceSegment[],
        direction: Direction,
        ...shown: unknown[]
      ) => this.#unmap(att, table, direction, shown),
      release: (priv: Home) => this.#release(priv),
    };
    return {
      info: { exporter: 'witness', size: SIZE, priv: { home: this.rig.heap.alloc(SIZE) } },
      ops,
    };
  }

  #exportStatic(): ExportedBuf<Home> {
    const { info, ops } = this.#common();
    const cacheMapping = this.kind === 'caching';
    return this.rig.buffers.exports.static<Home>({ ...info, ops: { ...ops, cacheMapping } });
  }

  #exportDynamic(): ExportedBuf<Home> {
    const { info, ops } = this.#common();
    const pin = (att: Att, ...shown: unknown[]) => this.#pin(att, shown);
    const unpin = (att: Att, ...shown: unknown[]) => this.#unpin(att, shown);
    return this.rig.buffers.exports.dynamic<Home>({ ...info, ops: { ...ops, pin, unpin } });
  }
}

/** Lets everything happen that can happen without the test. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/** The failure that a callback was told to have. */
export const isInjected = (error: unknown): boolean =>
  (error as { code?: unknown }).code === INJECTED;
