// SPDX-License-Identifier: MIT
// @ts-check
/**
 * model/models/resv-watch — somebody waits for a buffer to become busy: a fence is added that changes nothing for him, then one that does, by an
 * agent that may die. He goes home, whoever adds it and whenever he looks.
 */

import { Fences } from '../../../dist/fence/index.js';
import { reservationSections } from '../../../dist/resv/index.js';
import { ListWatch } from '../../../dist/resv/list-watch.js';
import { makeFenceWorld } from '../fence-world.mjs';
import { joinResv, quietWords, recover } from '../resv-world.mjs';
import { replaceMethod } from '../world.mjs';

/** @import {Env, Model} from '../engine/types.js' */
/** @import {Operation} from '../../../dist/agent/index.js' */
/** @import {Reservation, Reservations, Usage} from '../../../dist/resv/index.js' */
/** @import {World} from '../world.mjs' */

const world = makeFenceWorld(8, reservationSections, {
  agents: 5,
  buffers: 1,
  waitRows: 4,
  resvChunks: 1,
});

/** @param {Env} env */
const joinRoom = (env) => joinResv(world, env, (agent) => new Fences(agent));

/** As a loop over readiness waits. @param {Reservation} resv @returns {Operation<void>} */
function* untilBusy(resv) {
  while (resv.test('write')) {
    const interrupt = yield resv.whenMoved('read', () => !resv.test('write'));
    if (interrupt !== null) throw interrupt.error('model');
  }
}

/** Waits until somebody writes. @param {World} _world @param {Env} env */
function watcher(_world, env) {
  const room = joinRoom(env);
  room.agent.runSync('model', untilBusy(room.of(0)));
}

/** @param {Reservations} room @param {number} context @param {Exclude<Usage, 'kernel'>} usage */
function add(room, context, usage) {
  const fence = room.fences.create(context, 1);
  const lock = room.of(0).lockSync({ recover: true });
  lock.reserve(1);
  lock.add(fence, usage);
  lock.unlock();
}

/** A fence that changes nothing for who waits for a writer, then one that does. @param {World} _world @param {Env} env */
function writer(_world, env) {
  const room = joinRoom(env);
  add(room, 1, 'bookkeep');
  add(room, 2, 'write');
}

/** Somebody else writes in the place of the dead. @param {World} _world @param {Env} env */
function heir(_world, env) {
  const room = joinRoom(env);
  recover(room);
  add(room, 3, 'write');
}

/** @param {string} what @param {Model<World>['threads']} threads @param {number} kills @param {number} preemptions @returns {Model<World>} */
const model = (what, threads, kills, preemptions) => ({
  name: `resv-watch, ${what}, ${kills} killed`,
  threads,
  kills,
  bounds: { preemptions },
  reset: world.reset,
  onKill: (_world, dead) => (dead.includes(0) ? null : { name: 'heir', run: heir }),
  check: () => null,
  word: (_array, index) => world.label(index),
  private: quietWords(world, /^fenceCounters|^resvClass/),
});

const { prototype } = ListWatch;

/** @param {'arm' | 'check'} name */
const looksFirst = (name) => {
  const says = prototype[name];
  return replaceMethod(
    prototype,
    name,
    /** @this {ListWatch} */
    function early() {
      const seen = this.ready();
      says.call(this);
      return seen;
    },
  );
};

/** @type {import('../engine/types.js').Fault} */
const lookFirst = {
  patch: () => {
    const mends = [looksFirst('arm'), looksFirst('check')];
    return () => {
      for (const mend of mends) mend();
    };
  },
};

/** @type {import('../engine/types.js').Fault} */
const markOnce = {
  patch: () =>
    replaceMethod(
      prototype,
      'check',
      /** @this {ListWatch} */
      function check() {
        return this.ready();
      },
    ),
};

/** @type {Model<World>[]} */
export const models = [
  {
    ...model(
      'a writer comes',
      [
        { name: 'watcher', run: watcher },
        { name: 'writer', run: writer },
      ],
      0,
      2,
    ),
    planted: {
      'who watches looks before he says so': lookFirst,
      'he says so once': markOnce,
      'the fence is there after the watchers were told': ({ name, word }) =>
        name === 'store' && /^resv.*\.count$/.test(word) ? 'delay-one' : undefined,
    },
  },
  model(
    'two who watch',
    [
      { name: 'watcher', run: watcher },
      { name: 'second watcher', run: watcher },
      { name: 'writer', run: writer },
    ],
    0,
    1,
  ),
  model(
    'a writer comes',
    [
      { name: 'watcher', run: watcher },
      { name: 'writer', run: writer },
    ],
    1,
    1,
  ),
];
