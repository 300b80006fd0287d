// SPDX-License-Identifier: MIT
// @ts-check
/**
 * model/models/fence-handover — a fence of one agent that another one takes over and signals, as receivers of a channel do.
 *
 * Meanwhile its maker looks for rows that it can use again, and somebody who came by the name waits. Whoever dies, the waiter
 * goes home with the fence's own outcome.
 */

import { errorNumber } from '../../../dist/errors.js';
import { FenceRecords } from '../../../dist/fence/records.js';
import { load, record, section, store, u32 } from '../../../dist/mem/index.js';
import { joinFences, learn, makeFenceWorld, quietWords, recover, timeOf } from '../fence-world.mjs';
import { replaceMethod } from '../world.mjs';

/** @import {Env, Model, Outcome} from '../engine/types.js' */
/** @import {World} from '../world.mjs' */

const data = record('data', { taken: u32('1 = nobody but the taker knows of the fence') });
const Data = section('data', data, () => 1);
const world = makeFenceWorld(3, [Data]);
const { words } = world.arena;
const taken = world.arena.base(Data) + data.at.taken;
const FIRST = { row: 1, generation: 1, seqno: 1 };
const [MAKER, TAKER, WAITER] = [0, 1, 2];
const EIO = errorNumber('EIO');
const EOWNERDEAD = errorNumber('EOWNERDEAD');

/** Has made the fence before anybody runs, then makes two more. @param {World} _world @param {Env} env */
function maker(_world, env) {
  const { fences, context } = env.atomic(() => {
    const room = joinFences(world, env);
    const id = room.contexts();
    room.create(id, FIRST.seqno);
    return { fences: room, context: id };
  });
  for (const seqno of [2, 3]) {
    fences.clock.now = seqno;
    if (!fences.signal(fences.create(context, seqno))) env.fail(`somebody else signalled ${seqno}`);
  }
}

/** @param {World} _world @param {Env} env */
function taker(_world, env) {
  const fences = joinFences(world, env);
  fences.clock.now = FIRST.seqno;
  fences.setOwner(FIRST.row, FIRST.generation, fences.agent.tag);
  store(words, taken, 1);
  return fences.signalPoint(FIRST.row, FIRST.generation, EIO);
}

/** @param {World} _world @param {Env} env */
const waiter = (_world, env) => learn(joinFences(world, env), FIRST);

/** What still waits for a taker that has died fails: the channel's part of the work. @param {World} _world @param {Env} env */
function reaper(_world, env) {
  const fences = joinFences(world, env);
  const orphaned = (/** @type {number} */ slot) =>
    slot === TAKER &&
    load(words, taken) === 0 &&
    fences.signalPoint(FIRST.row, FIRST.generation, EOWNERDEAD)
      ? 1
      : 0;
  fences.agent.reapers.register('channels', orphaned);
  recover(fences);
}

/** @param {World} _world @param {Outcome} outcome */
function check(_world, { results, done, dead }) {
  if (done[TAKER] === true && results[TAKER] === false && dead[MAKER] !== true) {
    return 'somebody else signalled the fence';
  }
  const learnt = String(results[WAITER]);
  if (done[WAITER] !== true || learnt === 'gone' || learnt === 'EIO') return null;
  const orphan = dead[MAKER] === true || dead[TAKER] === true;
  return learnt === 'EOWNERDEAD' && orphan ? null : `the waiter learned: ${learnt}`;
}

/** @param {number} kills @param {number} preemptions @returns {Model<World>} */
const model = (kills, preemptions) => ({
  name: `fence-handover, ${kills} killed`,
  threads: [
    { name: 'maker', run: maker },
    { name: 'taker', run: taker },
    { name: 'waiter', run: waiter },
  ],
  kills,
  bounds: { preemptions },
  reset: world.reset,
  onKill: () => ({ name: 'reaper', run: reaper }),
  check,
  word: (_array, index) => world.label(index),
  private: quietWords(world),
  plain: () => [timeOf(world, FIRST.row)],
});

const { prototype: records } = FenceRecords;

/** The bits are looked at before the state, and what was seen then is believed afterwards. */
function bitsBeforeState() {
  const { stateOf, isHeld } = records;
  /** @type {Map<number, boolean>} */
  const seen = new Map();
  const mends = [
    replaceMethod(
      records,
      'stateOf',
      /** @this {FenceRecords} @param {number} row */
      function early(row) {
        seen.set(row, isHeld.call(this, row, 1));
        return stateOf.call(this, row);
      },
    ),
    replaceMethod(records, 'isHeld', (/** @type {number} */ row) => seen.get(row) === true),
  ];
  return () => {
    for (const mend of mends) mend();
  };
}

/** @type {Model<World>[]} */
export const models = [
  {
    ...model(0, 2),
    planted: {
      'bits before the state': { patch: bitsBeforeState },
      'a signal tears into a look and a store': ({ name, word }) =>
        name === 'compareExchange' && word.endsWith('].state') ? 'split' : undefined,
    },
  },
  {
    ...model(1, 1),
    planted: {
      'who takes over does not say so': {
        patch: () => replaceMethod(records, 'setOwner', function setOwner() {}),
      },
    },
  },
  model(2, 0),
];
