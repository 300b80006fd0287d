// SPDX-License-Identifier: MIT
// @ts-check
/**
 * model/models/buf-references — references, tickets and the last put: a buffer is released after its last user, once, and always.
 *
 * One agent sends a ticket and closes its own handle, one opens the ticket, one has a reference from the beginning. Whoever uses
 * the buffer says so in a word of its own; who releases it looks at those words. Whoever dies is recovered, and its reaper may
 * die too.
 */

import { Agent } from '../../../dist/agent/index.js';
import { generationOf, openShare, Phase, phaseOf } from '../../../dist/buf/index.js';
import {
  BufferLayout,
  BufferSection,
  TicketLayout,
  TicketPhase,
  TicketSection,
} from '../../../dist/buf/layout.js';
import { Life } from '../../../dist/buf/life.js';
import { Tickets } from '../../../dist/buf/tickets.js';
import { DmaBufError } from '../../../dist/errors.js';
import { add, words as field, load, record, section, store } from '../../../dist/mem/index.js';
import { joinRooms, makeBufWorld, quietWords, recover } from '../buf-world.mjs';
import { replaceMethod } from '../world.mjs';

/** @import {DmaBuf, SharedExporter} from '../../../dist/buf/index.js' */
/** @import {Env, Model} from '../engine/types.js' */
/** @import {World} from '../world.mjs' */

const data = record('data', {
  using: field(8, 'who uses the buffer'),
  released: field(1, 'how often'),
});
const Data = section('data', data, () => 1);
const world = makeBufWorld([Data], { buffers: 1 });
const { arena } = world;
const { words } = arena;
const using = arena.base(Data) + data.at.using;
const released = arena.base(Data) + data.at.released;
const ROW = 0;
const THREADS = 3;

/** Takes pages back: nobody who lives may be using them. @param {Env} env @returns {SharedExporter} */
const heap = (env) => ({
  name: 'model',
  bytes: () => new Uint8Array(0),
  release() {
    for (let id = 0; id < THREADS; id++) {
      if (load(words, using + id) === 1 && !env.isDead(id)) env.fail(`released under thread ${id}`);
    }
    add(words, released, 1);
  },
});

/** @param {Env} env */
const rooms = (env) => joinRooms(world, env, () => heap(env));

/** @param {Env} env @param {DmaBuf} buf */
function use(env, buf) {
  store(words, using + env.id, 1);
  store(words, using + env.id, 0);
  buf.close();
}

/** What never happens twice in the life of a row, done before anybody runs. @param {Env} env */
function begin(env) {
  return env.atomic(() => {
    const { agent, buffers } = rooms(env);
    const about = { exporter: 0, exporterName: 'model', dynamic: false };
    const row = buffers.begin('model', { size: 1 }, about);
    const buf = buffers.handle(buffers.publish(row));
    return { agent, buffers, buf, share: buf.share() };
  });
}

/** Sends, closes, and takes back what nobody opened. @param {World} _world @param {Env} env */
function sender(_world, env) {
  const { buf, share } = begin(env);
  buf.close();
  buf.revoke(share);
}

/** Sends, closes, and waits until it was opened. @param {World} _world @param {Env} env */
function patientSender(_world, env) {
  const { agent, buffers, buf } = begin(env);
  buf.close();
  while (buffers.tickets.sent > 0) agent.sleepOnce();
}

const NAMES = { dmabuf: 'share', domain: arena.id, id: 1, generation: 1, ticket: 0 };

/** @param {World} _world @param {Env} env */
function receiver(_world, env) {
  const { buffers } = rooms(env);
  /** @type {DmaBuf} */
  let buf;
  try {
    buf = openShare(
      buffers,
      'model',
      /** @type {import('../../../dist/buf/index.js').Share} */ (NAMES),
    );
  } catch (error) {
    // It may be too late. But who took the ticket has the buffer.
    if (!DmaBufError.is(error, 'ESTALE') || error.message.includes('buffer is gone')) throw error;
    return;
  }
  use(env, buf);
}

/** Has had a reference since before anybody ran. @param {World} _world @param {Env} env */
function holder(_world, env) {
  const buf = env.atomic(() => rooms(env).buffers.adopt(ROW, 1));
  if (buf === null) return env.fail('the buffer should be there');
  return buf.close();
}

/** @param {World} _world @param {Env} env */
function reaper(_world, env) {
  recover(rooms(env).agent);
}

