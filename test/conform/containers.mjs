// SPDX-License-Identifier: MIT
// @ts-check
/**
 * conform/containers — the arrays and chains of a scenario, by the names that the trace has for them: "array(f,g)", "chain@2(f2)".
 *
 * The trace tells what an array is made of by its name only: that is read, and the name here is made anew from what was built.
 */

import { Fence, FenceChain, FenceSet } from './built.mjs';

/** @import {AnyFence, Fence as Point, FenceChain as Link} from '../../src/fence/index.js' */
/** @import {Session} from './session.mjs' */

const CALLS = /^dma_fence_(array|chain|unwrap)_/;
/** "array(…)", with what is in it. */
const ARRAY = /^array\((.*)\)$/;
/** A chain by its newest payload: "chain(f2)->chain(f1)". */
const BY_PAYLOAD = /^chain\((.+?)\)(->|$)/;
/** Row and generation of a record, in a name as JSON. */
const GENERATIONS = 2 ** 20;

/** What stands between commas, not counting those within brackets. @param {string} list @returns {string[]} */
function split(list) {
  const parts = [''];
  let depth = 0;
  for (const each of list) {
    if (each === '(') depth++;
    if (each === ')') depth--;
    if (each === ',' && depth === 0) parts.push('');
    else parts.push(`${parts.pop()}${each}`);
  }
  return list === '' ? [] : parts;
}

export class Containers {
  /** @type {Map<string, AnyFence>} */
  #named = new Map();
  /** The container that was made last. @type {AnyFence | null} */
  last = null;
  /** How many of its parts had failed before it was made. */
  failedBefore = 0;
  /** Links, in the order in which they were made. @type {Link[]} */
  links = [];
  /** What was merged last. @type {AnyFence | null} */
  merged = null;

  /** @param {Session} session */
  constructor(session) {
    this.session = session;
    /** Is the scenario about containers? */
    this.used = session.scenario.trace.some(({ call = '' }) => CALLS.test(call));
  }

  /** The recorder had made its fences before it began: contexts rise with their names. */
  begin() {
    const { fences } = this.session;
    const numeric = new Intl.Collator('en', { numeric: true });
    for (const name of fences.all.toSorted(numeric.compare)) fences.get(name);
  }

  /** @param {unknown} name @returns {AnyFence} */
  get(name) {
    const text = String(name);
    const known = this.#named.get(text) ?? this.#byPayload(text);
    if (known !== undefined) return known;
    if (/\W/.test(text)) throw new RangeError(`there is no container ${text}`);
    return text === 'stub' ? Fence.done : this.session.fences.get(text);
  }

  /** @param {string} name @returns {AnyFence | undefined} */
  #byPayload(name) {
    const payload = BY_PAYLOAD.exec(name)?.[1];
    if (payload === undefined) return undefined;
    return this.links.findLast((link) => this.nameOf(link.fence) === payload);
  }

  /** What an array of that name is made of; null: it is not the name of one. @param {unknown} name */
  partsOf(name) {
    const list = ARRAY.exec(String(name))?.[1];
    return list === undefined ? null : split(list);
  }

  /** Keeps what was made, and gives its name. @param {AnyFence} fence @returns {string} */
  add(fence) {
    const name = this.nameOf(fence);
    this.#named.set(name, fence);
    if (fence instanceof FenceChain) this.links.push(fence);
    // From now on a record stands for it, as for all that others are to know of.
    fence.toJSON();
    this.last = fence;
    return name;
  }

  /** @param {AnyFence} fence @returns {string} */
  nameOf(fence) {
    if (fence instanceof FenceChain) return `chain@${fence.seqno}(${this.nameOf(fence.fence)})`;
    if (fence instanceof FenceSet) return `array(${this.namesOf(fence.leaves).join()})`;
    const point = /** @type {Point} */ (fence);
    return point.timeline === 0 ? 'stub' : String(this.session.fences.nameOf(point));
  }

  /** @param {Iterable<AnyFence>} fences @returns {string[]} */
  namesOf(fences) {
    return [...fences].map((fence) => this.nameOf(fence));
  }

  /** Has its record signalled, looked at without asking the fence? @param {AnyFence} fence @returns {boolean} */
  bitOf(fence) {
    const [[, record] = [0, 0]] = fence.toJSON().points;
    const row = Math.floor(record / GENERATIONS);
    return this.session.rooms.fences.isSignaled(row, record % GENERATIONS);
  }

  /** The error of whichever failed first of all that it is made of; of an array of one out of many, of the first. @param {AnyFence} fence */
  firstError(fence) {
    const { fences } = this.session;
    const names = this.namesOf(fence.leaves);
    const over = fences.over.filter((name) => names.includes(name));
    const isAny = fence instanceof FenceSet && fence.mode === 'any';
    const errors = (isAny ? over.slice(0, 1) : over).map((name) => fences.errorOf(name));
    return errors.find((error) => error !== undefined);
  }
}
