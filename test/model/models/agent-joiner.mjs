// SPDX-License-Identifier: MIT
// @ts-check
/**
 * model/models/agent-joiner — nobody who lives is taken for dead: not while it joins, not because of who had its slot before.
 *
 * Threads have start times of two words, as after 497 days of uptime. One guest may die in its slot or leave it; the other one
 * joins meanwhile, perhaps that very slot; one agent sweeps all the time, another one comes when somebody has died. Or a slot is
 * left over by one who died long ago, and two agents find it.
 */

import { Agent, ControlSection, SlotSection, SlotState } from '../../../dist/agent/index.js';
import { Reapers } from '../../../dist/agent/reaper.js';
import { Slots } from '../../../dist/agent/slots.js';
import { load, store } from '../../../dist/mem/index.js';
import { makeWorld, platformOf, replaceMethod } from '../world.mjs';

/** @import {Env, Fault, Model} from '../engine/types.js' */
/** @import {World} from '../world.mjs' */

const world = makeWorld([], { agents: 4, waitRows: 2 });
const { arena } = world;
const { words } = arena;
const at = /** @type {Record<string, number>} */ (SlotSection.layout.at);

/** Of a thread that had a slot, and is gone before anybody runs. */
const LONG_DEAD = 99;

/** @param {number} id */
const startOf = (id) => 2 ** 32 + 5 + id;

/** @param {Env} env */
function join(env) {
  const platform = {
    ...platformOf(env),
    isGone: (/** @type {number} */ thread, /** @type {number} */ start) =>
      thread === LONG_DEAD ||
      env.isDead(thread - 1) ||
      (start !== 0 && start !== startOf(thread - 1)),
  };
  const kind = /** @type {const} */ ('thread');
  const who = {
    thread: env.id + 1,
    startTime: startOf(env.id),
    pid: 1,
    station: 0,
    kind,
    member: 0,
    name: '',
  };
  return new Agent(arena, platform, who);
}

/** @param {World} _world @param {Env} env */
function guest(_world, env) {
  const agent = join(env);
  const slot = arena.base(SlotSection) + agent.slot * SlotSection.layout.size;
  if (load(words, slot + Number(at['claim'])) !== env.id + 1) env.fail('its claim is gone');
  if (agent.slots.state(agent.slot) !== SlotState.LIVE) env.fail('it was reaped, and lives');
  agent.leave('done');
}

/** @param {World} _world @param {Env} env */
function sweeper(_world, env) {
  join(env).reapers.sweep();
}

/** @param {World} _world @param {Env} env */
function reaper(_world, env) {
  const agent = join(env);
  const deadLeft = () => [0, 1, 2, 3].some((index) => agent.slots.isDead(index));
  while (deadLeft()) if (agent.reapers.sweep().length === 0) agent.reapers.waitForOther(1000);
}

const QUIET =
  /\.(dirty|name|pid|kind|member|watched|lost|pad|parked|summary|everything|blocked|waiting|overflow|bell)/;
const quietWords = new Set([...words.keys()].filter((index) => QUIET.test(world.label(index))));

/** @param {(this: Slots, index: number, before: (index: number) => boolean) => boolean} asks @returns {Fault} */
const deathAsked = (asks) => ({
  patch: () => {
    const { isDead } = Slots.prototype;
    return replaceMethod(
      Slots.prototype,
      'isDead',
      /** @this {Slots} @param {number} index */ function isDeadToo(index) {
        return asks.call(this, index, (of) => isDead.call(this, of));
      },
    );
  },
});

/** Death is asked once, before the role is taken. @returns {Fault} */
function askedOnce() {
  /** @type {WeakMap<Slots, number>} */
  const taken = new WeakMap();
  const asked = deathAsked(function asks(index, before) {
    return taken.get(this) === index || before(index);
  });
  return {
    patch: () => {
      const { reap } = Reapers.prototype;
      const mendReap = replaceMethod(
        Reapers.prototype,
        'reap',
        /** @this {Reapers} @param {number} index */ function reapAtOnce(index) {
          if (this.slots.isDead(index)) taken.set(this.slots, index);
          try {
            return reap.call(this, index);
          } finally {
            taken.delete(this.slots);
          }
        },
      );
      const mendAsked = asked.patch?.();
      return () => {
        mendAsked?.();
        mendReap();
      };
    },
  };
}

/** @param {number} kills @param {number} preemptions @param {number} guests  the first threads @returns {Model<World>} */
const joiner = (kills, preemptions, guests = 2) => ({
  name: `agent-joiner, ${kills} killed`,
  threads: [
    { name: 'guest 0', run: guest },
    { name: 'guest 1', run: guest },
    { name: 'sweeper', run: sweeper },
  ],
  kills,
  bounds: { preemptions },
  reset: world.reset,
  onKill: () => ({ name: 'reaper', run: reaper }),
  word: (_array, index) => world.label(index),
  private: (_array, index) => quietWords.has(index),
  check(_world, { dead }) {
    for (let index = 0; index < 4; index++) {
      const slot = arena.base(SlotSection) + index * SlotSection.layout.size;
      const claim = load(words, slot + Number(at['claim']));
      if (claim === LONG_DEAD || (claim > 0 && dead[claim - 1] === true)) {
        return `slot ${index} of the dead was not freed`;
      }
      if (claim > 0 && claim <= guests) return `slot ${index} of a leaver was not freed`;
    }
    return null;
  },
});

/** @type {Model<World>[]} */
export const models = [
  {
    ...joiner(0, 2),
    planted: {
      'a start time is believed that is in the making': deathAsked(function asks(index, before) {
        const thread = this.word(index, 'claim');
        const start = this.word(index, 'startHigh') * 2 ** 32 + this.word(index, 'startLow');
        return before(index) || (thread !== 0 && this.platform.isGone(thread, start));
      }),
    },
  },
  joiner(1, 2),
  {
    ...joiner(0, 1, 1),
    name: 'agent-joiner, two sweepers and one who died long ago',
    threads: [
      { name: 'guest 0', run: guest },
      { name: 'sweeper 0', run: reaper },
      { name: 'sweeper 1', run: reaper },
    ],
    reset: () => {
      world.reset();
      const slot = arena.base(SlotSection);
      store(words, slot + Number(at['claim']), LONG_DEAD);
      store(words, slot + Number(at['life']), (1 << 3) | SlotState.LIVE);
      store(words, arena.base(ControlSection) + Number(ControlSection.layout.at['used']), 1);
      return world;
    },
    planted: { 'death is not asked again under the role': askedOnce() },
  },
];