/** @param {World} _world @param {{ readonly dead: readonly boolean[] }} outcome */
function check(_world, { dead }) {
  const at = arena.base(BufferSection);
  const life = load(words, at + BufferLayout.at.life);
  if (phaseOf(life) !== Phase.FREE || generationOf(life) !== 1)
    return `phase ${phaseOf(life)} at the end`;
  for (let i = 0; i < 8; i++) {
    if (load(words, at + BufferLayout.at.agents + i) !== 0) return 'somebody still refers to it';
  }
  const ticket = load(words, arena.base(TicketSection) + TicketLayout.at.state) & 7;
  if (ticket < TicketPhase.OPENED) return `the ticket is in phase ${ticket} at the end`;
  const count = load(words, released);
  if (count === 0) return 'it was never released';
  return count > 1 && !dead.some(Boolean) ? `it was released ${count} times` : null;
}

/** @type {Omit<Model<World>, 'name' | 'threads'>} */
const common = {
  reset: world.reset,
  check,
  onKill: () => ({ name: 'reaper', run: reaper }),
  word: (_array, index) => world.label(index),
  private: quietWords(world),
};

/** @type {NonNullable<Model<World>['planted']>} */
const orderFaults = {
  'the ticket is taken before there is a reference': {
    patch: () => {
      const { read, take } = Tickets.prototype;
      /** @type {ReturnType<typeof read> | null} */
      let taken = null;
      const mend = replaceMethod(
        Tickets.prototype,
        'read',
        function (/** @type {Parameters<typeof read>} */ ...args) {
          const self = /** @type {Tickets} */ (/** @type {unknown} */ (this));
          taken = read.apply(self, args);
          take.call(self, args[0], args[1], taken);
          return taken;
        },
      );
      const mendToo = replaceMethod(Tickets.prototype, 'take', () => {});
      return () => {
        mend();
        mendToo();
      };
    },
  },
};

/** @type {NonNullable<Model<World>['planted']>} */
const deathFaults = {
  'a reaper looks only at buffers the dead referred to': {
    patch: () => {
      const { leaveFor, tryDie } = Life.prototype;
      let skip = false;
      const mend = replaceMethod(
        Life.prototype,
        'leaveFor',
        function (/** @type {[number, number]} */ ...args) {
          const cleared = leaveFor.apply(/** @type {Life} */ (/** @type {unknown} */ (this)), args);
          skip = !cleared;
          return cleared;
        },
      );
      const mendToo = replaceMethod(Life.prototype, 'tryDie', function (/** @type {number} */ row) {
        const skipped = skip;
        skip = false;
        if (!skipped) tryDie.call(/** @type {Life} */ (/** @type {unknown} */ (this)), row);
      });
      return () => {
        mend();
        mendToo();
      };
    },
  },
  'a reaper leaves rows that were being released': {
    patch: () => replaceMethod(Life.prototype, 'takeOver', () => false),
  },
  'a reaper leaves the tickets of the dead open': {
    patch: () => replaceMethod(Tickets.prototype, 'reap', () => {}),
  },
};

/** @type {Model<World>[]} */
export const models = [
  {
    ...common,
    name: 'buf-references, nobody killed',
    threads: [
      { name: 'receiver', run: receiver },
      { name: 'sender', run: sender },
      { name: 'holder', run: holder },
    ],
    bounds: { preemptions: 3 },
    planted: orderFaults,
  },
  {
    ...common,
    name: 'buf-references, two openers',
    threads: [
      { name: 'sender', run: sender },
      { name: 'receiver 1', run: receiver },
      { name: 'receiver 2', run: receiver },
    ],
    bounds: { preemptions: 2 },
  },
  {
    ...common,
    name: 'buf-references, 1 killed',
    threads: [
      { name: 'sender', run: sender },
      { name: 'receiver', run: receiver },
      { name: 'holder', run: holder },
    ],
    kills: 1,
    bounds: { preemptions: 2 },
    planted: deathFaults,
  },
  {
    ...common,
    name: 'buf-references, 2 killed',
    threads: [
      { name: 'sender', run: sender },
      { name: 'receiver', run: receiver },
      { name: 'holder', run: holder },
    ],
    kills: 2,
    bounds: { preemptions: 1 },
  },
  {
    ...common,
    name: 'buf-references, a sender that waits',
    threads: [
      { name: 'sender', run: patientSender },
      { name: 'receiver', run: receiver },
    ],
    bounds: { preemptions: 4 },
    planted: {
      'who opens a ticket tells nobody': {
        patch: () => replaceMethod(Agent.prototype, 'note', () => {}),
      },
      'a ring that finds its agent awake is forgotten': ({ name, word }) =>
        name === 'or' && word.includes('.summary') ? 'drop' : undefined,
    },
  },
];
