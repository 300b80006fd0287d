// SPDX-License-Identifier: MIT
// @ts-check
/**
 * model/models/agent-slots — joining, leaving, dying and reaping: a slot has one agent, and is free again after it.
 *
 * Two threads join step by step, count themselves in, count themselves out and leave. Whoever dies half-way is found by its
 * claim alone; a reaper frees its slot, and may die too.
 */

import { Agent, ControlSection, SlotSection } from '../../../dist/agent/index.js';
import { Reapers } from '../../../dist/agent/reaper.js';
import { Slots } from '../../../dist/agent/slots.js';
import { add, words as field, load, record, section, store } from '../../../dist/mem/index.js';
import { makeWorld, platformOf, replaceMethod } from '../world.mjs';

/** @import {Env, Model} from '../engine/types.js' */
/** @import {World} from '../world.mjs' */

const data = record('data', { inside: field(8, 'agents that use this slot') }, 16);
const Data = section('data', data, () => 1);
const world = makeWorld([Data], { agents: 5, waitRows: 2 });
const { arena } = world;
const { words } = arena;
const inside = arena.base(Data) + data.at.inside;
const claimAt = /** @type {number} */ (SlotSection.layout.at['claim']);

/** @param {World} _world @param {Env} env */
function guest(_world, env) {
  const who = {
    thread: env.id + 1,
    startTime: 0,
    pid: 1,
    station: 0,
    kind: /** @type {const} */ ('thread'),
  };
  const agent = new Agent(arena, platformOf(env), { ...who, member: 0, name: '' });
  if (add(words, inside + agent.slot, 1) !== 0) env.fail(`two agents in slot ${agent.slot}`);
  store(words, inside + agent.slot, 0);
  agent.leave('done');
}

/** @param {World} _world @param {Env} env */
function reaper(_world, env) {
  const agent = world.join(env);
  agent.reapers.register('locks', (index) => {
    store(words, inside + index, 0);
    return 0;
  });
  const deadLeft = () => [0, 1, 2, 3, 4].some((index) => agent.slots.isDead(index));
  while (deadLeft()) {
    // Somebody else reaps, and may be about to leave: come again.
    if (agent.reapers.sweep().length === 0) agent.reapers.waitForOther(1000);
  }
}

/** Words that one thread alone looks at here. @param {number} index */
function quiet(index) {
  const label = world.label(index);
  return /\.(dirty|name|pid|kind|member|start|watched|lost|pad)/.test(label);
}
const quietWords = new Set([...words.keys()].filter(quiet));

/** @param {number} kills @param {number} preemptions @returns {Model<World>} */
const slots = (kills, preemptions) => ({
  name: `agent-slots, ${kills} killed`,
  threads: [
    { name: 'guest 0', run: guest },
    { name: 'guest 1', run: guest },
  ],
  kills,
  bounds: { preemptions },
  reset: world.reset,
  onKill: () => ({ name: 'reaper', run: reaper }),
  word: (_array, index) => world.label(index),
  private: (_array, index) => quietWords.has(index),
  check(_world, { dead }) {
    if (load(words, arena.base(ControlSection)) > 5) return 'used beyond the table';
    for (let index = 0; index < 5; index++) {
      const claim = load(
        words,
        arena.base(SlotSection) + index * SlotSection.layout.size + claimAt,
      );
      if (claim > 0 && dead[claim - 1] === true) return `slot ${index} of the dead was not freed`;
      if (claim > 0 && claim <= 2) return `slot ${index} of a leaver was not freed`;
    }
    return null;
  },
});

/** @type {Model<World>[]} */
export const models = [
  {
    ...slots(0, 2),
    planted: {
      'the claim is taken in two steps': ({ name, word }) =>
        name === 'compareExchange' && word.endsWith('.claim') ? 'split' : undefined,
    },
  },
  {
    ...slots(1, 2),
    planted: {
      'a joiner without a life yet is no joiner': {
        patch: () => {
          const { isDead } = Slots.prototype;
          return replaceMethod(
            Slots.prototype,
            'isDead',
            /** @this {Slots} @param {number} index */ function (index) {
              return this.state(index) !== 0 && isDead.call(this, index);
            },
          );
        },
      },
      'the slot is freed first': {
        patch: () => {
          const { reap } = Reapers.prototype;
          return replaceMethod(
            Reapers.prototype,
            'reap',
            /** @this {Reapers} @param {number} index */ function (index) {
              this.slots.free(index);
              return reap.call(this, index);
            },
          );
        },
      },
    },
  },
  slots(2, 1),
];
