// SPDX-License-Identifier: MIT
/**
 * Whatever importers do in whatever order, and whatever callbacks do meanwhile (fail, take their time, outlive who asked): the
 * witness sees its invariants kept, and in the end nothing is left.
 */

import { describe, expect, it } from 'vitest';
import {
  Attachment,
  type CpuAccess,
  type Direction,
  type DmaBuf,
  type DynamicAttachment,
  type DynamicMapping,
  type Mapping,
  openShare,
  type Pin,
} from '../../../src/buf/index.js';
import { DmaBufError } from '../../../src/errors.js';
import type { Fence, Timeline } from '../../../src/fence/index.js';
import type { ResvLock } from '../../../src/resv/index.js';
import { fc } from '../properties.js';
import { nth, type Rig, rigs } from './rig.js';
import { isInjected, type Kind, type Manner, settled, Witness } from './witness.js';

const DIRECTIONS: readonly Direction[] = ['to-device', 'from-device', 'bidirectional'];
const CALLBACKS = ['attach', 'detach', 'map', 'pin', 'begin'] as const;
const MANNERS: readonly Manner[] = ['fails', 'late', 'fails late', 'nothing', 'nonsense'];
/** Calls at a time. */
const MOST = 20;
/** What calls may answer, beside what the callbacks were told to do. */
const ANSWERS = ['EBUSY', 'ESTALE', 'ENOLCK', 'ENOMEM', 'EIO', 'ETIMEDOUT'] as const;

const STEPS = [
  ['attach', 5],
  ['map', 8],
  ['unmap', 3],
  ['dispose', 3],
  ['pin', 2],
  ['unpin', 2],
  ['lock', 6],
  ['unlock', 4],
  ['move', 2],
  ['detach', 3],
  ['finish', 6],
  ['abort', 3],
  ['fence', 1],
  ['signal', 2],
  ['begin', 1],
  ['end', 1],
] as const;

type Name = (typeof STEPS)[number][0];

interface Step {
  readonly do: Name;
  /** Which one, of those there are. */
  readonly n: number;
  readonly dynamic: boolean;
  readonly direction: Direction;
  /** Give up at once, unless no wait is needed. */
  readonly hasty: boolean;
  /** This callback does that, until the next step. */
  readonly odd: (typeof CALLBACKS)[number];
  readonly manner: Manner;
}

const anyStep: fc.Arbitrary<Step> = fc.record({
  do: fc.oneof(...STEPS.map(([name, weight]) => ({ weight, arbitrary: fc.constant<Name>(name) }))),
  n: fc.nat(7),
  dynamic: fc.boolean(),
  direction: fc.constantFrom(...DIRECTIONS),
  hasty: fc.oneof({ weight: 4, arbitrary: fc.constant(false) }, fc.constant(true)),
  odd: fc.constantFrom(...CALLBACKS),
  manner: fc.oneof(
    { weight: 4, arbitrary: fc.constant<Manner>('now') },
    fc.constantFrom(...MANNERS),
  ),
});

type AnyAttachment = Attachment | DynamicAttachment;

class Play {
  /** The exporter's agent. */
  readonly rig: Rig;
  /** The importers' agent, and its handle. */
  readonly #side: Rig;
  readonly #buf: DmaBuf;
  readonly witness: Witness;
  readonly #reason = new Error('given up');
  readonly #timeline: Timeline;
  readonly #fences: Fence[] = [];
  readonly #attachments: AnyAttachment[] = [];
  readonly #maps: (Mapping | DynamicMapping)[] = [];
  readonly #pins: Pin[] = [];
  readonly #accesses: CpuAccess[] = [];
  readonly #aborts: AbortController[] = [];
  readonly #wrong: unknown[] = [];
  #lock: ResvLock | null = null;
  /** A lock object that was given back. */
  readonly #stale: ResvLock;
  #accessing = false;
  /** Calls under way that the lock was shown to. */
  #showing = 0;
  #count = 0;
  #pending = 0;

  constructor(
    readonly kind: Kind,
    remote: boolean,
  ) {
    const all = rigs(2);
    this.rig = nth(all, 0);
    this.#side = nth(all, remote ? 1 : 0);
    this.witness = new Witness(this.rig, kind);
    const { buf } = this.witness;
    this.#buf = remote ? openShare(this.#side.buffers, 'Domain.open', buf.share()) : buf.dup();
    if (remote) for (const { agent } of all.rigs) agent.listen();
    this.witness.crowded = () => this.#busy;
    this.#timeline = this.#side.fences.timeline('mover');
    this.#stale = this.#buf.resv.lockSync();
    this.#stale.unlock();
  }

