// SPDX-License-Identifier: MIT
// @ts-check
/**
 * model/engine/machine — runs one schedule of a model, choice by choice.
 *
 * The threads are plain synchronous functions. One of them runs until it meets a new operation; there the strategy chooses
 * what happens next. The same thread: the operation is carried out and the function simply goes on. Another one: the
 * function is left by a sentinel, and when its turn comes again it is re-executed from its start, with the results it already
 * had. So a switch costs a re-execution, and a step without a switch costs almost nothing.
 */

import { addressOf, aside, setCurrent, TRUTH, WAIT } from './atomics.mjs';
import { END, EXPIRE, KILL, MAX_THREADS } from './choice.mjs';
import { Faults } from './faults.mjs';
import { PlainMemory } from './plain.mjs';
import { Sharing } from './reduction.mjs';
import { Stepper } from './stepper.mjs';
import { SimThread } from './thread.mjs';

/** @import {AnyModel, Body, IntegerArray, Rewrite, Thread} from './types.js' */
/** @import {Strategy, Tracer} from './strategy.js' */

export class Machine {
  /** @type {SimThread[]} */
  threads = [];
  /** Choices of this schedule, and operations glued to them. @type {number[]} */
  taken = [];
  /** The thread that ran last; -1 at first. */
  last = -1;
  steps = 0;
  kills = 0;
  /** Kills that may still be decided. */
  killsLeft = 0;
  /** Threads that have stopped for ever, but are not dead yet. */
  doomed = 0;
  expiriesLeft = 0;
  /** Virtual milliseconds. */
  clock = 0;
  /** The schedule is equivalent to another one and was given up. */
  redundant = false;
  /** @type {string | null} */
  bug = null;
  /** @type {unknown} */
  cause = undefined;
  /** Threads that exist and are not dead, as bits of their ids. */
  alive = 0;
  /** The strategy is asked only where threads can meet. */
  reducing = false;
  /** This schedule shows who shares what. */
  learning = false;
  /** Threads run up to their first operation, each in one go. */
  starting = false;
  /** Choice made by a thread before it parked. @type {number | null} */
  next = null;
  /** @type {Sharing | null} */
  sharing;
  /** @type {PlainMemory | null} */
  plain;
  /** @type {Faults | null} */
  faults;
  /** @type {Tracer | null} */
  tracer = null;
  /** @type {any} */
  world = undefined;

  #stepper;
  /** @type {SimThread[]} */
  #pool = [];
  /** @type {Strategy} */
  #strategy = /** @type {any} */ (null);
  #tickets = 0;
  /** Labels of words, which faults ask for at every operation. @type {WeakMap<ArrayBufferLike, Map<number, string>>} */
  #labels = new WeakMap();
  /** @type {Error | null} the model or the engine is wrong, not the code under test */
  #broken = null;

  /** @param {AnyModel} model @param {Rewrite | null} [rewrite] */
  constructor(model, rewrite = null) {
    this.model = model;
    this.sharing = (model.reduce ?? model.invariant === undefined) ? new Sharing() : null;
    this.plain = model.plain === undefined ? null : new PlainMemory();
    this.faults = rewrite === null ? null : new Faults(rewrite, this);
    this.#stepper = new Stepper(this, model.bounds?.steps ?? 5000);
  }

