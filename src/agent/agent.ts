// SPDX-License-Identifier: MIT
/**
 * agent/agent — one JavaScript thread in one domain: its slot, its bell, its two runners, its deferred work.
 *
 * What waits, waits here. `wake(obj)` is called by whoever changed something about `obj`, after the change (R3, P1); it costs
 * one load per agent in use while nobody waits.
 *
 * Invariants  I15 deferred work (last puts, detaches) runs in no critical section: when no lock is held, at the end of the
 *             current job, or before the agent leaves.
 * Pairs       P1, P2: see rows and bell.
 */

import type { Arena } from '../mem/index.js';
import { Bells, bucketOf } from './bell.js';
import { runBlocking } from './blocking.js';
import { objectKey, Parked, SlotState } from './layout.js';
import { Polling } from './poll.js';
import type { Platform } from './ports.js';
import { ownerTag, Reapers, tagSlot } from './reaper.js';
import { WaitRows } from './rows.js';
import { Sleepers } from './sleepers.js';
import { type Identity, Slots } from './slots.js';
import { Tasks, type WaitLimits } from './tasks.js';
import type { Operation } from './wait.js';

/** Milliseconds after which an idle agent listens anew: what it left behind in the engine is freed then. */
const LISTEN = 10_000;
/** Milliseconds of such a sleep while some other process cannot ring this one yet. */
const LISTEN_UNHEARD = 5;
/** Milliseconds between two looks at an agent that reaps while we want to leave: it may have died. */
const BUSY = 100;
/** Reads of the turn's clock before it is refreshed within one turn. */
const CLOCK_READS = 64;

export class Agent {
  readonly slots: Slots;
  readonly sleepers: Sleepers;
  readonly bells: Bells;
  readonly rows: WaitRows;
  readonly reapers: Reapers;
  readonly polling: Polling;
  readonly tasks: Tasks;
  /** This agent's slot. */
  readonly slot: number;
  /** Never 0, never another agent's, never used again: for every word that says "mine". */
  readonly tag: number;
  /** ww locks held by objects of this agent. */
  held = 0;
  /** Callbacks of exporters that are on the stack: none of them may wait. */
  callbacks = 0;
  readonly #noteKey: number;
  readonly #doorbell: Disposable | null;
  readonly #notes: ((everything: boolean) => void)[] = [];
  readonly #beforeBlocking: (() => void)[] = [];
  readonly #deferred: (() => void)[] = [];
  #flushing = false;
  #listening = false;
  /** When it looked for the dead, without having been told of any. */
  #looked: number;
  #left = false;
  #time = 0;
  #timeReads = 0;
  /** The end of this turn will make the clock be read again. */
  #turnEnds = false;

  /** Joins. @throws ENFILE all slots are taken */
  constructor(
    readonly arena: Arena,
    readonly platform: Platform,
    who: Identity,
  ) {
    this.slots = new Slots(arena, platform);
    this.sleepers = new Sleepers(arena, platform.processes);
    this.bells = new Bells(arena, this.slots, this.sleepers);
    const { processes } = platform;
    // First: when it fails, there is no slot yet. It answers in a later turn.
    this.#doorbell = processes?.listen(() => this.#answerDoorbell(processes.station)) ?? null;
    try {
      this.slot = this.slots.join(who);
    } catch (error) {
      this.#doorbell?.[Symbol.dispose]();
      throw error;
    }
    this.tag = ownerTag(this.slot, this.slots.life(this.slot));
    this.rows = new WaitRows(arena, this.slots, this.slot);
    this.reapers = new Reapers(arena, this.slots, this.rows, this.bells, this.tag);
    this.polling = new Polling(platform);
    this.#looked = platform.now();
    this.tasks = new Tasks(platform, this.polling, () => this.listen());
    this.#noteKey = objectKey('agent', this.slot);
  }

  get left(): boolean {
    return this.#left;
  }

