// SPDX-License-Identifier: MIT
// @ts-check
/** What an agent of the kill test works with, as long as it lives; the steps are what it does with it. */
import { choices } from '../../threads/workers/choices.mjs';
import { isTorn, mix, RECORD, repair } from './pattern.mjs';

/** @import {CpuAccess, DmaBuf, Domain, ResvLock, Share} from 'dmabuf' */
/** @import {SyncFile, SyncShare} from 'dmabuf/file' */
/** @typedef {'corruption' | 'stuck' | 'leak' | 'descriptor'} Kind */
/** @typedef {{ readonly buf: DmaBuf, readonly cpu: CpuAccess, readonly halves: Int32Array }} Record */
/**
 * @typedef {object} Setup
 * @property {number} seed
 * @property {number} patience  milliseconds that a wait may take
 * @property {number} depth     0: started by the campaign; 1: a thread of such an agent
 * @property {string} [fault]   see faults.mjs
 */
/** @typedef {{ readonly records: readonly Share[], readonly camera: Share }} Shares */

/** Longest stop at a point where dying is expected, in milliseconds. */
const STOP = 4;

export const FRAME_BYTES = 16_384;
export const FRAMES = 6;
export const POOL = { name: 'frames', count: FRAMES, size: FRAME_BYTES };
/** Bytes of the buffer that the campaign exports, and the number of its pattern. */
export const CAMERA = { bytes: 8192, tag: 7 };
/** By name. Small: senders meet full ones; but who submits a frame never waits for others to receive, who may do the same. */
export const CHANNELS = {
  lane: { capacity: 4 },
  upper: { capacity: FRAMES },
  lower: { capacity: FRAMES },
  notes: { capacity: 4, metaBytes: 1024 },
  exports: { capacity: 2 },
};

export class Load {
  /** Tickets on their way: whether somebody has opened them is for the one who made them to find out. @type {Set<() => void>} */
  #tickets = new Set();
  /** @type {Disposable[]} */
  #kept = [];
  serial = 0;
  /** Points that are still to be passed until we are due. */
  #points = -1;
  #due = () => {};
  #clock = new Int32Array(new SharedArrayBuffer(4));

  /**
   * @param {Domain} domain @param {Setup} setup @param {Shares} shares
   * @param {(kind: Kind, what: string) => void} found
   */
  constructor(domain, setup, shares, found) {
    this.domain = domain;
    this.setup = setup;
    this.found = found;
    this.choose = choices(setup.seed);
    /** Options of every wait: nothing may take longer, whoever dies. */
    this.wait = { timeout: setup.patience };
    this.records = shares.records.map((share) => this.#openRecord(share));
    this.camera = this.#keep(domain.openSync(shares.camera));
    this.timeline = this.#keep(domain.timeline('load'));
    this.pool = this.#keep(domain.pool(POOL));
    this.lane = this.#keep(domain.channel('lane', CHANNELS.lane));
    this.bands = /** @type {const} */ ([
      this.#keep(domain.channel('upper', CHANNELS.upper)),
      this.#keep(domain.channel('lower', CHANNELS.lower)),
    ]);
    this.notes = this.#keep(domain.channel('notes', CHANNELS.notes));
    this.exports = this.#keep(domain.channel('exports', CHANNELS.exports));
  }

  /** @template T @param {readonly T[]} of @returns {T} */
  any(of) {
    return /** @type {T} */ (of[this.choose(of.length)]);
  }

  /** Calls `due` at the so-manieth point from now on. @param {number} points @param {() => void} due */
  begin(points, due) {
    this.#points = points;
    this.#due = due;
  }

  /**
   * A point where we have something in hand. Who is due stops here, for a moment: then it is likely to die with it. Whoever is not
   * killed goes on.
   */
  point() {
    if (this.#points-- !== 0) return;
    this.#due();
    Atomics.wait(this.#clock, 0, 0, this.choose(STOP));
  }

  /** Three records, or two or one of them more than once. */
  some() {
    return [this.any(this.records), this.any(this.records), this.any(this.records)];
  }

  /** What a holder of its lock does to a record: looks whether it is whole, and changes one half, and then the other. */
  change(/** @type {Record} */ { halves }, /** @type {ResvLock} */ lock) {
    this.beginChange({ halves }, lock);
    this.point();
    repair(halves);
  }

  /** The first half of a change. Whoever dies after it leaves a record that is torn, and a lock that says so. */
  beginChange(/** @type {Pick<Record, 'halves'>} */ { halves }, /** @type {ResvLock} */ lock) {
    if (lock.ownerDied) {
      repair(halves);
      lock.markConsistent();
    }
    if (isTorn(halves)) {
      this.found('corruption', `a record is torn: ${halves[0]}, ${halves[1]}`);
      repair(halves);
    }
    halves[0] = mix((halves[0] ?? 0) + 1);
  }

  /** @param {DmaBuf} buf @returns {Share} a ticket that is taken back if nobody opens it */
  shareOf(buf) {
    const mine = buf.dup();
    const share = mine.share();
    this.#tickets.add(() => {
      mine.revoke(share);
      mine.close();
    });
    return share;
  }

  /** @param {SyncFile} file @returns {SyncShare} the same of a sync file */
  fileShareOf(file) {
    const mine = file.dup();
    const share = mine.share();
    this.#tickets.add(() => {
      mine.revoke(share);
      mine.close();
    });
    return share;
  }

  /** Takes back what nobody opened, oldest first, until so many are on their way. */
  settleTickets(most = 0) {
    for (const settle of this.#tickets) {
      if (this.#tickets.size <= most) return;
      this.#tickets.delete(settle);
      settle();
    }
  }

  /** Closes all it has. */
  close() {
    this.settleTickets();
    for (const handle of this.#kept.toReversed()) handle[Symbol.dispose]();
  }

  /** @template {Disposable} T @param {T} handle @returns {T} */
  #keep(handle) {
    this.#kept.push(handle);
    return handle;
  }

  /** @param {Share} share @returns {Record} */
  #openRecord(share) {
    const buf = this.#keep(this.domain.openSync(share));
    const cpu = this.#keep(buf.cpuAccessSync('write', this.wait));
    return { buf, cpu, halves: cpu.as(Int32Array, RECORD) };
  }
}
