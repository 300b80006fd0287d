// SPDX-License-Identifier: MIT
// @ts-check
/**
 * Faults that the kill test must find, each by the figure that it is for: planted by `--fault NAME`, in every agent. Those of
 * the form "without X" switch a rank of recovery off, in the built package.
 */
import { openSync } from 'node:fs';
import { Reapers } from '../../dist/agent/reaper.js';
import { Slots } from '../../dist/agent/slots.js';

/** @import {Load} from './load/load.mjs' */
/** @import {Figures} from './tally.mjs' */
/** @typedef {{ afterStep(load: Load): void }} Fault */

/** @type {Fault} */
const NONE = { afterStep: () => undefined };
/** One step in so many goes wrong. */
const SELDOM = 16;

/** @param {(load: Load) => void} wrong @returns {() => Fault} */
const now = (wrong) => () => ({
  afterStep(load) {
    if (load.choose(SELDOM) === 0) wrong(load);
  },
});

/** Ranks of recovery that do nothing. @type {Set<string>} */
const off = new Set();

// An agent says what its rooms recover when it joins; which fault it has, it learns later.
const { register } = Reapers.prototype;
Reapers.prototype.register = function (rank, reap) {
  register.call(this, rank, (slot, tag) => (off.has(rank) ? 0 : reap(slot, tag)));
};

/** Whoever dies keeps what this rank would take. @param {string} rank @returns {() => Fault} */
const without = (rank) => () => {
  off.add(rank);
  return NONE;
};

/**
 * Name → the figure that shows it, and how it is planted. The first one of each figure is planted whenever all tests run.
 *
 * @type {Record<string, { readonly shows: keyof Figures, readonly plant: () => Fault }>}
 */
export const FAULTS = {
  'writes without the lock': {
    shows: 'corruptions',
    plant: now((load) => {
      const { halves } = load.any(load.records);
      halves[0] = (halves[0] ?? 0) + 1;
    }),
  },
  'without locks': { shows: 'stuckWaiters', plant: without('locks') },
  'promises and forgets': {
    shows: 'stuckWaiters',
    plant: now((load) => {
      const { resv } = load.any(load.records).buf;
      const lock = resv.lockSync({ recover: true, ...load.wait });
      lock.reserve(1);
      lock.add(load.timeline.next(), 'bookkeep');
      lock.unlock();
    }),
  },
  'joins unseen': {
    shows: 'stuckWaiters',
    plant: () => {
      Slots.prototype.ofMember = () => -1;
      return NONE;
    },
  },
  'without fences': { shows: 'stuckWaiters', plant: without('fences') },
  'without references': { shows: 'leakedBuffers', plant: without('references') },
  'keeps a buffer': {
    shows: 'leakedBuffers',
    plant: now(({ domain }) => void kept.push(domain.alloc(4096, { name: 'kept' }))),
  },
  'keeps a descriptor': {
    shows: 'leakedFds',
    plant: now(() => void kept.push(openSync('/dev/null', 'r'))),
  },
};

/** Nothing of it may be collected. @type {unknown[]} */
const kept = [];

/** @param {string | undefined} name @returns {Fault} */
export function plant(name) {
  if (name === undefined) return NONE;
  const { [name]: fault } = FAULTS;
  return fault?.plant() ?? NONE;
}
