// SPDX-License-Identifier: MIT
// @ts-check
/**
 * model/models/resv-list — a list of fences is read without the lock while its holder drops, moves and adds fences, links a chunk, and
 * dies: whoever reads never misses a fence that was there all the time, nor one that was there before he began, and never
 * sees one that was never there.
 */

import { Fences } from '../../../dist/fence/index.js';
import { load, record, section, store, u32 } from '../../../dist/mem/index.js';
import { reservationSections } from '../../../dist/resv/index.js';
import { makeFenceWorld } from '../fence-world.mjs';
import { joinResv, quietWords, recover } from '../resv-world.mjs';

/** @import {Env, Model} from '../engine/types.js' */
/** @import {World} from '../world.mjs' */

const BOOKKEEP = 3;
/** Chunks are exactly as many as one list needs, so the other one gets the same. */
const CHUNKS = 1;

const Said = section(
  'said',
  record('said', {
    row: u32('of the fence that stays'),
    generation: u32('of the fence that stays'),
    added: u32('contexts below this one have been added to list 0'),
  }),
  () => 1,
);
const said = Said.layout.at;

/** @type {Partial<import('../resv-world.mjs').TinyLimits>} */
const limits = { agents: 5, buffers: 2, waitRows: 2, resvChunks: CHUNKS };
const world = makeFenceWorld(8, [...reservationSections, Said], limits);
const { words } = world.arena;
const base = world.arena.base(Said);
const word = (/** @type {string} */ field) => base + /** @type {number} */ (said[field]);

/** Contexts: 1 stays pending; up to 5 is there before anybody runs; then those that are added; those from 100 on are in list 1. */
const STAYS = 1;
const OLD = 5;
const ELSEWHERE = 100;

/** Reads the list again and again. @param {number} times @param {boolean} mortal  the writer may die, and what it added fails */
const reader = (times, mortal) => (/** @type {World} */ _world, /** @type {Env} */ env) => {
  const { room, stays } = env.atomic(() => {
    const joined = joinRoom(env);
    const fence = joined.fences.create(STAYS, 1);
    store(words, word('row'), fence.row);
    store(words, word('generation'), fence.generation);
    return { room: joined, stays: fence };
  });
  const { list } = room.of(0);
  for (let n = 0; n < times; n++) {
    const added = load(words, word('added'));
    const contexts = list.pendingPoints(BOOKKEEP).map(({ row }) => room.fences.contextOf(row));
    if (!contexts.includes(STAYS)) env.fail('the fence that stays was not seen');
    if (mortal) continue;
    for (let context = OLD + 1; context < added; context++) {
      if (!contexts.includes(context)) env.fail(`fence ${context} was not seen`);
    }
    if (contexts.some((context) => context >= ELSEWHERE))
      env.fail('a fence of another list was seen');
  }
  return stays.row;
};

/** @param {Env} env */
const joinRoom = (env) => joinResv(world, env, (agent) => new Fences(agent));

/** The fence that stays is the fifth, in a chunk. @param {Env} env */
function filled(env) {
  const room = joinRoom(env);
  const lock = room.of(0).lockSync();
  lock.reserve(OLD);
  const fences = [];
  for (let context = STAYS + 1; context <= OLD; context++) {
    const fence = room.fences.create(context, 1);
    lock.add(fence, 'read');
    fences.push(fence);
  }
  const stays = room.fences.handle(load(words, word('row')), load(words, word('generation')));
  lock.add(stays, 'bookkeep');
  return { room, lock, fences };
}

/** The first two of the others signal, the one that stays moves, and two are added. @param {World} _world @param {Env} env */
function writer(_world, env) {
  const { room, lock, fences } = env.atomic(() => filled(env));
  for (const fence of fences.slice(0, 2)) room.fences.signal(fence);
  lock.reserve(2);
  for (let context = OLD + 1; context <= OLD + 2; context++) {
    lock.add(room.fences.create(context, 1), 'read');
    store(words, word('added'), context + 1);
  }
  lock.unlock();
}

/** The last user gives the list up, and uses its chunk for another one. @param {World} _world @param {Env} env */
function lastUser(_world, env) {
  const { room, lock } = env.atomic(() => filled(env));
  lock.unlock();
  room.reset(0);
  const other = room.of(1).lockSync();
  other.reserve(OLD);
  for (let n = 0; n < OLD; n++) other.add(room.fences.create(ELSEWHERE + n, 1), 'read');
  other.unlock();
}

/** Reads a list that is given up: fences of it, or none. @param {World} _world @param {Env} env */
function lateReader(_world, env) {
  const room = env.atomic(() => {
    const joined = joinRoom(env);
    const fence = joined.fences.create(STAYS, 1);
    store(words, word('row'), fence.row);
    store(words, word('generation'), fence.generation);
    return joined;
  });
  const points = room.of(0).list.pendingPoints(BOOKKEEP);
  const contexts = points.map(({ row }) => room.fences.contextOf(row));
  if (contexts.some((context) => context >= ELSEWHERE))
    env.fail('a fence of another list was seen');
}

/** What somebody left half done: it is taken on. @param {World} _world @param {Env} env */
function heir(_world, env) {
  const room = joinRoom(env);
  recover(room);
  const lock = room.of(0).lockSync({ recover: true });
  lock.reserve(1);
  lock.add(room.fences.create(OLD + 9, 1), 'read');
  lock.unlock();
}

/** @param {string} what @param {Model<World>['threads']} threads @param {number} kills @param {number} preemptions @returns {Model<World>} */
const model = (what, threads, kills, preemptions) => ({
  name: `resv-list, ${what}, ${kills} killed`,
  threads,
  kills,
  bounds: { preemptions },
  reset: world.reset,
  onKill: (_world, dead) => (dead.includes(0) ? null : { name: 'heir', run: heir }),
  check: () => null,
  word: (_array, index) => world.label(index),
  private: quietWords(world, /^fenceCounters|^resvClass/),
});

const threads = (/** @type {boolean} */ mortal) => [
  { name: 'reader', run: reader(2, mortal) },
  { name: 'writer', run: writer },
];

/** @type {import('../engine/types.js').Rewrite} */
const noVersion = ({ name, word: label }) =>
  name === 'add' && label.endsWith('.listVersion') ? 'drop' : undefined;

/** @type {Model<World>[]} */
export const models = [
  {
    ...model('grows and moves', threads(false), 0, 2),
    planted: {
      'the version does not grow': noVersion,
      'the slot comes after the count': ({ name, word: label }) =>
        name === 'store' && /\.slots/.test(label) ? 'delay-one' : undefined,
    },
  },
  {
    ...model(
      'given up, and its chunk used again',
      [
        { name: 'reader', run: lateReader },
        { name: 'last user', run: lastUser },
      ],
      0,
      2,
    ),
    planted: { 'the version does not grow': noVersion },
  },
  model('grows and moves', threads(true), 1, 1),
];