  /** Is the agent with this tag still the one in its slot, and alive as far as its slot says? No system call. */
  present(tag: number): boolean {
    const slot = tagSlot(tag);
    const life = this.slots.life(slot);
    const state = life & 7;
    return ownerTag(slot, life) === tag && state !== SlotState.DEAD && state !== SlotState.FREE;
  }

  /**
   * Will the agent with this tag still look after what is its own? Ask after storing what it shall find: a leaver looks through
   * everything once after it is LEAVING, a reaper after DEAD.
   */
  serves(tag: number): boolean {
    const slot = tagSlot(tag);
    const life = this.slots.life(slot);
    return ownerTag(slot, life) === tag && (life & 7) === SlotState.LIVE; // P8
  }

  // ------------------------------------------------------------------------------------------- waiting

  /** Asynchronous: never blocks, settles on the event loop. */
  run<T>(op: string, operation: Operation<T>, limits?: WaitLimits): Promise<T> {
    return this.tasks.run(op, operation, limits);
  }

  /** Blocking. `own`: ww locks held by the call's own context. */
  runSync<T>(op: string, operation: Operation<T>, timeout?: number, own = 0): T {
    this.#timeReads = 0;
    try {
      return runBlocking(this, op, operation, timeout, own);
    } finally {
      this.#timeReads = 0;
    }
  }

  // ------------------------------------------------------------------------------------------- waking

  /** Everybody who waits for `obj` looks again. Call it after the change (P1). */
  wake(obj: number): void {
    for (let index = 0, used = this.slots.used; index < used; index++) {
      if (index === this.slot) this.tasks.rung(obj);
      else if (this.rows.waits(index, obj)) this.bells.ring(index, obj); // P1
    }
  }

  /** One agent looks again at its waits for `obj`. */
  ring(index: number, obj: number): void {
    if (index === this.slot) this.tasks.rung(obj);
    else this.bells.ring(index, obj);
  }