  /**
   * Runs one schedule to its end.
   * @param {Strategy} strategy
   * @param {Tracer | null} [tracer]
   * @returns {string | null} what is wrong with it
   */
  run(strategy, tracer = null) {
    this.#reset(strategy, tracer);
    try {
      this.#start();
      for (let choice = this.#decide(); choice !== END; choice = this.#decide()) this.#take(choice);
    } finally {
      setCurrent(null);
    }
    // A death that is still due: nobody has looked since it could last have come. That schedule is searched, too.
    this.redundant = this.bug === null && this.doomed > 0;
    return this.redundant ? null : (this.bug ?? this.#verdict());
  }

  // ---------------------------------------------------------------------------------------- what strategies ask

  /** Kills that the search should consider now. @param {SimThread} t */
  killable(t) {
    if (t.doomed) return t.fresh;
    return this.killsLeft > 0 && t.alive && (t.fresh || !this.reducing);
  }

  /** May the turn be followed by something else than a run? */
  get eventful() {
    return this.killsLeft > 0 || this.doomed > 0 || this.expiriesLeft > 0;
  }

  /** @param {SimThread} t */
  expirable(t) {
    return this.expiriesLeft > 0 && t.timed;
  }

  // ---------------------------------------------------------------------------------------- what threads call

  /**
   * A new operation of the running thread.
   * @param {SimThread} t @param {number} code @param {IntegerArray} array @param {number} index
   * @param {unknown} x @param {unknown} y
   * @returns {any}
   */
  operate(t, code, array, index, x, y) {
    return this.#stepper.operate(t, code, array, index, x, y);
  }

  /**
   * A read of the environment.
   * @template T
   * @param {SimThread} t @param {() => T} read @param {SimThread} [subject]
   * @returns {T}
   */
  observe(t, read, subject) {
    return this.#stepper.observe(t, read, subject);
  }

  /** The schedule ends here. @param {SimThread} t @param {string} message @returns {never} */
  fail(t, message) {
    this.bug ??= message;
    return t.park();
  }

  /** @param {SimThread} t @param {number} code @param {number} index @returns {never} */
  diverged(t, code, index) {
    const asked = code === TRUTH ? 'a read of the environment' : `operation ${code} at ${index}`;
    const was = t.logged(t.pos);
    return this.misuse(t, `${t.name} is not deterministic: it asked for ${was}, now for ${asked}`);
  }

  /** The model is wrong: the whole search ends. @param {SimThread} t @param {string} message @returns {never} */
  misuse(t, message) {
    this.#broken ??= new Error(message);
    return t.park();
  }

  // ---------------------------------------------------------------------------------------- the schedule

  /** @param {Strategy} strategy @param {Tracer | null} tracer */
  #reset(strategy, tracer) {
    const { model } = this;
    if (this.sharing?.crowded) {
      throw new Error(
        'reset() makes new SharedArrayBuffers: clear the same ones, or reduce: false',
      );
    }
    this.#strategy = strategy;
    this.tracer = tracer;
    this.reducing = strategy.reduces && this.sharing !== null;
    this.learning = (strategy.reduces || strategy.teaches) && this.sharing !== null;
    this.taken.length = 0;
    this.threads.length = 0;
    this.last = -1;
    this.steps = this.kills = this.doomed = this.clock = 0;
    this.alive = 0;
    this.killsLeft = model.kills ?? 0;
    this.expiriesLeft = model.bounds?.timeouts ?? 0;
    this.bug = null;
    this.cause = undefined;
    this.#stepper.granted = false;
    this.next = null;
    this.#tickets = 0;
    this.world = model.reset();
    this.plain?.reset(model.plain?.(this.world) ?? []);
    this.faults?.reset();
    strategy.begin(this);
  }

  /** Every thread runs up to its first operation. */
  #start() {
    this.starting = true;
    for (const spec of this.model.threads) this.#go(this.#spawn(spec));
    this.starting = false;
  }

  /** @param {Body<any> | Thread<any>} spec */
  #spawn(spec) {
    const id = this.threads.length;
    // Sharing keeps ids as bits of a word.
    if (id >= Math.min(MAX_THREADS, 31)) throw new RangeError('too many threads');
    const t = (this.#pool[id] ??= new SimThread(this, id));
    t.become(spec);
    this.threads.push(t);
    this.alive |= 1 << id;
    return t;
  }

