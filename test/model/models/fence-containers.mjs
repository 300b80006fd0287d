// SPDX-License-Identifier: MIT
// @ts-check
/**
 * model/models/fence-containers — sets and chains of one agent's fences, made by another, waited for by a third, while rows are
 * used again and somebody dies.
 *
 * A set of two: the first point fails, so whoever learns of the set learns of that, however late. A chain of two links by two
 * makers: nobody may take it for over while the older payload is pending. When a maker dies, what he made has failed.
 */

import { DmaBufError, errorNumber } from '../../../dist/errors.js';
import { FenceBlocks } from '../../../dist/fence/blocks.js';
import { Containers } from '../../../dist/fence/containers.js';
import { Handles } from '../../../dist/fence/handles.js';
import { Fence, FenceChain } from '../../../dist/fence/index.js';
import { FenceRecords } from '../../../dist/fence/records.js';
import { joinFences, makeFenceWorld, quietWords, recover, timeOf } from '../fence-world.mjs';
import { replaceMethod } from '../world.mjs';

/** @import {Body, Env, Fault, Model, Outcome} from '../engine/types.js' */
/** @import {World} from '../world.mjs' */

/** @typedef {ReturnType<typeof joinFences>} Room */
/** @typedef {{ readonly row: number, readonly generation: number }} Point */

const EIO = errorNumber('EIO');
const [OWNER, MAKER, SECOND, WAITER] = [0, 1, 2, 3];

/** Rows 1 and 2 are the payloads; the makers' blocks begin at rows 4 and 6, and members come before their record. */
const P1 = { row: 1, generation: 1 };
const P2 = { row: 2, generation: 1 };
const FIRST = { row: 5, generation: 1 };
const NEWEST = { row: 7, generation: 1 };

const sets = makeFenceWorld(5);
const chains = makeFenceWorld(6);

/** @param {Room} fences @param {Point} point */
const open = (fences, { row, generation }) => fences.handle(row, generation);
/** @param {Room} fences @param {Point} point */
const isOver = (fences, { row, generation }) => fences.isSignaled(row, generation);

/** Fences that use rows again. @param {Room} fences @param {number} count */
function churn(fences, count) {
  const context = 100;
  for (let seqno = 1; seqno <= count; seqno++) {
    try {
      fences.signal(fences.create(context, seqno));
    } catch (error) {
      if (!DmaBufError.is(error, 'ENFILE')) throw error;
    }
  }
}

/** Has the two payloads before anybody runs. @param {World} world @param {Env} env */
const begin = (world, env) =>
  env.atomic(() => {
    const fences = joinFences(world, env);
    const [a, b] = [fences.contexts(), fences.contexts()];
    return { fences, payloads: [fences.create(a, 1), fences.create(b, 1)] };
  });

/** @param {readonly number[]} order @param {number} later @returns {Body<World>} */
const owner = (order, later) => (world, env) => {
  const { fences, payloads } = begin(world, env);
  for (const [n, index] of order.entries()) {
    fences.clock.now = n + 1;
    fences.signal(/** @type {Fence} */ (payloads[index]), index === 0 ? EIO : 0);
  }
  churn(fences, later);
};

/** What became of a container: 'gone', 'success' or an error. @param {Room} fences @param {Point} point */
function learn(fences, point) {
  const container = fences.containers.at(point);
  if (container === Fence.done) return 'gone';
  try {
    container.waitSync();
  } catch (error) {
    if (!DmaBufError.is(error)) throw error;
    return error.code;
  }
  return 'success';
}

// --------------------------------------------------------------------------------------------- a set

/** @param {number} later @returns {Body<World>} */
const setMaker = (later) => (world, env) => {
  const { fences, set } = env.atomic(() => {
    const room = joinFences(world, env);
    const all = Fence.all([open(room, P1), open(room, P2)]);
    all.toJSON();
    return { fences: room, set: all };
  });
  churn(fences, later);
  return set.signaled ? set.error : 'pending';
};

/** @type {Body<World>} */
function setWaiter(world, env) {
  const fences = joinFences(world, env);
  const learned = learn(fences, FIRST);
  const dead = env.isDead(MAKER) || env.isDead(OWNER);
  if (!dead && !(isOver(fences, P1) && isOver(fences, P2)))
    env.fail(`${learned} with a point pending`);
  return learned;
}

/** @param {number} waiters @returns {(world: World, outcome: Outcome) => string | null} */
const checkSet =
  (waiters) =>
  (_world, { results, done, dead }) => {
    const right = new Set(['EIO', 'gone', 'pending', 'null']);
    if (dead[OWNER] === true || dead[MAKER] === true) right.add('EOWNERDEAD');
    for (let id = MAKER; id <= MAKER + waiters; id++) {
      if (done[id] === true && !right.has(String(results[id]))) {
        return `thread ${id} learned: ${String(results[id])}`;
      }
    }
    return results[MAKER] === null && done[MAKER] === true ? 'the set has no error' : null;
  };

