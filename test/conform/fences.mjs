// SPDX-License-Identifier: MIT
// @ts-check
/**
 * conform/fences — the fences of a scenario by name: points of timelines, made when they are first named.
 */

import { ERROR_CODES, errorNumber, Fence, FenceSet } from './built.mjs';

/** @import {AnyFence, Fence as Point, Timeline} from '../../src/fence/index.js' */
/** @import {Session} from './session.mjs' */
/** @import {Scenario} from './types.js' */

/** Linux's numbers of one context wrap here. */
const WRAP = 2 ** 32;
/** Milliseconds from one signal to the next. */
const MOMENT = 2 ** -10;

/** Signalled since ever, or made up for fences that all have signalled. @param {AnyFence} fence */
export const isStub = (fence) => fence instanceof Fence && fence.timeline === 0;

/** What fences ended with that no step sets an error for. @param {Scenario} scenario @returns {Map<string, string>} */
function silentErrors({ trace }) {
  const told = trace.filter(({ call }) => call === 'dma_fence_set_error');
  const set = new Set(told.map(({ args }) => args?.fence));
  const found = new Map();
  for (const { op, fence, error } of trace.flatMap(({ events = [] }) => events)) {
    const code = ERROR_CODES.find((known) => `-${known}` === error);
    if (op === 'fence.release' && code !== undefined && !set.has(fence)) found.set(fence, error);
  }
  return found;
}

export class Fences {
  /** @type {Map<string, { readonly fence: Point, readonly timeline: Timeline | null }>} */
  #named = new Map();
  /** @type {Map<string, Timeline>} */
  #timelines = new Map();
  /** Names by record: lists of reservations name records. @type {Map<string, string>} */
  #byRecord = new Map();
  /** Errors that were set before the signal. @type {Map<string, string>} */
  errors = new Map();
  /** Errors that nobody is seen to set: only how the fence ended tells. @type {ReadonlyMap<string, string>} */
  #silent;
  /** What has signalled, in that order. @type {string[]} */
  over = [];
  /** Those that were refused an error. @type {Set<string>} */
  refused = new Set();
  /** Context of fences whose numbers are chosen. */
  #context = 0;
  /** Contexts of fences that signal by themselves. @type {Map<string, number>} */
  #contexts = new Map();

  /** @param {Session} session */
  constructor(session) {
    this.session = session;
    this.#silent = silentErrors(session.scenario);
  }

  /** @param {string} name @returns {Point} */
  get(name) {
    return (this.#named.get(name) ?? this.#make(name)).fence;
  }

  /** The names of all fences that the trace names as released: they were made, even if no call names them. @returns {string[]} */
  get all() {
    const events = this.session.scenario.trace.flatMap((entry) => entry.events ?? []);
    const named = events.map(({ fence }) => fence).filter((fence) => fence !== undefined);
    return [...new Set([...this.#named.keys(), ...named])].toSorted();
  }

  /** The one that is meant when a call names none. @returns {string} */
  get only() {
    return this.all[0] ?? 'f';
  }

  /** @param {AnyFence | null | undefined} fence @returns {string | null} */
  nameOf(fence) {
    if (fence === undefined || fence === null || isStub(fence)) return null;
    if (fence instanceof FenceSet) {
      return `array(${[...fence].map((leaf) => this.nameOf(leaf)).join()})`;
    }
    const point = /** @type {Point} */ (fence);
    // What is left when all has signalled.
    if (point.timeline === 0) return null;
    return this.atRecord(point) ?? `point ${point.seqno} of context ${point.timeline}`;
  }

  /** @param {{ readonly row: number, readonly generation: number }} point @returns {string | undefined} */
  atRecord({ row, generation }) {
    return this.#byRecord.get(`${row}/${generation}`);
  }

  /** @param {string} name */
  #make(name) {
    const number = this.session.hints.numbers.get(name);
    const point =
      number === undefined ? () => this.#point(name) : () => this.#pointAt(name, number);
    const lone = this.session.containers.used ? () => this.#lone(name) : point;
    const made = this.#isNumbered(name) ? this.#numbered(name) : lone();
    this.#named.set(name, made);
    this.#byRecord.set(`${made.fence.row}/${made.fence.generation}`, name);
    return made;
  }

  /** Are the numbers of these fences chosen? Where they are compared, "f" and "g" are of one context. */
  #isNumbered(/** @type {string} */ name) {
    const { hints, scenario } = this.session;
    const compares = scenario.trace.some(({ call }) => /^dma_fence_(is_)?later/.test(call ?? ''));
    return (hints.sameContext || compares) && (name === 'f' || name === 'g');
  }

  /** A point of the context that all fences of this scenario share. */
  #numbered(/** @type {string} */ name) {
    const { fences } = this.session.rooms;
    this.#context ||= fences.contexts();
    const { order } = this.session.hints;
    const first = order === 'wrap' ? WRAP - 1 : 5;
    const steps = { later: 1, earlier: -1, same: 0, wrap: 1, beyond: WRAP / 2 + 1 };
    const seqno = name === 'f' ? first : first + steps[order];
    return { fence: fences.create(this.#context, seqno), timeline: null };
  }

  /** The next point of a timeline: "a" and "a2" are of one, as are "c1s1" and "c1s2". */
  #point(/** @type {string} */ name) {
    const context = /^(c\d+|[a-z]+)/.exec(name)?.[1] ?? name;
    const timeline = this.timeline(context);
    return { fence: timeline.next(), timeline };
  }

  /** A fence that signals by itself: "c1s1" and "c1s2" are of one context, "f1" and "f2" are not. */
  #lone(/** @type {string} */ name) {
    const { fences } = this.session.rooms;
    const [, context = name, seqno = 1] = /^(c\d+)s(\d+)$/.exec(name) ?? [];
    const known = this.#contexts.get(context) ?? fences.contexts();
    this.#contexts.set(context, known);
    return { fence: fences.create(known, Number(seqno)), timeline: null };
  }

  /** @param {string} context @returns {Timeline} */
  timeline(context) {
    const known = this.#timelines.get(context);
    if (known !== undefined) return known;
    const made = this.session.rooms.fences.timeline(context);
    this.#timelines.set(context, made);
    return made;
  }

  /** The point with this number, of a timeline of that name. @param {string} name @param {number} seqno */
  #pointAt(name, seqno) {
    const timeline = this.timeline(name);
    let fence = timeline.next();
    while (fence.seqno < seqno) fence = timeline.next();
    if (seqno > 1) timeline.signal(seqno - 1);
    return { fence, timeline };
  }

  /** The error that it signals with, if any. @param {string} name */
  errorOf(name) {
    return this.errors.get(name) ?? this.#silent.get(name);
  }

  /** @param {string} name @throws EINVAL it has signalled */
  signal(name) {
    this.get(name);
    const made = this.#named.get(name);
    const error = /** @type {any} */ (this.errorOf(name)?.slice(1));
    if (made?.timeline === null || made === undefined) {
      const number = error === undefined ? 0 : errorNumber(error);
      if (made !== undefined) this.session.rooms.fences.signal(made.fence, number);
    } else if (error === undefined) made.timeline.signal(made.fence);
    else made.timeline.fail(made.fence, error);
    this.over.push(name);
    const { stage } = this.session;
    stage.happened++;
    // What signals after this does so later.
    stage.clock.now += MOMENT;
  }

  /** Unless it has signalled. @param {string} name */
  signalOnce(name) {
    if (!this.get(name).signaled) this.signal(name);
  }

  /** The recorder leaves nothing pending behind. */
  signalAll() {
    for (const name of this.#named.keys()) this.signalOnce(name);
  }
}
