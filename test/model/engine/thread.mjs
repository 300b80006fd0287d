// SPDX-License-Identifier: MIT
// @ts-check
/**
 * model/engine/thread — one simulated thread: its log of results, and where it stands.
 *
 * Invariants  E1 a thread that is not running is parked before an operation, blocked in a wait, done or dead.
 *             E2 a re-execution gets the first `len` results from the log and has no effect on shared memory.
 *             E3 after the park sentinel was thrown, whatever the unwinding code calls throws it again.
 */

import { NAMES, signature, TRUTH } from './atomics.mjs';

/** @import {Body, Env, IntegerArray, Thread} from './types.js' */
/** @import {Machine} from './machine.mjs' */

/** Thrown to leave a thread function; only the machine catches it for good. */
const PARK = Symbol('parked');

/**
 * A store that is held back by a planted fault.
 * @typedef {object} Delayed
 * @property {number} code
 * @property {IntegerArray} array
 * @property {number} index
 * @property {unknown} x
 * @property {unknown} y
 * @property {boolean} due  the next operation is done: from now on the flush is this thread's next step
 */

export class SimThread {
  name = '';
  /** @type {Body<any>} */
  body = () => undefined;
  daemon = false;

  /** @type {unknown[]} */
  log = [];
  /** @type {number[]} signatures of the logged operations */
  signatures = [];
  pos = 0;
  len = 0;

  parked = false;
  /** Its function has returned; it is done when no store is held back either. */
  ended = false;
  done = false;
  dead = false;
  /** It does not go on, but is not dead yet (see reduction). */
  doomed = false;
  /** Loads glued to its last other step: the last entries of `taken`. */
  loads = 0;
  /** In a wait on `array[index]`. */
  blocked = false;
  /** Order among the waiters of a word. */
  ticket = 0;
  /** Virtual time at which its wait may expire. */
  deadline = Infinity;
  /** @type {unknown} */
  result = undefined;

  /** The operation it is parked before or blocked in. */
  code = 0;
  /** @type {IntegerArray | null} */
  array = null;
  index = 0;

  /** Depth of atomic blocks, and whether the block's scheduling point has passed. */
  depth = 0;
  entered = false;
  /** Something happened since its death was last offered to the search (see reduction). */
  fresh = true;
  /** Planted faults: a store held back; the value loaded by the first half of a split operation. */
  /** @type {Delayed | null} */
  delayed = null;
  torn = false;
  /** @type {any} */
  loaded = undefined;

  /** @type {Env} */
  env;

  /**
   * @param {Machine} machine
   * @param {number} id
   */
  constructor(machine, id) {
    this.machine = machine;
    this.id = id;
    this.env = environment(machine, this);
  }

  /** @param {Body<any> | Thread<any>} spec */
  become(spec) {
    const bare = typeof spec === 'function';
    this.name = bare ? `${spec.name || 'thread'} ${this.id}` : spec.name;
    this.body = bare ? spec : spec.run;
    this.daemon = bare ? false : (spec.daemon ?? false);
    this.len = 0;
    this.ended =
      this.done =
      this.dead =
      this.doomed =
      this.blocked =
      this.parked =
      this.torn =
        false;
    this.result = undefined;
    this.array = null;
    this.delayed = null;
    this.fresh = true;
  }

  get runnable() {
    return !this.done && !this.dead && !this.blocked && !this.doomed;
  }

  get alive() {
    return !this.done && !this.dead;
  }

  /** May its wait time out? */
  get timed() {
    return this.blocked && this.deadline !== Infinity;
  }

  /**
   * The next logged result, to a re-execution (E2).
   * @param {number} code @param {number} index @returns {any}
   */
  recall(code, index) {
    const p = this.pos;
    if (this.signatures[p] !== signature(code, index)) this.machine.diverged(this, code, index);
    this.pos = p + 1;
    if (this.machine.plain !== null) this.machine.plain.enter(this.id, p + 1);
    return this.log[p];
  }

  /**
   * A new operation.
   * @param {number} code @param {IntegerArray} array @param {number} index @param {unknown} x @param {unknown} y
   * @returns {any}
   */
  meet(code, array, index, x, y) {
    if (this.parked) throw PARK; // E3
    return this.machine.operate(this, code, array, index, x, y);
  }

  /** @param {number} code @param {number} index @param {unknown} result */
  append(code, index, result) {
    this.signatures[this.len] = signature(code, index);
    this.log[this.len] = result;
    this.len++;
  }

  /** @returns {never} */
  park() {
    this.parked = true;
    this.machine.plain?.freeze();
    throw PARK;
  }

  /** Name of a logged operation. @param {number} at */
  logged(at) {
    const code = (this.signatures[at] ?? 0) & 15;
    return code === TRUTH
      ? 'a read of the environment'
      : `${NAMES[code]} at ${(this.signatures[at] ?? 0) >> 4}`;
  }
}

/**
 * @param {Machine} machine
 * @param {SimThread} t
 * @returns {Env}
 */
function environment(machine, t) {
  /** @type {<T>(read: () => T, subject?: SimThread) => T} */
  const observe = (read, subject) => {
    if (t.pos < t.len) return t.recall(TRUTH, 0);
    if (t.parked) throw PARK; // E3
    return machine.observe(t, read, subject);
  };
  return {
    id: t.id,
    isDead: (other) => observe(() => machine.threads[other]?.dead === true, machine.threads[other]),
    now: () => observe(() => machine.clock),
    once: (read) => observe(read),
    atomic(block) {
      if (t.depth++ === 0) t.entered = false;
      try {
        return block();
      } finally {
        t.depth--;
      }
    },
    fail(message) {
      if (t.parked) throw PARK; // E3
      return machine.fail(t, message);
    },
  };
}