/** @param {number} waiters @param {number} later @param {number} kills @param {number} preemptions @returns {Model<World>} */
const setModel = (waiters, later, kills, preemptions) => ({
  name: `fence-containers, a set, ${waiters} waiters, ${later} more fences, ${kills} killed`,
  threads: [
    { name: 'owner', run: owner([0, 1], later) },
    { name: 'maker', run: setMaker(later) },
    ...Array.from({ length: waiters }, (_, n) => ({ name: `waiter ${n}`, run: setWaiter })),
  ],
  kills,
  bounds: { preemptions },
  reset: sets.reset,
  onKill: () => ({ name: 'reaper', run: (world, env) => recover(joinFences(world, env)) }),
  check: checkSet(waiters),
  word: (_array, index) => sets.label(index),
  private: quietWords(sets),
  plain: () => [P1, P2, FIRST].map(({ row }) => timeOf(sets, row)),
});

// --------------------------------------------------------------------------------------------- a chain

/** @type {Body<World>} */
function firstMaker(world, env) {
  const fences = env.atomic(() => {
    const room = joinFences(world, env);
    FenceChain.append({ name: '', agent: '', fences: room }, null, open(room, P1), 1);
    return room;
  });
  churn(fences, 2);
}

/** @type {Body<World>} */
function secondMaker(world, env) {
  const { fences, newest } = env.atomic(() => {
    const room = joinFences(world, env);
    const domain = { name: '', agent: '', fences: room };
    const chain = FenceChain.append(domain, room.containers.at(FIRST), open(room, P2), 2);
    return { fences: room, newest: chain };
  });
  if (newest.signaled && newest.error === null && !isOver(fences, P1)) env.fail('over too soon');
}

/** @type {Body<World>} */
function chainWaiter(world, env) {
  const fences = joinFences(world, env);
  const learned = learn(fences, NEWEST);
  if (learned === 'success' && !isOver(fences, P1))
    env.fail('over, and the older payload is pending');
  return learned;
}

/** @param {number} kills @param {number} preemptions @returns {Model<World>} */
const chainModel = (kills, preemptions) => ({
  name: `fence-containers, a chain, ${kills} killed`,
  threads: [
    { name: 'owner', run: owner([1, 0], 0) },
    { name: 'first maker', run: firstMaker },
    { name: 'second maker', run: secondMaker },
    { name: 'waiter', run: chainWaiter },
  ],
  kills,
  bounds: { preemptions },
  reset: chains.reset,
  onKill: () => ({ name: 'reaper', run: (world, env) => recover(joinFences(world, env)) }),
  check(_world, { results, done, dead }) {
    const right = new Set(['success', 'gone']);
    if (dead.slice(OWNER, SECOND + 1).some(Boolean)) right.add('EOWNERDEAD');
    const learned = String(results[WAITER]);
    return done[WAITER] === true && !right.has(learned) ? `the waiter learned: ${learned}` : null;
  },
  word: (_array, index) => chains.label(index),
  private: quietWords(chains),
  plain: () => [P1, P2, FIRST, NEWEST].map(({ row }) => timeOf(chains, row)),
});

// --------------------------------------------------------------------------------------------- faults

/** @param {() => () => void} patch @returns {Fault} */
const broken = (patch) => ({ patch });

/** Points of a set are recycled as soon as nobody has a handle on them. */
const unpinned = () => replaceMethod(Handles.prototype, 'pin', () => {});

/** The reaper lets go of what the dead had handles on, row by row, before it has failed what he made. */
function handlesFirst() {
  const { eachRow } = FenceBlocks.prototype;
  /** @type {((row: number) => void) | null} */
  let fail = null;
  return replaceMethod(
    FenceBlocks.prototype,
    'eachRow',
    /** @this {FenceBlocks} @param {(row: number) => void} each */
    function both(each) {
      if (fail === null) {
        fail = each;
        return;
      }
      const first = fail;
      fail = null;
      eachRow.call(this, each);
      eachRow.call(this, first);
    },
  );
}

/** A link of the dead counts as over, as if what was before it were. */
function deathForgotten() {
  const { finish } = Containers.prototype;
  return replaceMethod(
    Containers.prototype,
    'finish',
    /** @this {Containers} @param {Point} point @param {{ error: number, time: number }} outcome */
    function forgiving(point, { time }) {
      finish.call(this, point, { error: 0, time });
    },
  );
}

/** What has signalled is looked at without a hold on it: the row may be another fence's by now. */
const unheld = () => replaceMethod(FenceRecords.prototype, 'isCurrent', () => true);

/** @type {Model<World>[]} */
export const models = [
  {
    ...setModel(1, 2, 0, 2),
    planted: {
      'members are not pinned': broken(unpinned),
      'recycled or not, nobody looks': broken(unheld),
    },
  },
  setModel(2, 0, 0, 2),
  setModel(1, 0, 1, 1),
  {
    ...setModel(1, 2, 1, 1),
    planted: { 'handles of the dead go first': broken(handlesFirst) },
  },
  chainModel(0, 1),
  {
    ...chainModel(1, 1),
    planted: { 'a link of the dead is over': broken(deathForgotten) },
  },
];
