// SPDX-License-Identifier: MIT
// @ts-check
/**
 * model/engine/stepper — one step: the scheduling point before an operation, and the operation.
 *
 * The strategy is asked where the thread has not been chosen already. If the same thread is to go on, its function simply
 * goes on; otherwise the sentinel leaves it, and the choice is handed to the machine.
 */

import { aside, LOAD, NOTIFY, perform, TRUTH, WAIT } from './atomics.mjs';
import { AGAIN } from './faults.mjs';
import { BLOCKED, beginWait, notified } from './waiting.mjs';

/** @import {IntegerArray} from './types.js' */
/** @import {Machine} from './machine.mjs' */
/** @import {SimThread} from './thread.mjs' */

export class Stepper {
  /** The thread's next operation is carried out without asking: it was chosen. */
  granted = false;
  #machine;
  #maxSteps;

  /** @param {Machine} machine @param {number} maxSteps */
  constructor(machine, maxSteps) {
    this.#machine = machine;
    this.#maxSteps = maxSteps;
  }

  /**
   * A new operation of the running thread.
   * @param {SimThread} t @param {number} code @param {IntegerArray} array @param {number} index
   * @param {unknown} x @param {unknown} y
   * @returns {any}
   */
  operate(t, code, array, index, x, y) {
    this.#machine.plain?.present();
    t.code = code;
    t.array = array;
    t.index = index;
    for (;;) {
      if (!this.granted) this.#point(t, code, array, index);
      this.granted = false;
      t.entered = true;
      if (t.delayed?.due) {
        this.flush(t);
        continue;
      }
      const result = this.#step(t, code, array, index, x, y);
      if (result !== AGAIN) return result;
    }
  }

  /**
   * A read of the environment: logged, no scheduling point.
   * @template T
   * @param {SimThread} t @param {() => T} read
   * @param {SimThread} [subject] whose death is all that can change the answer
   * @returns {T}
   */
  observe(t, read, subject) {
    const machine = this.#machine;
    machine.plain?.present();
    if (subject === undefined || subject.alive) {
      if (machine.learning && t.array !== null && !machine.starting) {
        machine.sharing?.observe(t.id, t.array, t.index);
      }
      if (subject === undefined) machine.refresh();
      else subject.fresh = true;
    }
    const value = aside(read);
    t.append(TRUTH, 0, value);
    t.pos = t.len;
    machine.plain?.enter(t.id, t.len);
    return value;
  }

  /** The step of a store that a planted fault held back. @param {SimThread} t */
  flush(t) {
    const machine = this.#machine;
    const held = /** @type {import('./thread.mjs').Delayed} */ (t.delayed);
    t.delayed = null;
    machine.steps++;
    const result = this.carryOut(t, held.code, held.array, held.index, held.x, held.y);
    const { code, array, index, x, y } = held;
    machine.tracer?.operation(t, code, array, index, [x, y], result, 'late');
    t.fresh = true;
    if (t.ended) t.done = true;
    this.#inspect();
  }

  /**
   * One operation as it should be.
   * @param {SimThread} t @param {number} code @param {IntegerArray} array @param {number} index
   * @param {any} x @param {any} y
   * @returns {any} BLOCKED when a wait has begun
   */
  carryOut(t, code, array, index, x, y) {
    const machine = this.#machine;
    try {
      if (code === WAIT) return beginWait(t, array, index, x, y, machine.clock, machine.ticket());
      if (code !== NOTIFY) return perform(code, array, index, x, y);
      const woken = notified(machine.threads, array, index, x);
      for (const other of woken) machine.wake(other, 'ok');
      return woken.length;
    } catch (thrown) {
      // A misuse of Atomics: the code under test must not be able to hide it.
      machine.crash(t, thrown);
      return t.park();
    }
  }

  /**
   * The scheduling point before an operation. Parks the thread if it is not to go on.
   * @param {SimThread} t @param {number} code @param {IntegerArray} array @param {number} index
   */
  #point(t, code, array, index) {
    const machine = this.#machine;
    if (t.depth > 0) {
      if (t.entered || machine.starting) return;
    } else if (machine.starting) t.park();
    else if (!t.torn && !t.delayed?.due) {
      if (machine.model.private?.(array, index)) return;
      if (machine.reducing && machine.sharing?.isLocal(t.id, code, array, index)) {
        if (code === LOAD) t.loads++;
        else if (machine.mayDoom(t)) t.park();
        machine.taken.push(t.id);
        return;
      }
    }
    const choice = machine.choose();
    t.loads = 0;
    if (choice === t.id) return;
    machine.next = choice;
    t.park();
  }

  /**
   * @param {SimThread} t @param {number} code @param {IntegerArray} array @param {number} index
   * @param {unknown} x @param {unknown} y
   * @returns {any} AGAIN when the operation needs another step
   */
  #step(t, code, array, index, x, y) {
    const machine = this.#machine;
    if (++machine.steps > this.#maxSteps) {
      machine.fail(t, `livelock: more than ${this.#maxSteps} steps`);
    }
    // Before the first choice nothing is concurrent.
    if (machine.learning && machine.taken.length > 0) {
      machine.sharing?.note(t.id, code, array, index, machine.alive);
    }
    const { faults } = machine;
    const { delayed } = t;
    t.fresh = true;
    if (code !== LOAD) t.loads = 0;
    const result =
      faults === null
        ? this.carryOut(t, code, array, index, x, y)
        : faults.carryOut(this, t, code, array, index, x, y);
    if (delayed !== null) delayed.due = true;
    const blocked = result === BLOCKED;
    const complete = !blocked && result !== AGAIN;
    if (complete) {
      t.append(code, index, result);
      t.pos = t.len;
    }
    if (machine.tracer !== null) {
      const note = blocked ? 'blocks' : (faults?.verdict ?? '');
      const shown = complete ? result : undefined;
      machine.tracer.operation(t, code, array, index, [x, y], shown, note);
    }
    this.#inspect();
    if (blocked) t.park();
    if (complete) machine.plain?.enter(t.id, t.len);
    return result;
  }

  #inspect() {
    const machine = this.#machine;
    const { model } = machine;
    if (model.invariant === undefined) return;
    const wrong = aside(() => model.invariant?.(machine.world) ?? null);
    if (wrong !== null) machine.bug ??= wrong;
  }
}
