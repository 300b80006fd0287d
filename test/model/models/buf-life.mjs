// SPDX-License-Identifier: MIT
// @ts-check
/**
 * model/models/buf-life — the scan of the bits and the one CAS out of LIVE, when bits are in several words.
 *
 * The smallest thing in which a reference can be missed: one agent hands its reference on to a second, through a ticket that opens
 * once, while a third one closes and reads the bits word by word. The code is that of Life and Tickets; agents here are a slot
 * and a tag, as nobody dies.
 */

import { generationOf, Phase, phaseOf } from '../../../dist/buf/index.js';
import {
  BufferLayout,
  BufferSection,
  bufferSections,
  TicketLayout,
  TicketSection,
} from '../../../dist/buf/layout.js';
import { Life } from '../../../dist/buf/life.js';
import { Tickets } from '../../../dist/buf/tickets.js';
import { cas, words as field, load, or, record, section, store } from '../../../dist/mem/index.js';
import { makeWorld, replaceMethod } from '../world.mjs';

/** @import {Agent} from '../../../dist/agent/index.js' */
/** @import {Reference} from '../../../dist/buf/index.js' */
/** @import {Env, Model, PlannedOperation} from '../engine/types.js' */
/** @import {World} from '../world.mjs' */

const data = record('data', {
  using: field(4, 'who uses the buffer'),
  released: field(1, 'how often'),
});
const Data = section('data', data, () => 1);
const world = makeWorld([...bufferSections, Data], { agents: 64, buffers: 1, waitRows: 2 });
const { arena } = world;
const { words } = arena;
const [buffer, ticket] = [BufferLayout.at, TicketLayout.at];
const [bufferAt, ticketAt] = [arena.base(BufferSection), arena.base(TicketSection)];
const using = arena.base(Data) + data.at.using;
const released = arena.base(Data) + data.at.released;
const OP = 'model';
/** The opener's bit is in another word than those of the others. */
const [OPENER, SENDER, HOLDER] = [0, 32, 33];

/** What Life and Tickets need of an agent. @param {Env} env @param {number} slot */
function parts(env, slot) {
  const stub = { arena, slot, tag: slot + 1, note() {} };
  const agent = /** @type {Agent} */ (/** @type {unknown} */ (stub));
  const life = new Life(agent, {
    named: () => false,
    mayRest: () => false,
    rested: () => {},
    release(row) {
      for (let id = 0; id < 3; id++)
        if (load(words, using + id) === 1) env.fail('released under a user');
      store(words, released, load(words, released) + 1);
      life.free(row);
    },
  });
  return { life, tickets: new Tickets(agent, ({ row }) => life.leave(row)) };
}

/** Opens the ticket, uses the buffer and closes it. @param {unknown} _world @param {Env} env */
function opener(_world, env) {
  const { life, tickets } = parts(env, OPENER);
  /** @type {ReturnType<Tickets['read']>} */
  let note;
  try {
    note = tickets.read(OP, 0, 1);
  } catch {
    return;
  }
  const entered = life.enter(note.row, note.generation);
  try {
    tickets.take(OP, 0, note);
  } catch {
    if (entered) life.leave(note.row);
    return;
  }
  if (!entered) env.fail('the ticket was good, the buffer is gone');
  store(words, using + env.id, 1);
  store(words, using + env.id, 0);
  life.leave(note.row);
}

/** Has sent the ticket; takes it back if nobody has opened it, and gives up its own reference. @param {unknown} _world @param {Env} env */
function sender(_world, env) {
  const { life, tickets } = parts(env, SENDER);
  env.atomic(() => {
    const row = life.claim(OP);
    const generation = life.publish(row);
    const reference = /** @type {Reference} */ (/** @type {unknown} */ ({ row, generation }));
    tickets.issue(OP, reference, 0, false);
  });
  tickets.revoke(0, 1);
}

/** @param {unknown} _world @param {Env} env */
function holder(_world, env) {
  const { life } = parts(env, HOLDER);
  if (!env.atomic(() => life.enter(0, 1))) env.fail('the buffer should be there');
  life.leave(0);
}

function check() {
  const phase = phaseOf(load(words, bufferAt + buffer.life));
  if (phase !== Phase.FREE) return `phase ${phase} at the end`;
  if ((load(words, ticketAt + ticket.state) & 7) < 5) return 'the ticket is not over';
  const count = load(words, released);
  return count === 1 ? null : `it was released ${count} times`;
}

/** Life.enter, but the life word is counted up before the bit is set. @this {Life} @param {number} row @param {number} generation */
function enterInWrongOrder(row, generation) {
  const at = this.at(row);
  for (;;) {
    const life = this.of(row);
    if (phaseOf(life) !== Phase.LIVE || generationOf(life) !== generation) return false;
    if (cas(words, at + buffer.life, life, life + 8) === life) break;
  }
  const { slot } = this.agent;
  or(words, at + buffer.agents + (slot >>> 5), 1 << (slot & 31));
  return true;
}

/** Its own CAS on a life word. @param {PlannedOperation} operation */
const entersLife = ({ name, word, args }) =>
  name === 'compareExchange' &&
  word.endsWith('.life') &&
  phaseOf(Number(args[0])) === Phase.LIVE &&
  phaseOf(Number(args[1])) === Phase.LIVE;

const QUIET =
  /^ticket.*\.(row|generation|rights|to)|^buffer.*\.(queues|pool|exporter|agents\+[2-7])/;
const quiet = new Set([...words.keys()].filter((index) => QUIET.test(world.label(index))));

/** @type {Model<World>[]} */
export const models = [
  {
    name: 'buf-life',
    threads: [
      { name: 'opener', run: opener },
      { name: 'sender', run: sender },
      { name: 'holder', run: holder },
    ],
    bounds: { preemptions: 3 },
    reset: world.reset,
    check,
    word: (_array, index) => world.label(index),
    private: (_array, index) => quiet.has(index),
    planted: {
      'new references are not counted in the life word': (operation) =>
        entersLife(operation) ? [operation.args[0], operation.args[0]] : undefined,
      'the bit is set after the life word was counted up': {
        patch: () => replaceMethod(Life.prototype, 'enter', enterInWrongOrder),
      },
      'the last put is decided by bits alone': {
        patch: () => {
          const { leave } = Life.prototype;
          return replaceMethod(Life.prototype, 'leave', function (/** @type {number} */ row) {
            const self = /** @type {Life} */ (/** @type {unknown} */ (this));
            leave.call(self, row);
            if (phaseOf(self.of(row)) !== Phase.LIVE) return;
            for (const slot of [OPENER, SENDER, HOLDER]) if (self.refers(slot, row)) return;
            self.takeOver(row, self.of(row));
          });
        },
      },
      'the ticket is taken in two steps': ({ name, word }) =>
        name === 'compareExchange' && word.startsWith('ticket') ? 'split' : undefined,
    },
  },
];
