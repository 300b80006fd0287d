// SPDX-License-Identifier: MIT
// @ts-check
/**
 * model/models/buf-exporter — the last put of a buffer whose release has to run in another agent, which may be leaving, or dead.
 *
 * Whoever wins the last put leaves the row to the exporter, then looks whether the exporter will look. The exporter, before it
 * goes, says so and then looks through all rows. One of the two sees the other.
 */

import { Agent } from '../../../dist/agent/index.js';
import { Phase, phaseOf } from '../../../dist/buf/index.js';
import { BufferLayout, BufferSection } from '../../../dist/buf/layout.js';
import { Life } from '../../../dist/buf/life.js';
import { add, load, record, section, u32 } from '../../../dist/mem/index.js';
import { joinRooms, makeBufWorld, quietWords, recover } from '../buf-world.mjs';
import { replaceMethod } from '../world.mjs';

/** @import {SharedExporter} from '../../../dist/buf/index.js' */
/** @import {Env, Model} from '../engine/types.js' */
/** @import {World} from '../world.mjs' */

const data = record('data', { released: u32('times that the release callback ran') });
const Data = section('data', data, () => 1);
const world = makeBufWorld([Data], { buffers: 1 });
const { arena } = world;
const { words } = arena;
const released = arena.base(Data) + data.at.released;
const lifeAt = arena.base(BufferSection) + BufferLayout.at.life;
const isFree = () => phaseOf(load(words, lifeAt)) === Phase.FREE;

/** @type {SharedExporter} */
const noHeap = { name: 'model', bytes: () => new Uint8Array(0), release() {} };

/** @param {Env} env */
const rooms = (env) => joinRooms(world, env, () => noHeap);

/** @param {Env} env */
function exportOne(env) {
  return env.atomic(() => {
    const { agent, buffers } = rooms(env);
    const ops = { map: () => [], unmap() {}, release: () => void add(words, released, 1) };
    const buf = buffers.exports.static({ exporter: 'x', size: 1, priv: null, ops });
    return { agent, buf };
  });
}

/** @param {World} _world @param {Env} env */
function stayingExporter(_world, env) {
  const { agent, buf } = exportOne(env);
  buf.close();
  for (;;) {
    agent.flush();
    if (isFree()) return;
    agent.sleepOnce();
  }
}

/** @param {World} _world @param {Env} env */
function leavingExporter(_world, env) {
  const { agent, buf } = exportOne(env);
  buf.close();
  agent.leave('done');
}

/** @param {World} _world @param {Env} env */
function user(_world, env) {
  const buf = env.atomic(() => rooms(env).buffers.adopt(0, 1));
  if (buf === null) return env.fail('the buffer should be there');
  return buf.close();
}

/** @param {World} _world @param {Env} env */
function reaper(_world, env) {
  recover(rooms(env).agent);
}

/** @type {Omit<Model<World>, 'name' | 'threads'>} */
const common = {
  reset: world.reset,
  check() {
    if (!isFree()) return `phase ${phaseOf(load(words, lifeAt))} at the end`;
    const count = load(words, released);
    if (count > 1) return `it was released ${count} times`;
    return null;
  },
  onKill: () => ({ name: 'reaper', run: reaper }),
  word: (_array, index) => world.label(index),
  private: quietWords(world),
};

const users = [
  { name: 'user 1', run: user },
  { name: 'user 2', run: user },
];

/** @type {NonNullable<Model<World>['planted']>} */
const planted = {
  'the exporter’s slot is looked at before the row is left to it': ({ name, word, args }) =>
    name === 'compareExchange' && word.endsWith('.life') && phaseOf(Number(args[1])) === Phase.DYING
      ? 'delay-one'
      : undefined,
  'a leaver does not look for what was left to it': {
    patch: () => replaceMethod(Life.prototype, 'takeOver', () => false),
  },
};

/** @type {Model<World>[]} */
export const models = [
  {
    ...common,
    name: 'buf-exporter, which stays',
    threads: [{ name: 'exporter', run: stayingExporter }, ...users],
    check(w, outcome) {
      const wrong = common.check(w, outcome);
      return wrong ?? (load(words, released) === 1 ? null : 'its release callback did not run');
    },
    bounds: { preemptions: 2 },
    planted: {
      'who closes last tells nobody': {
        patch: () => replaceMethod(Agent.prototype, 'note', () => {}),
      },
    },
  },
  {
    ...common,
    name: 'buf-exporter, which leaves',
    threads: [{ name: 'exporter', run: leavingExporter }, users[0]],
    bounds: { preemptions: 3 },
    planted,
  },
  {
    ...common,
    name: 'buf-exporter, 1 killed',
    threads: [{ name: 'exporter', run: leavingExporter }, users[0]],
    kills: 1,
    bounds: { preemptions: 2 },
  },
];
