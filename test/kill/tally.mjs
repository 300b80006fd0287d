// SPDX-License-Identifier: MIT
// @ts-check
/** What the kill test has counted: the figures that it ends with, and a line for each of its findings. */

/** @import {Kind} from './load/load.mjs' */

/** @typedef {Record<'corruptions' | 'stuckWaiters' | 'leakedBuffers' | 'leakedFds', number>} Figures  0 where all is well */

/** Kind of finding → its figure. @type {Readonly<Record<Kind, keyof Figures>>} */
const FIGURE = {
  corruption: 'corruptions',
  stuck: 'stuckWaiters',
  leak: 'leakedBuffers',
  descriptor: 'leakedFds',
};
/** More findings than that say nothing more. */
const ENOUGH = 20;

export class Tally {
  /** Deaths by SIGKILL, or by terminate() where all are threads. */
  kills = 0;
  /** Of these, during Domain.join(). */
  joining = 0;
  /** Members that died with so much of it. */
  lost = { locks: 0, fences: 0, buffers: 0 };
  /** @type {Figures} */
  #figures = { corruptions: 0, stuckWaiters: 0, leakedBuffers: 0, leakedFds: 0 };
  #findings = 0;
  /** @type {number[]} */
  #seconds = [];

  /**
   * @param {(line: string) => void} tell      how far it has come
   * @param {(line: string) => void} complain  what it has found
   * @param {keyof Figures | null} sought      the figure that is looked for; null: all
   */
  constructor(tell, complain, sought) {
    this.tell = tell;
    this.complain = complain;
    this.sought = sought;
  }

  /** @param {Kind} kind @param {string} what @param {number} [count] */
  found = (kind, what, count = 1) => {
    this.#figures[FIGURE[kind]] += count;
    if (++this.#findings <= ENOUGH) this.complain(`after ${this.kills} kills: ${kind}: ${what}`);
  };

  /** @param {number} seconds  from the kill to the end of its recovery */
  killed(seconds) {
    this.kills++;
    this.#seconds.push(seconds);
  }

  /** All that live have been looked at. */
  looked() {
    this.tell(`${this.kills} kills, ${this.#findings} findings`);
  }

  /** Nothing more will be learnt. */
  get hasEnough() {
    return this.sought === null ? this.#findings >= ENOUGH : this.#figures[this.sought] > 0;
  }

  get isClean() {
    return this.#findings === 0;
  }

  get json() {
    const seconds = this.#seconds.toSorted((a, b) => a - b);
    const p99 = seconds[Math.max(0, Math.ceil(seconds.length * 0.99) - 1)] ?? 0;
    return { kills: this.kills, ...this.#figures, secondsToRecoverP99: Number(p99.toFixed(4)) };
  }
}
