// SPDX-License-Identifier: MIT
// @ts-check
/**
 * model/models/call-locks — a call to another agent with the caller's lock: whoever gives up or dies, nobody comes in while the
 * callback is inside, and nothing is left locked or open.
 */

import { CallReaper } from '../../../dist/agent/call-reaper.js';
import { Reservations } from '../../../dist/resv/index.js';
import { asker, caller, common, contender, starter, target } from '../call-world.mjs';
import { replaceMethod } from '../world.mjs';

/** @import {Model, Thread} from '../engine/types.js' */
/** @import {World} from '../world.mjs' */

/** @param {string} what @param {Thread<World>[]} threads @param {Partial<Model<World>>} more @returns {Model<World>} */
const model = (what, threads, more) => ({
  ...common,
  name: `call-locks, ${what}`,
  threads,
  ...more,
});

const quick = [
  { name: 'caller', run: caller(1) },
  { name: 'target', run: target([0], false) },
];
const anew = [{ name: 'caller', run: caller(1, { timeout: 50 }, true) }, ...quick.slice(1)];
const wanted = { name: 'contender', run: contender };
const slow = [
  { name: 'caller', run: caller(1) },
  { name: 'target', run: target([0], true) },
  { name: 'starter', run: starter(1) },
];
const impatient = [{ name: 'caller', run: caller(1, { timeout: 50 }) }, ...slow.slice(1)];

/** @type {NonNullable<Model<World>['planted']>} */
const planted = {
  'the dead have their calls left open': {
    patch: () => replaceMethod(CallReaper.prototype, 'reap', () => 0),
  },
  'a lock that was abandoned is not passed on': {
    patch: () => replaceMethod(Reservations.prototype, 'handOver', () => {}),
  },
};

const again = [
  { name: 'caller', run: asker(1, 2) },
  { name: 'target', run: target([0], false) },
];

/** @type {NonNullable<Model<World>['planted']>} */
const looking = {
  'it looks for the last time before it says that it looks no more': ({ name, word, args }) =>
    name === 'store' && word.endsWith('.looking') && args[0] === 0 ? 'delay-one' : undefined,
  'nobody is rung while it looks': ({ name, word }) =>
    name === 'store' && word.endsWith('.looking') ? [1] : undefined,
};

/** @type {Model<World>[]} */
export const models = [
  model('nobody dies', quick, { bounds: { preemptions: 2 } }),
  model('wanted, nobody dies', [...quick, wanted], { bounds: { preemptions: 1 } }),
  model('asked twice', again, { bounds: { preemptions: 2 }, planted: looking }),
  model('asked twice, 1 killed', again, { kills: 1, bounds: { preemptions: 1 } }),
  model('1 killed', quick, { kills: 1, bounds: { preemptions: 1 } }),
  model('wanted, 1 killed', [...quick, wanted], { kills: 1, bounds: { preemptions: 1 }, planted }),
  model('slow, 1 killed', slow, { kills: 1, bounds: { preemptions: 1 } }),
  model('slow and wanted, 1 killed', [...slow, wanted], { kills: 1, bounds: { preemptions: 1 } }),
  model('slow, gives up', [...impatient, wanted], { bounds: { preemptions: 2, timeouts: 1 } }),
  model('slow, gives up, 1 killed', impatient, {
    kills: 1,
    bounds: { preemptions: 1, timeouts: 1 },
  }),
  model('gives up and takes it again, 1 killed', anew, {
    kills: 1,
    bounds: { preemptions: 1, timeouts: 1 },
  }),
  model('2 killed', quick, { kills: 2, bounds: { preemptions: 0 } }),
];