  get #busy(): boolean {
    return this.rig.agent.tasks.pending + this.#side.agent.tasks.pending > 0;
  }

  get #shown(): ResvLock {
    return this.#lock ?? this.#stale;
  }

  /** A call that is under way; its answer must be one that there is. `shows`: the lock goes with it. */
  #call<T>(
    work: (options: object) => Promise<T>,
    then: (of: T) => void,
    hasty: boolean,
    shows = false,
  ): void {
    const controller = new AbortController();
    this.#aborts.push(controller);
    this.#pending++;
    if (shows) this.#showing++;
    const over = (): void => {
      this.#pending--;
      if (shows) this.#showing--;
      this.#aborts.splice(this.#aborts.indexOf(controller), 1);
    };
    const options = { signal: controller.signal, ...(hasty ? { timeout: 0 } : {}) };
    work(options)
      .then(then, (error) => this.#look(error))
      .then(over, over);
  }

  #look(error: unknown): void {
    const known = ANSWERS.some((code) => DmaBufError.is(error, code));
    if (!known && error !== this.#reason && !isInjected(error)) this.#wrong.push(error);
  }

  #try(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#look(error);
    }
  }

  run(step: Step): void {
    const { n, hasty } = step;
    this.witness.manner = (name) => (name === step.odd ? step.manner : 'now');
    const one = <T>(all: readonly T[]): T | undefined => all[n % all.length];
    if (step.do === 'attach') this.#attach(step);
    else if (step.do === 'map') this.#map(step, one(this.#attachments));
    else if (step.do === 'unmap') this.#try(() => one(this.#maps)?.unmap(this.#shown));
    else if (step.do === 'dispose')
      one<Disposable>([...this.#maps, ...this.#pins])?.[Symbol.dispose]();
    else if (step.do === 'pin') this.#pin(one(this.#attachments), hasty);
    else if (step.do === 'unpin') this.#try(() => one(this.#pins)?.unpin(this.#shown));
    else if (step.do === 'lock') this.#take();
    else if (step.do === 'unlock') this.#give();
    else if (step.do === 'move') this.#move();
    else if (step.do === 'detach') this.#detach(one(this.#attachments));
    else if (step.do === 'finish') one(this.witness.running)?.end();
    else if (step.do === 'abort') one(this.#aborts)?.abort(this.#reason);
    else if (step.do === 'fence') this.#fence();
    else if (step.do === 'signal') this.#signal();
    else if (step.do === 'begin') this.#begin(step);
    else one(this.#accesses)?.end();
  }

  /** By a handle of its own now and then, that is closed at once: the attachment keeps the buffer. */
  #attach({ dynamic, hasty, n }: Step): void {
    const { witness } = this;
    if (this.#pending >= MOST) return;
    const handle = n % 2 === 0 ? this.#buf : this.#buf.dup();
    const device = `dev${this.#count++}`;
    const keep = (att: AnyAttachment): void => {
      if (this.#over) void att.detach();
      this.#attachments.push(att);
    };
    this.#call<AnyAttachment>(
      (options) =>
        dynamic
          ? handle.dynamicAttach(device, witness.importer(device), options)
          : handle.attach(device, options),
      keep,
      hasty,
    );
    if (handle !== this.#buf) handle.close();
  }

  #map({ direction, hasty }: Step, att: AnyAttachment | undefined): void {
    if (att === undefined) return;
    const device = att.device.name;
    const before = this.witness.callsOf(device).length;
    const { cached } = att;
    const keep = (map: Mapping | DynamicMapping): void => {
      this.#maps.push(map);
      const serves = map.direction === direction || map.direction === 'bidirectional';
      if (!serves) this.#wrong.push(new Error(`${map.direction} was given for ${direction}`));
    };
    const refused = (error: unknown): never => {
      const touched = this.witness
        .callsOf(device)
        .slice(before)
        .some((call) => /^(un)?map/.test(call));
      if (DmaBufError.is(error, 'EBUSY') && touched && cached) this.#wrong.push(error); // I10
      throw error;
    };
    this.#call<Mapping | DynamicMapping>(
      (options) =>
        (att instanceof Attachment
          ? att.map(direction, options)
          : att.map(this.#shown, direction, options)
        ).catch(refused),
      keep,
      hasty,
      !(att instanceof Attachment),
    );
  }

  #pin(att: AnyAttachment | undefined, hasty: boolean): void {
    if (att === undefined || att instanceof Attachment) return;
    this.#call(
      (options) => att.pin(this.#shown, options),
      (pin) => void this.#pins.push(pin),
      hasty,
      true,
    );
  }

  #take(): void {
    this.#lock ??= this.#buf.resv.tryLock();
    this.witness.held = this.#lock !== null;
  }

  /** Unlocking is the importer's to do after what runs under its lock. */
  #give(): void {
    if (this.#showing > 0 || this.witness.running.some(({ locked }) => locked)) return;
    this.witness.held = false;
    this.#lock?.unlock();
    this.#lock = null;
  }

  #move(): void {
    const { witness } = this;
    if (!witness.dynamic || this.#side !== this.rig) return;
    const { toldOfMove } = witness;
    toldOfMove.length = 0;
    const listed = [...witness.listed];
    const dynamic = new Set(
      [...this.rig.buffers.attachments.all()].filter((row) => row.dynamic).map((row) => row.device),
    );
    const known = listed.filter((device) => dynamic.has(device));
    const fixed = listed.filter((device) => !dynamic.has(device) || witness.pins(device) > 0);
    const check = (): void => {
      const moved = `told ${told.join(' ')}, left behind ${fixed.join(' ')}`;
      if (moved !== `told ${known.join(' ')}, left behind `) this.#wrong.push(new Error(moved)); // I6
    };
    this.#call(() => witness.mover.moveNotify(this.#shown), check, false);
    const told = [...toldOfMove];
    for (const map of this.#maps) {
      if ('stale' in map && map.stale) this.#mustBeStale(map);
    }
  }

  #mustBeStale(map: DynamicMapping): void {
    try {
      void map.bytes;
      this.#wrong.push(new Error('a stale mapping shows bytes'));
    } catch (error) {
      if (!DmaBufError.is(error, 'ESTALE')) this.#wrong.push(error);
    }
  }

  #detach(att: AnyAttachment | undefined): void {
    if (att === undefined) return;
    this.#attachments.splice(this.#attachments.indexOf(att), 1);
    this.#call(
      () => att.detach(),
      () => {},
      false,
    );
  }

  #fence(): void {
    if (this.#lock === null) return;
    try {
      this.#lock.reserve(1);
    } catch (error) {
      // An exporter elsewhere has the lock until its callback is over.
      if (this.witness.running.length > 0 && DmaBufError.is(error, 'EBUSY')) return;
      throw error;
    }
    const fence = this.#timeline.next();
    this.#lock.addKernel(fence);
    this.#fences.push(fence);
  }

  #signal(): void {
    const fence = this.#fences.shift();
    if (fence !== undefined) this.#timeline.signal(fence);
  }

  /** One at a time: they all go by the same name. */
  #begin({ n, hasty }: Step): void {
    if (this.#accessing || this.witness.knows('cpu')) return;
    this.#accessing = true;
    const intent = (['read', 'write', 'read-write'] as const)[n % 3] ?? 'read';
    const keep = (access: CpuAccess): void => {
      if (this.#over) access.end();
      else this.#accesses.push(access);
    };
    const begin = async (options: object): Promise<CpuAccess> => {
      try {
        return await this.#buf.cpuAccess(intent, options);
      } finally {
        this.#accessing = false;
      }
    };
    this.#call(begin, keep, hasty);
  }

  check(): void {
    // Who gives up a call to another agent leaves his lock to what still runs there.
    if (this.#lock?.held === false && this.#side !== this.rig) {
      this.#lock = null;
      this.witness.held = false;
    }
    const quiet = this.witness.running.length === 0 && !this.#busy;
    if (quiet && !this.witness.buf.closed) this.witness.rest();
    expect(this.witness.broken).toEqual([]);
    expect(this.#wrong).toEqual([]);
  }

  #over = false;

  /** Everything is closed, and what is under way comes to its end. */
  async end(): Promise<void> {
    const { witness, rig } = this;
    this.#over = true;
    witness.manner = () => 'now';
    while (this.#fences.length > 0) this.#signal();
    for (const access of this.#accesses) access.end();
    for (let round = 0; round < 20; round++) {
      witness.finish();
      this.#give();
      for (const att of this.#attachments.splice(0)) void att.detach().catch((e) => this.#look(e));
      await settled();
    }
    expect(this.#pending).toBe(0);
    this.#buf.close();
    witness.buf.close();
    this.#timeline.close();
    for (const { buffers } of [this.#side, rig]) await buffers.idle();
    await settled();
    witness.end();
    for (const error of [...rig.errors, ...this.#side.errors]) this.#look(error);
    this.check();
    for (const { agent } of new Set([this.#side, rig])) agent.leave(new Error('over')); // or the worlds of all runs would stay in memory
  }
}

describe('whatever is done in whatever order', () => {
  for (const kind of ['static', 'caching', 'dynamic'] as const) {
    for (const remote of [false, true])
      it(`a ${kind} exporter sees the convention kept${remote ? ', by importers of another agent' : ''}`, async () => {
        await fc.assert(
          fc.asyncProperty(
            fc.array(anyStep, { minLength: 20, maxLength: 80, size: 'max' }),
            async (steps) => {
              const play = new Play(kind, remote);
              for (const each of steps) {
                play.run(each);
                await settled();
                play.check();
              }
              await play.end();
            },
          ),
          { numRuns: 100 },
        );
      });
  }
});