  /** What happens next, decided here or already by the thread that has just parked. */
  #decide() {
    const made = this.next;
    if (made !== null) {
      this.next = null;
      return made;
    }
    if (!this.threads.some((t) => t.runnable || (t.doomed && t.fresh) || this.expirable(t)))
      return END;
    return this.choose();
  }

  /** @returns {number} END when the schedule has failed */
  choose() {
    if (this.bug !== null) return END;
    const choice = this.#strategy.choose(this);
    this.taken.push(choice);
    // Deaths that were offered here and not taken can wait for the next event that concerns them.
    if (choice < KILL && this.reducing) for (const t of this.threads) t.fresh = false;
    return choice;
  }

  /** @param {number} choice */
  #take(choice) {
    if (choice >= EXPIRE) return this.#expire(this.#thread(choice - EXPIRE));
    if (choice >= KILL) return this.#kill(this.#thread(choice - KILL));
    const t = this.#thread(choice);
    this.last = choice;
    if (t.delayed?.due) {
      this.#stepper.flush(t);
      return;
    }
    this.#stepper.granted = true;
    this.#go(t);
  }

  /** @param {number} id */
  #thread(id) {
    return /** @type {SimThread} */ (this.threads[id]);
  }

  /** (Re-)executes a thread until it parks or ends. @param {SimThread} t */
  #go(t) {
    t.pos = 0;
    t.loads = 0;
    t.parked = false;
    t.depth = 0;
    this.plain?.begin(t);
    setCurrent(t);
    try {
      t.result = t.body(this.world, t.env);
    } catch (thrown) {
      // What comes out of an unwinding thread is the sentinel, or was made of it by the code's own handlers.
      if (!t.parked) this.crash(t, thrown);
    }
    setCurrent(null);
    this.#stepper.granted = false;
    if (t.result instanceof Promise) {
      t.result.catch(() => {}); // the sentinel may be in it
      this.#broken ??= new Error(`${t.name} returned a promise: threads must be synchronous`);
    }
    if (t.parked) this.plain?.thaw();
    else if (this.bug === null) this.#finish(t);
    if (this.#broken !== null) throw this.#broken;
  }

  /** @param {SimThread} t */
  #finish(t) {
    if (t.pos < t.len) this.#broken ??= new Error(`${t.name} is not deterministic: it ended early`);
    if (this.reducing && t.loads > 0 && this.mayDoom(t)) {
      // It stopped before its last loads: nobody can tell, except that it has not ended.
      this.taken.length -= t.loads;
      return;
    }
    t.ended = true;
    if (t.delayed === null) t.done = true;
    else t.delayed.due = true;
  }

  /** @param {SimThread} t @param {unknown} thrown */
  crash(t, thrown) {
    if (this.bug === null) this.cause = thrown;
    this.bug ??= `${t.name} threw ${String(thrown)}`;
  }

  /** Nobody can run any more. */
  #verdict() {
    const stuck = this.threads.filter((t) => t.alive && !t.daemon);
    if (stuck.length > 0) {
      return `stuck: ${stuck.map((t) => `${t.name} waits at ${this.label(t.array, t.index)}`).join(', ')}`;
    }
    return this.model.check(this.world, {
      results: this.threads.map((t) => (t.done ? t.result : undefined)),
      done: this.threads.map((t) => t.done),
      dead: this.threads.map((t) => t.dead),
    });
  }

  /** @param {IntegerArray | null} array @param {number} index */
  label(array, index) {
    if (array === null) return '?';
    let labels = this.#labels.get(array.buffer);
    if (labels === undefined) this.#labels.set(array.buffer, (labels = new Map()));
    const key = 16 * addressOf(array, index) + array.BYTES_PER_ELEMENT;
    let label = labels.get(key);
    if (label === undefined) {
      label = aside(() => this.model.word?.(array, index)) ?? `[${index}]`;
      labels.set(key, label);
    }
    return label;
  }

  // ---------------------------------------------------------------------------------------- events

  /** @param {SimThread} t */
  #kill(t) {
    if (t.doomed) this.doomed--;
    else this.killsLeft--;
    t.dead = true;
    t.blocked = t.doomed = false;
    t.delayed = null;
    this.alive &= ~(1 << t.id);
    this.kills++;
    this.refresh();
    this.tracer?.event(`${t.name} is killed`);
    const dead = this.threads.filter((other) => other.dead).map((other) => other.id);
    const reaper = this.model.onKill?.(this.world, dead) ?? null;
    if (reaper === null) return;
    const r = this.#spawn(reaper);
    this.tracer?.event(`${r.name} begins`);
    this.starting = true;
    this.#go(r);
    this.starting = false;
  }

  /** @param {SimThread} t */
  #expire(t) {
    this.expiriesLeft--;
    this.clock = Math.max(this.clock, t.deadline);
    this.tracer?.event(`the wait of ${t.name} times out, at ${this.clock} ms`);
    this.wake(t, 'timed-out');
    this.refresh();
  }

  /** @param {SimThread} t @param {string} result */
  wake(t, result) {
    t.blocked = false;
    t.fresh = true;
    t.append(WAIT, t.index, result);
  }

  /** Does the thread stop here for ever? @param {SimThread} t */
  mayDoom(t) {
    if (this.killsLeft === 0 || this.#strategy.doom?.(this, t) !== true) return false;
    t.doomed = t.fresh = true;
    this.doomed++;
    this.killsLeft--;
    return true;
  }

  /** The next place in line of a waiter. */
  ticket() {
    return ++this.#tickets;
  }

  /** Everybody's death is worth offering again. */
  refresh() {
    for (const t of this.threads) t.fresh = true;
  }
}
