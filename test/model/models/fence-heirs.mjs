// SPDX-License-Identifier: MIT
// @ts-check
/**
 * model/models/fence-heirs — there is one row, and somebody dies: the next fence in it is nobody's but its maker's.
 *
 * In the first model the one who took the fence over signals it and dies, and its maker uses the row again. In the second
 * one the maker dies, and its row goes to an heir, while somebody still tries to take the old fence over.
 */

import { DmaBufError } from '../../../dist/errors.js';
import { Handles } from '../../../dist/fence/handles.js';
import { FenceRecords } from '../../../dist/fence/records.js';
import { load, record, section, store, u32 } from '../../../dist/mem/index.js';
import { joinFences, makeFenceWorld, quietWords, recover } from '../fence-world.mjs';
import { replaceMethod } from '../world.mjs';

/** @import {Body, Env, Model} from '../engine/types.js' */
/** @import {World} from '../world.mjs' */

const data = record('data', { done: u32('1 = the first fence has been signalled') });
const Data = section('data', data, () => 1);
const world = makeFenceWorld(1, [Data], { agents: 4 });
const { words } = world.arena;
const done = world.arena.base(Data) + data.at.done;
const FIRST = { row: 1, generation: 1 };

/** Has made a fence before anybody runs. @param {Env} env */
function begin(env) {
  return env.atomic(() => {
    const fences = joinFences(world, env);
    fences.create(fences.contexts(), 1);
    return fences;
  });
}

/** Makes a fence if there is a row for it: it stays its own. @param {ReturnType<typeof joinFences>} fences @param {Env} env */
function makeOne(fences, env) {
  try {
    const fence = fences.create(100, 1);
    const { tag } = fences.agent;
    if (fences.ownerOf(FIRST.row) !== tag) env.fail('somebody else took over the next fence');
    if (!fences.signal(fence)) env.fail('somebody else signalled the next fence');
  } catch (error) {
    if (!DmaBufError.is(error, 'ENFILE')) throw error;
  }
}

/** @type {Body<World>} */
const maker = (_world, env) => makeOne(begin(env), env);

/** @type {Body<World>} */
const heir = (_world, env) => makeOne(joinFences(world, env), env);

/** Lives as long as it is not killed; somebody else signals for it. @param {World} _world @param {Env} env */
function idler(_world, env) {
  begin(env);
  load(words, done);
}

/** @param {World} _world @param {Env} env */
function taker(_world, env) {
  const fences = joinFences(world, env);
  fences.setOwner(FIRST.row, FIRST.generation, fences.agent.tag);
  fences.signalPoint(FIRST.row, FIRST.generation);
  store(words, done, 1);
}

/** Has signalled before anybody runs. @param {World} _world @param {Env} env */
function earlyTaker(_world, env) {
  env.atomic(() => {
    const fences = joinFences(world, env);
    fences.setOwner(FIRST.row, FIRST.generation, fences.agent.tag);
    fences.signalPoint(FIRST.row, FIRST.generation);
  });
  load(words, done);
}

/** @param {string} name @param {readonly Body<World>[]} bodies @param {number} preemptions @returns {Model<World>} */
const model = (name, bodies, preemptions) => ({
  name: `fence-heirs, ${name}`,
  threads: bodies.map((run, n) => ({ name: `${n === 0 ? 'maker' : run.name} ${n}`, run })),
  kills: 1,
  bounds: { preemptions },
  reset: world.reset,
  onKill: () => ({ name: 'reaper', run: (_world, env) => recover(joinFences(world, env)) }),
  check: () => null,
  word: (_array, index) => world.label(index),
  private: quietWords(world),
});

/** The reaper asks who owes the row's fence, and then fails whichever fence it finds there. */
const ownerBeforeState = () =>
  replaceMethod(
    FenceRecords.prototype,
    'failOwed',
    /** @this {FenceRecords} @param {number} row @param {number} tag @param {number} error */
    function failOwed(row, tag, error) {
      return this.ownerOf(row) === tag && this.signal(row, this.stateOf(row) >>> 12, error);
    },
  );

/** The reaper takes the owner of the last fence in a free row for the owner of the next one. */
const ownerOfFreeRow = () =>
  replaceMethod(
    FenceRecords.prototype,
    'failOwed',
    /** @this {FenceRecords} @param {number} row @param {number} tag @param {number} error */
    function failOwed(row, tag, error) {
      const generation = this.stateOf(row) >>> 12;
      return this.ownerOf(row) === tag && this.signal(row, generation, error);
    },
  );

/** The name is checked, and then the owner of whichever fence is there is changed. */
const unheld = () =>
  replaceMethod(
    Handles.prototype,
    'whileHeld',
    (/** @type {number} */ _row, /** @type {() => void} */ change) => change(),
  );

/** @type {Model<World>[]} */
export const models = [
  {
    ...model('the taker dies', [maker, taker], 2),
    planted: { 'owner before state': { patch: ownerBeforeState } },
  },
  {
    ...model('the taker has signalled and dies', [maker, earlyTaker], 3),
    planted: { 'owner of a free row': { patch: ownerOfFreeRow } },
  },
  {
    ...model('the maker dies', [idler, taker, heir], 2),
    planted: { 'taken over without a hold': { patch: unheld } },
  },
];
