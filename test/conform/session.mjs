// SPDX-License-Identifier: MIT
// @ts-check
/**
 * conform/session — one scenario under way: its buffers, fences and locks by the names that the trace has for them.
 */

import { SyncFiles } from './calls/sync-file.mjs';
import { Containers } from './containers.mjs';
import { Events } from './events.mjs';
import { Fences } from './fences.mjs';
import { hintsOf } from './hints.mjs';
import { Running, Stage } from './stage.mjs';
import { Verdict } from './verdict.mjs';

/** @import {Attachment, DynamicAttachment, DynamicMapping, ExportedBuf, Mapping, Pin, CpuAccess, DmaBuf} from '../../src/buf/index.js' */
/** @import {DmaBufFile, FileMapping} from '../../src/file/index.js' */
/** @import {Fence} from '../../src/fence/index.js' */
/** @import {Reservation, ResvLock} from '../../src/resv/index.js' */
/** @import {Hints} from './hints.mjs' */
/** @import {WalkStep} from './walk.mjs' */
/** @import {Args, Fact, Scenario, Step, TraceEvent} from './types.js' */

/**
 * An attachment of the trace.
 * @typedef {object} Import
 * @property {number} number
 * @property {Buffer} of
 * @property {boolean} dynamic
 * @property {Attachment | DynamicAttachment} handle
 * @property {(Mapping | DynamicMapping)[]} mappings  open ones
 * @property {Pin[]} pins
 */

/**
 * A buffer of the trace, and what its exporter has counted.
 * @typedef {object} Buffer
 * @property {string} name
 * @property {ExportedBuf<unknown>} handle
 * @property {number} id
 * @property {Reservation} resv
 * @property {boolean} dynamic
 * @property {boolean} released
 * @property {number} listed  attachments on its list when the step began
 * @property {{ pins: number, live_maps: number }} counts  what its exporter has counted
 * @property {{ pins: number, live_maps: number, attachments: number }} offsets  what a decision makes of Linux's counts
 * @property {CpuAccess[]} accesses
 * @property {CpuAccess[]} vmaps  those that were begun for the bytes alone
 * @property {boolean} owned  the caller has not given up the reference of the export
 * @property {DmaBuf[]} references  more of the caller's
 * @property {Map<string, DmaBufFile>} files  open descriptors
 * @property {FileMapping[]} mappings
 * @property {() => Uint8Array} memory  of its exporter
 * @property {string[]} pollers  who has ever looked, the newest last
 * @property {Set<string>} awaited  directions that are waited for
 */

/** What the calls of a scenario share. */
export class Session {
  verdict = new Verdict();
  /** @type {Map<string, Buffer>} */
  buffers = new Map();
  /** @type {Map<string, Import>} */
  imports = new Map();
  /** Locks that threads hold. @type {Map<string, Map<Reservation, ResvLock>>} */
  #locks = new Map();
  /** Sharing buffers use it. @type {Reservation | null} */
  #shared = null;
  /** The step under way. @type {Step} */
  step = { call: '', args: {}, events: [] };
  /** @type {Events} */
  events = new Events([]);
  /** Ends an interruptible wait of the step under way. */
  interrupt = new AbortController();
  /** Did the call under way have to wait? */
  waited = false;
  /** What the call under way gave beside its result, by the name of the argument. @type {Map<string, unknown>} */
  outputs = new Map();
  /** Of the call under way. @type {Set<Fact>} */
  facts = new Set();
  /** Of the rest of the scenario. @type {Set<Fact>} */
  standing = new Set();
  /** @type {string | undefined} */
  refusedName;
  /** Room for fences was reserved by a step. */
  reserved = false;
  /** The reservation that was copied to. @type {Reservation | null} */
  copy = null;
  /** What an iteration has still to yield. @type {Fence[]} */
  walked = [];
  /** An iteration that was stopped in between, and what it has yielded. @type {WalkStep[]} */
  walk = [];
  walkLength = 0;
  /** What it was good for. @type {unknown[]} */
  collected = [];
  /** The last descriptor that was closed. @type {DmaBufFile | null} */
  closed = null;
  /** Why the last mapping of an importer's file failed. @type {{ error: unknown } | null} */
  importerMap = null;
  /** Lines of a text that have not been compared. @type {string[]} */
  lines = [];
  /** Those that were. @type {string[]} */
  read = [];
  /** @type {Map<string, { readonly cancel: Disposable, readonly count: () => number }>} */
  callbacks = new Map();

  /** @param {Scenario} scenario @param {Hints} [hints] */
  constructor(scenario, hints = hintsOf(scenario)) {
    this.scenario = scenario;
    this.hints = hints;
    this.stage = new Stage(1);
    this.rooms = this.stage.agent(0);
    this.fences = new Fences(this);
    this.syncFiles = new SyncFiles(this);
    this.containers = new Containers(this);
    if (this.containers.used) this.containers.begin();
  }

