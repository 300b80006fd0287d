// SPDX-License-Identifier: MIT
// @ts-check
/**
 * model/engine/faults — breaks operations on purpose, as a model's planted fault says.
 *
 * The code under test stays as it is; what it asks of memory is carried out wrongly. A search that does not notice is not
 * worth its name. A fault that makes no sense ends the search: it must not count as found.
 */

import { aside, COMPARE_EXCHANGE, LOAD, NAMES, NOTIFY, perform, STORE, WAIT } from './atomics.mjs';

/** @import {Distortion, IntegerArray, OperationName, Rewrite} from './types.js' */
/** @import {Machine} from './machine.mjs' */
/** @import {Stepper} from './stepper.mjs' */
/** @import {SimThread} from './thread.mjs' */

/** The operation is only half done: it needs another step. */
export const AGAIN = Symbol('again');

/** The stack of the code under test. */
function site() {
  const before = Error.stackTraceLimit;
  Error.stackTraceLimit = 100;
  const lines = (new Error('site').stack ?? '').split('\n').slice(1);
  Error.stackTraceLimit = before;
  return lines.filter((line) => !line.includes('/model/engine/')).join('\n');
}

export class Faults {
  /** What was done to the last operation, for the trace. */
  verdict = '';
  #rewrite;
  #machine;
  /** @type {Record<string, number>} */
  #state = {};

  /** @param {Rewrite} rewrite @param {Machine} machine */
  constructor(rewrite, machine) {
    this.#rewrite = rewrite;
    this.#machine = machine;
  }

  reset() {
    this.#state = {};
  }

  /**
   * @param {Stepper} stepper  carries out what is right
   * @param {SimThread} t @param {number} code @param {IntegerArray} array
   * @param {number} index @param {unknown} x @param {unknown} y
   * @returns {any} its result, or AGAIN
   */
  carryOut(stepper, t, code, array, index, x, y) {
    this.verdict = '';
    if (t.torn) return this.#secondHalf(t, code, array, index, x, y);
    const distortion = this.#ask(t, code, array, index, x, y);
    // One store is held back at a time.
    if (distortion === undefined || (distortion === 'delay-one' && t.delayed !== null)) {
      return stepper.carryOut(t, code, array, index, x, y);
    }
    this.verdict = typeof distortion === 'string' ? distortion : 'other arguments';
    if (distortion === 'drop') return this.#drop(t, code, array, index, x);
    if (distortion === 'split') return this.#firstHalf(t, code, array, index, x);
    if (distortion === 'delay-one') {
      if (code === WAIT) this.#machine.misuse(t, 'a wait cannot be delayed');
      const found = this.#drop(t, code, array, index, x);
      t.delayed = { code, array, index, x, y, due: false };
      return found;
    }
    return stepper.carryOut(t, code, array, index, distortion[0], distortion[1]);
  }

  /**
   * @param {SimThread} t @param {number} code @param {IntegerArray} array @param {number} index
   * @param {unknown} x @param {unknown} y
   * @returns {Distortion}
   */
  #ask(t, code, array, index, x, y) {
    const operation = {
      name: /** @type {OperationName} */ (NAMES[code]),
      word: this.#machine.label(array, index),
      index,
      args: code === LOAD ? [] : code === COMPARE_EXCHANGE || code === WAIT ? [x, y] : [x],
      site,
    };
    try {
      return aside(() => this.#rewrite(operation, { id: t.id, name: t.name }, this.#state));
    } catch (thrown) {
      return this.#machine.misuse(t, `the planted fault threw ${String(thrown)}`);
    }
  }

  /**
   * Not carried out: what its caller gets instead.
   * @param {SimThread} t @param {number} code @param {IntegerArray} array @param {number} index @param {unknown} x
   */
  #drop(t, code, array, index, x) {
    if (code === LOAD) this.#machine.misuse(t, 'a load cannot be dropped or delayed');
    if (code === WAIT) return 'ok';
    if (code === NOTIFY) return 0;
    const found = perform(LOAD, array, index, undefined, undefined);
    return code === STORE ? x : found;
  }

  /** @param {SimThread} t @param {number} code @param {IntegerArray} array @param {number} index @param {unknown} x */
  #firstHalf(t, code, array, index, x) {
    if (code <= STORE || code >= WAIT) this.#machine.misuse(t, `a ${NAMES[code]} cannot be split`);
    const found = perform(LOAD, array, index, undefined, undefined);
    if (code === COMPARE_EXCHANGE && found !== x) return found;
    t.torn = true;
    t.loaded = found;
    return AGAIN;
  }

  /** @param {SimThread} t @param {number} code @param {IntegerArray} array @param {number} index @param {unknown} x @param {unknown} y */
  #secondHalf(t, code, array, index, x, y) {
    this.verdict = 'split, second half';
    const scratch = array.slice(0, 1);
    scratch[0] = t.loaded;
    perform(code, scratch, 0, x, y);
    perform(STORE, array, index, scratch[0], undefined);
    t.torn = false;
    return t.loaded;
  }
}
