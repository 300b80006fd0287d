// SPDX-License-Identifier: MIT
// @ts-check
/**
 * model/engine/atomics — one stand-in for the global `Atomics`, for as long as a search runs.
 *
 * While no simulated thread runs, everything passes through: set-up and checks work on memory at full speed. A simulated
 * thread first gets the results its log holds, and for its next operation it meets the machine. This is the hot path: a
 * re-execution is mostly calls that end at an index compare here.
 */

/** @import {IntegerArray, OperationName} from './types.js' */

/** The real one. */
const real = globalThis.Atomics;

/** @type {readonly OperationName[]} */
export const NAMES = [
  'load',
  'store',
  'add',
  'sub',
  'and',
  'or',
  'xor',
  'exchange',
  'compareExchange',
  'wait',
  'notify',
];

/** Operation codes: places in NAMES. */
export const LOAD = 0;
export const STORE = 1;
const ADD = 2;
const SUB = 3;
const AND = 4;
const OR = 5;
const XOR = 6;
const EXCHANGE = 7;
export const COMPARE_EXCHANGE = 8;
export const WAIT = 9;
export const NOTIFY = 10;
/** A logged read of something that is not shared memory. */
export const TRUTH = 15;

/** Operation and word in one number: what a re-execution must ask for again. */
export const signature = (/** @type {number} */ code, /** @type {number} */ index) =>
  (index << 4) | code;

/**
 * @typedef {object} Caller
 * @property {number} pos  entries of the log that this re-execution has consumed
 * @property {number} len  entries of the log
 * @property {(code: number, index: number) => any} recall
 * @property {(code: number, array: any, index: number, x: unknown, y: unknown) => any} meet
 */

/** @type {Caller | null} the simulated thread that runs now */
let current = null;

/** @param {Caller | null} thread */
export function setCurrent(thread) {
  current = thread;
}

/**
 * Runs something that is no part of the running thread: its operations are real.
 * @template T
 * @param {() => T} body
 * @returns {T}
 */
export function aside(body) {
  const before = current;
  current = null;
  try {
    return body();
  } finally {
    current = before;
  }
}

/**
 * @param {number} code
 * @param {(...args: any[]) => any} pass
 */
function dispatcher(code, pass) {
  return (
    /** @type {any} */ array,
    /** @type {number} */ index,
    /** @type {any} */ x,
    /** @type {any} */ y,
  ) => {
    const t = current;
    if (t === null) return pass(array, index, x, y);
    return t.pos < t.len ? t.recall(code, index) : t.meet(code, array, index, x, y);
  };
}

/** @returns {typeof Atomics} */
function standIn() {
  /** @type {Record<string, unknown>} */
  const methods = {};
  for (const name of Object.getOwnPropertyNames(real)) methods[name] = Reflect.get(real, name);
  NAMES.forEach((name, code) => {
    methods[name] = dispatcher(code, /** @type {any} */ (real[name]));
  });
  methods['waitAsync'] = (/** @type {unknown[]} */ ...args) => {
    if (current === null) return Reflect.apply(real.waitAsync, real, args);
    throw new Error('Atomics.waitAsync is not simulated: use the blocking runner in models');
  };
  return /** @type {any} */ (methods);
}

const fake = standIn();
let installed = 0;

/**
 * Runs `body` with the stand-in as the global `Atomics`.
 * @template T
 * @param {() => T} body
 * @returns {T}
 */
export function withSimulatedAtomics(body) {
  if (installed++ === 0) globalThis.Atomics = fake;
  try {
    return body();
  } finally {
    if (--installed === 0) globalThis.Atomics = real;
  }
}

/**
 * Carries out one operation that cannot block.
 * @param {number} code
 * @param {any} a
 * @param {number} i
 * @param {any} x
 * @param {any} y
 */
export function perform(code, a, i, x, y) {
  switch (code) {
    case LOAD:
      return real.load(a, i);
    case STORE:
      return real.store(a, i, x);
    case ADD:
      return real.add(a, i, x);
    case SUB:
      return real.sub(a, i, x);
    case AND:
      return real.and(a, i, x);
    case OR:
      return real.or(a, i, x);
    case XOR:
      return real.xor(a, i, x);
    case EXCHANGE:
      return real.exchange(a, i, x);
    case COMPARE_EXCHANGE:
      return real.compareExchange(a, i, x, y);
    default:
      throw new RangeError(`operation ${code} can block`);
  }
}

/** Byte address of a word in its buffer. */
export const addressOf = (/** @type {IntegerArray} */ array, /** @type {number} */ index) =>
  array.byteOffset + index * array.BYTES_PER_ELEMENT;