  /** Is there such an event anywhere in the trace? @param {string} op @param {string} [buf] @returns {boolean} */
  mentions(op, buf) {
    return this.scenario.trace.some((entry) =>
      entry.events?.some((event) => event.op === op && (buf === undefined || event.buf === buf)),
    );
  }

  // ------------------------------------------------------------------------------------------- what a step is about

  /** The buffer that a step is about: the trace does not always say. @param {Step} step @returns {Buffer} */
  bufferOf(step) {
    const event = step.events?.find(({ buf }) => buf !== undefined);
    const name = step.args.buf ?? step.after?.buf ?? event?.buf ?? [...this.buffers.keys()].at(-1);
    return this.buffer(name ?? 'none');
  }

  /** @param {string} name @returns {Buffer} */
  buffer(name) {
    const buffer = this.buffers.get(name);
    if (buffer === undefined) throw new RangeError(`there is no buffer ${name}`);
    return buffer;
  }

  /** @param {Step} step @returns {Import} */
  importOf(step) {
    const key = `${this.bufferOf(step).name}/${step.args.attachment}`;
    const found = this.imports.get(key);
    if (found === undefined) throw new RangeError(`there is no attachment ${key}`);
    return found;
  }

  /** @returns {Reservation} */
  get shared() {
    return (this.#shared ??= this.rooms.reservations.create());
  }

  /** Attachments on a buffer's list. @param {Buffer} buffer @returns {number} */
  listed({ handle }) {
    const all = [...this.rooms.buffers.attachments.all()];
    return all.filter(({ buffer }) => buffer === handle.row).length;
  }

  // ------------------------------------------------------------------------------------------- locks of threads

  /** The lock that a thread holds. @param {Reservation} resv @param {string} [thread] @returns {ResvLock | null} */
  held(resv, thread = this.step.thread ?? 'main') {
    return this.#locks.get(thread)?.get(resv) ?? null;
  }

  /** The lock, taken if that thread does not hold it. @param {Reservation} resv @param {string} [thread] @returns {Promise<ResvLock>} */
  async lock(resv, thread = this.step.thread ?? 'main') {
    const known = this.held(resv, thread);
    if (known !== null) return known;
    const lock = await resv.lock({ recover: true });
    const locks = this.#locks.get(thread) ?? new Map();
    this.#locks.set(thread, locks.set(resv, lock));
    return lock;
  }

  /** @param {Reservation} resv @param {string} [thread] */
  unlock(resv, thread = this.step.thread ?? 'main') {
    this.held(resv, thread)?.unlock();
    this.#locks.get(thread)?.delete(resv);
    if (resv === this.#shared) this.reserved = false;
  }

  /** @param {string} thread */
  unlockAll(thread) {
    for (const resv of this.#locks.get(thread)?.keys() ?? []) this.unlock(resv, thread);
  }

  /** A lock that is not held any more: all that who holds none can show. @param {Reservation} resv @returns {Promise<ResvLock>} */
  async staleLock(resv) {
    this.unlock(resv);
    const lock = await resv.lock({ recover: true });
    lock.unlock();
    return lock;
  }

  // ------------------------------------------------------------------------------------------- what happens

  /** A callback runs. @param {TraceEvent} event @returns {TraceEvent | null} what was recorded of it */
  happen(event) {
    this.stage.happened++;
    return this.events.happen({ thread: this.step.thread ?? 'main', ...event });
  }

  /** Was it recorded that this callback fails? @param {TraceEvent} event @returns {boolean} */
  willFail(event) {
    const ret = this.events.peek(event)?.ret;
    return typeof ret === 'string' && ret.startsWith('-');
  }

  /** Starts a call. @template T @param {() => T | Promise<T>} call @returns {Running<T>} */
  start(call) {
    this.interrupt = new AbortController();
    return new Running(this.stage, call);
  }

  /** What the call gives beside its result. @param {string} argument @param {unknown} value */
  output(argument, value) {
    this.outputs.set(argument, value);
  }

  /** Options of a wait that a signal may end. @param {Args} args */
  interruptible({ interruptible }) {
    return interruptible === false ? {} : { signal: this.interrupt.signal };
  }

  /** The state of a callback's buffer lock. @param {Reservation} resv @param {{ held: boolean } | null | undefined} shown */
  lockState(resv, shown) {
    return {
      resv_locked: resv.locked,
      resv_held_by_current: shown?.held === true || this.held(resv) !== null,
      buf_mutex_held_by_current: false,
    };
  }

  /** Gives back all that is still open. */
  async end() {
    for (const thread of this.#locks.keys()) this.unlockAll(thread);
    this.syncFiles.close();
    for (const { handle } of this.imports.values()) handle[Symbol.dispose]();
    for (const { accesses, vmaps, handle, references, files, mappings } of this.buffers.values()) {
      for (const each of [...references, ...files.values(), ...mappings]) each[Symbol.dispose]();
      for (const access of accesses) access.end();
      for (const access of vmaps) access.end();
      handle.close();
    }
    await this.stage.settle();
    this.stage.close();
  }
}
