// SPDX-License-Identifier: MIT
// @ts-check
/**
 * model/resv-faults — what can be done wrong with a ww lock, each of which the models have to find.
 */

import { Reapers } from '../../dist/agent/reaper.js';
import { ContextTable } from '../../dist/resv/context-table.js';
import { K, TAG, W } from '../../dist/resv/owner-word.js';
import { WwLock } from '../../dist/resv/ww-lock.js';
import { WwQueue } from '../../dist/resv/ww-queue.js';
import { replaceMethod } from './world.mjs';

/** @import {Fault, Rewrite} from './engine/types.js' */
/** @import {Waiter} from '../../dist/resv/waiter.js' */

const lock = WwLock.prototype;
const queue = WwQueue.prototype;

/** @param {object} target @param {string} key @param {(...args: any[]) => unknown} value @returns {Fault} */
const broken = (target, key, value) => ({ patch: () => replaceMethod(target, key, value) });

/** Several broken methods at once. @param {readonly (() => void)[]} mends */
const together = (mends) => () => {
  for (const mend of mends) mend();
};

/** The row stands, but after its owner has looked. */
export const rowTooLate = broken(
  lock,
  'arm',
  /** @this {WwLock} @param {Waiter} waiter */ function arm(waiter) {
    const over = this.look(waiter, true);
    this.queue.arm(waiter);
    return over;
  },
);

/** The row is never written. */
export const noRow = broken(queue, 'publish', function publish() {
  return false;
});

/** @type {Rewrite} Who is rung does not notice. */
export const noRing = ({ name, word }) =>
  name === 'add' && word.endsWith('.bell') ? 'drop' : undefined;

/** @type {Rewrite} Nobody says that he waits. */
export const noMark = ({ name, word, args }) => {
  if (name !== 'compareExchange' || !word.endsWith('.owner')) return undefined;
  const [from, to] = args.map(Number);
  const held = (Number(from) & TAG) !== 0 && ((Number(from) ^ Number(to)) & TAG) === 0;
  return held && (Number(to) & W) !== 0 ? 'drop' : undefined;
};

/** @type {Rewrite} Whoever unlocks forgets that somebody may have to die. */
export const forgetsContexts = ({ name, word, args }) => {
  if (name !== 'compareExchange' || !word.endsWith('.owner')) return undefined;
  const [from, to] = args.map(Number);
  return (Number(to) & TAG) === 0 ? [from, Number(to) & ~(W | K)] : undefined;
};

/** Whoever unlocks looks for waiters first, and releases then. */
export const looksFirst = {
  patch() {
    const { release } = lock;
    const { ringNext } = queue;
    /** @type {boolean | null} */
    let seen = null;
    return together([
      replaceMethod(
        lock,
        'release',
        /** @this {WwLock} @param {number} tag @param {boolean} dead */ function early(tag, dead) {
          seen = ringNext.call(this.queue);
          release.call(this, tag, dead);
          seen = null;
        },
      ),
      replaceMethod(
        queue,
        'ringNext',
        /** @this {WwQueue} */ function once() {
          return seen ?? ringNext.call(this);
        },
      ),
    ]);
  },
};

/** The first waiter does not look again after its row was written anew. */
export const rowRewritten = broken(queue, 'ringLocal', function ringLocal() {});

/** Who gives up, or cannot use it now, keeps what he was woken for. */
export const noPass = broken(lock, 'pass', function pass() {});

/** Agents with more waits than rows are forgotten. */
export const hiddenForgotten = {
  patch: () =>
    replaceMethod(
      queue,
      'ringNext',
      /** @this {WwQueue} */ function visible() {
        const [best] = this.others().toSorted((a, b) => a.ticket - b.ticket || a.stamp - b.stamp);
        if (best !== undefined) this.agent.ring(best.slot, this.key);
        return best !== undefined;
      },
    ),
};

/** A new holder does not make those look who may have to die for it. */
export const noHeldAnew = broken(queue, 'ringKillable', function ringKillable() {});

/** Nobody is wounded. */
export const noWound = broken(ContextTable.prototype, 'wound', function wound() {});

/** Nobody is rung after a death. */
export const silentReaper = broken(Reapers.prototype, 'ringEverybody', function ringEverybody() {});
