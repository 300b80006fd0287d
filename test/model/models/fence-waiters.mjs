// SPDX-License-Identifier: MIT
// @ts-check
/**
 * model/models/fence-waiters — one agent signals and uses the row again, twice; two others learn what became of the first fence.
 *
 * The first fence fails, or its owner dies: whoever has a handle on it must learn that, and nothing of the fences that follow
 * in the same row. Whoever comes too late is told that it is gone.
 */

import { Agent } from '../../../dist/agent/index.js';
import { Reapers } from '../../../dist/agent/reaper.js';
import { errorNumber } from '../../../dist/errors.js';
import { FenceRecords } from '../../../dist/fence/records.js';
import { joinFences, learn, makeFenceWorld, quietWords, recover, timeOf } from '../fence-world.mjs';
import { replaceMethod } from '../world.mjs';

/** @import {Env, Fault, Model, Outcome} from '../engine/types.js' */
/** @import {World} from '../world.mjs' */

/** Three blocks: enough that nothing ever has to wait for a row. */
const world = makeFenceWorld(3);
const FIRST = { row: 1, generation: 1, seqno: 1 };
const EIO = errorNumber('EIO');

/** Fences after the first one. */
const later =
  (/** @type {number} */ count) => (/** @type {World} */ _world, /** @type {Env} */ env) => {
    const { fences, context, first } = env.atomic(() => {
      const room = joinFences(world, env);
      const id = room.contexts();
      return { fences: room, context: id, first: room.create(id, FIRST.seqno) };
    });
    fences.clock.now = FIRST.seqno;
    fences.signal(first, EIO);
    for (let seqno = 2; seqno < 2 + count; seqno++) {
      fences.clock.now = seqno;
      fences.signal(fences.create(context, seqno));
    }
    return first.error;
  };

/** @param {World} _world @param {Env} env */
const waiter = (_world, env) => learn(joinFences(world, env), FIRST);

const RIGHT = new Set(['gone', 'EIO', 'EOWNERDEAD']);

/** @param {number} waiters @returns {(world: World, outcome: Outcome) => string | null} */
const check =
  (waiters) =>
  (_world, { results, done, dead }) => {
    for (let id = 1; id <= waiters; id++) {
      const result = String(results[id]);
      if (done[id] === true && !RIGHT.has(result)) return `waiter ${id} learned: ${result}`;
      if (result === 'EOWNERDEAD' && dead[0] !== true) return `waiter ${id} buried a live owner`;
    }
    return null;
  };

/** @param {number} waiters @param {number} fences @param {number} kills @param {number} preemptions @returns {Model<World>} */
const model = (waiters, fences, kills, preemptions) => ({
  name: `fence-waiters, ${waiters} waiters, ${1 + fences} fences, ${kills} killed`,
  threads: [
    { name: 'owner', run: later(fences) },
    ...Array.from({ length: waiters }, (_, n) => ({ name: `waiter ${n}`, run: waiter })),
  ],
  kills,
  bounds: { preemptions },
  reset: world.reset,
  onKill: () => ({ name: 'reaper', run: (_world, env) => recover(joinFences(world, env)) }),
  check: check(waiters),
  word: (_array, index) => world.label(index),
  private: quietWords(world),
  plain: () => [timeOf(world, FIRST.row)],
});

const { prototype: records } = FenceRecords;

/** @param {() => () => void} patch @returns {Fault} */
const broken = (patch) => ({ patch });

/** Several broken methods at once. @param {readonly (() => void)[]} mends */
const together = (mends) => () => {
  for (const mend of mends) mend();
};

/** The row keeps its old generation until the new fence is complete. */
function generationLast() {
  return replaceMethod(
    records,
    'recycle',
    (/** @type {number} */ _row, /** @type {number} */ state) => (state >>> 12) + 1,
  );
}

/** Nobody hears of a death by a ring. */
function silentReaper() {
  const { wake } = Agent.prototype;
  return together([
    replaceMethod(Reapers.prototype, 'ringEverybody', function ringEverybody() {}),
    replaceMethod(
      Agent.prototype,
      'wake',
      /** @this {Agent} @param {number} obj */
      function loud(obj) {
        if (this.slot === 0) wake.call(this, obj);
      },
    ),
  ]);
}

/** @type {Model<World>[]} */
export const models = [
  {
    ...model(2, 2, 0, 2),
    planted: {
      'nobody says that it waits': broken(() => replaceMethod(records, 'mark', function mark() {})),
      'the signaller does not look who waits': ({ name, word }) =>
        name === 'add' && word.endsWith('.bell') ? 'drop' : undefined,
      'the new generation comes after the fields': broken(generationLast),
      'the generation is not looked at again': broken(() =>
        replaceMethod(records, 'isCurrent', () => true),
      ),
      'rows are recycled under a handle': broken(() =>
        replaceMethod(records, 'isHeld', () => false),
      ),
      'the own bit comes after the look': ({ name, word }) =>
        name === 'or' && word.includes('.agents') ? 'delay-one' : undefined,
    },
  },
  {
    ...model(1, 1, 1, 2),
    planted: { 'the reaper rings nobody': broken(silentReaper) },
  },
  model(2, 2, 1, 1),
  model(2, 2, 2, 0),
];