  /** Asks another agent to look after what it owes others: its note handlers run. */
  note(index: number): void {
    if (index === this.slot)
      this.platform.microtask(() => this.serveNotes(bucketOf(this.#noteKey)));
    else this.bells.ring(index, objectKey('agent', index));
  }

  /** Runs whenever this agent was sent a note, also while it is blocked. `everything`: somebody has died. */
  onNote(fn: (everything: boolean) => void): void {
    this.#notes.push(fn);
  }

  /** Runs before this thread blocks: what the event loop would have sent goes out now. */
  onBlock(fn: () => void): void {
    this.#beforeBlocking.push(fn);
  }

  blocks(): void {
    for (const fn of this.#beforeBlocking) fn();
  }

  serveNotes(bucket: number): void {
    if (bucket >= 0 && bucket !== bucketOf(this.#noteKey)) return;
    for (const fn of this.#notes) fn(bucket < 0);
  }

  /** Takes what the bell was rung for, and looks. */
  serve(): void {
    this.bells.collect(this.slot, (bucket) => {
      this.tasks.look(bucket);
      this.serveNotes(bucket);
    });
  }

  /** The doorbell of this process has rung: its agents that listen look at their bells. */
  #answerDoorbell(station: number): void {
    if (this.#left) return;
    // First of all: nobody else will, and what this agent owes others may take its time, or fail.
    this.bells.rouse(station, this.slot);
    this.serve();
  }

  /** Listens to the bell on the event loop; does not keep the process alive. */
  listen(): void {
    while (!this.#listening && !this.#left) {
      const seen = this.bells.read(this.slot);
      if (!this.bells.park(this.slot, Parked.LISTENS)) {
        this.serve();
        continue; // P2
      }
      const heard = this.sleepers.processes?.heard() ?? true;
      const rung = this.#bell(seen, heard ? LISTEN : LISTEN_UNHEARD);
      if (rung === null) {
        this.serve();
        continue;
      }
      this.#listening = true;
      void rung.then(() => this.#heard());
    }
  }

  /** The engine waits on shared memory only; where ours is not, nobody but other processes rings, and the doorbell answers. */
  #bell(seen: number, ms: number): PromiseLike<unknown> | null {
    if (this.arena.memory instanceof SharedArrayBuffer)
      return this.bells.listen(this.slot, seen, ms);
    return new Promise<void>((resolve) => {
      this.platform.timer(ms, resolve);
    });
  }

  #heard(): void {
    this.#listening = false;
    if (this.#left) return;
    this.unpark();
    this.#lookNowAndThen();
    this.serve();
    this.listen();
  }

  /** Who notices deaths may be stopped, or busy: whoever waits does not depend on it for good. */
  #lookNowAndThen(): void {
    const now = this.platform.now();
    if (this.tasks.pending === 0 || now - this.#looked < LISTEN) return;
    this.#looked = now;
    this.lookForDead();
  }

  /** Blocks this thread until the bell rings, then serves: what `listen` does, for a thread without an event loop. */
  sleepOnce(): void {
    const seen = this.bells.read(this.slot);
    if (this.bells.park(this.slot, Parked.BLOCKS)) this.bells.sleep(this.slot, seen, Infinity); // P2
    this.unpark();
    this.serve();
  }

  /** Ringers need not notify any more; but they must while the event loop listens, whatever else this thread has done. */
  unpark(): void {
    this.bells.unpark(this.slot, this.#listening ? Parked.LISTENS : 0);
  }

  /** Runs a callback of an exporter or importer: while it is on the stack nothing waits, and no agent is called. */
  callBack<T>(fn: () => T): T {
    this.callbacks++;
    try {
      return fn();
    } finally {
      this.callbacks--;
    }
  }

  /** Code that others ask for would run inside of something that has not asked for it. */
  get occupied(): boolean {
    return this.callbacks > 0 || this.slots.word(this.slot, 'blocked') !== 0;
  }

  /** Runs `fn` now, or when no blocking call and no callback of an exporter is on the stack any more. */
  unoccupied(fn: () => void): void {
    if (this.occupied) this.platform.microtask(() => this.unoccupied(fn));
    else fn();
  }

  lookForDead(): void {
    this.reapers.sweep();
  }

  // ------------------------------------------------------------------------------------------- deferred work

  /** Runs `fn` outside of every critical section: soon, and at the latest when this agent leaves (I15). */
  defer(fn: () => void): void {
    this.#deferred.push(fn);
    if (this.#deferred.length === 1) this.platform.microtask(() => this.flush());
  }

  /** Deferred work that has not run. */
  get deferred(): number {
    return this.#deferred.length;
  }

  /** Runs deferred work, unless a lock is held: then the end of the outermost unlock will. */
  flush(): void {
    if (this.#flushing || this.held > 0) return;
    this.#flushing = true;
    try {
      for (let fn = this.#deferred.shift(); fn !== undefined; fn = this.#deferred.shift()) fn();
    } finally {
      this.#flushing = false;
    }
  }

  /** A ww lock of this agent was taken (+1) or released (−1). */
  countHeld(step: 1 | -1): void {
    this.held += step;
    if (this.held === 0 && this.#deferred.length > 0) this.flush();
  }

  /** Milliseconds since the epoch, from a clock that is read once per turn of the event loop, or every 64 uses. */
  time(): number {
    if (this.#timeReads === 0) this.#readClock();
    this.#timeReads = (this.#timeReads + 1) % CLOCK_READS;
    return this.#time;
  }

  #readClock(): void {
    this.#time = this.platform.now();
    if (this.#turnEnds) return;
    this.#turnEnds = true;
    this.platform.soon(() => {
      this.#turnEnds = false;
      this.#timeReads = 0;
    });
  }

  // ------------------------------------------------------------------------------------------- leaving

  /** Everything this agent had is taken apart, then its slot is free (I1). Pending operations end with `reason`. */
  leave(reason: unknown): void {
    if (this.#left) return;
    this.tasks.abortAll(reason);
    this.held = 0;
    this.flush();
    this.slots.setState(this.slot, SlotState.LEAVING);
    while (!this.reapers.reap(this.slot)) this.reapers.waitForOther(BUSY);
    this.slots.free(this.slot); // I1
    this.#left = true;
    this.#doorbell?.[Symbol.dispose]();
  }
}
