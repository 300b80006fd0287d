// SPDX-License-Identifier: MIT
// @ts-check
/**
 * model/models/sync-file-rows — the look at the bits and the one CAS out of LIVE, when bits are in several words.
 *
 * One agent hands its reference on to a second, through a ticket that opens once, while a third one closes and reads the bits word
 * by word. Agents here are a slot and a tag, as nobody dies.
 */

import { TicketLayout, Tickets } from '../../../dist/buf/index.js';
import { load } from '../../../dist/mem/index.js';
import { FileRows } from '../../../dist/sync/file-rows.js';
import { syncSections } from '../../../dist/sync/index.js';
import {
  SyncControlLayout,
  SyncControlSection,
  SyncFileLayout,
  SyncFileSection,
  SyncPhase,
  SyncTicketSection,
} from '../../../dist/sync/layout.js';
import { makeWorld } from '../world.mjs';

/** @import {Agent} from '../../../dist/agent/index.js' */
/** @import {FenceName} from '../../../dist/fence/index.js' */
/** @import {Env, Model, PlannedOperation} from '../engine/types.js' */
/** @import {World} from '../world.mjs' */

const world = makeWorld(syncSections, { agents: 64, buffers: 1, waitRows: 2 });
const { arena } = world;
const { words } = arena;
const lifeAt = arena.base(SyncFileSection) + SyncFileLayout.at.life;
const ticketAt = arena.base(SyncTicketSection) + TicketLayout.at.state;
const OP = 'model';
/** The opener's bit is in another word than those of the others. */
const [OPENER, SENDER, HOLDER] = [0, 32, 33];
/** @type {FenceName} */
const DONE = { dmabuf: 'fence', points: [[0, 0, 0]], mode: 'all' };

const phase = (/** @type {number} */ life) => life & 7;

/** What rows and tickets need of an agent. @param {number} slot */
function parts(slot) {
  const stub = { arena, slot, tag: slot + 1, note() {} };
  const agent = /** @type {Agent} */ (/** @type {unknown} */ (stub));
  const rows = new FileRows(agent);
  const table = {
    section: SyncTicketSection,
    control: SyncControlSection,
    used: SyncControlLayout.at.tickets,
  };
  return { rows, tickets: new Tickets(agent, ({ row }) => rows.leave(row), table) };
}

/** Opens the ticket, looks, and closes. @param {unknown} _world @param {Env} env */
function opener(_world, env) {
  const { rows, tickets } = parts(OPENER);
  /** @type {ReturnType<Tickets['read']>} */
  let note;
  try {
    note = tickets.read(OP, 0, 1);
  } catch {
    return;
  }
  const entered = rows.enter(note.row, note.generation);
  try {
    tickets.take(OP, 0, note);
  } catch {
    if (entered) rows.leave(note.row);
    return;
  }
  if (!entered) env.fail('the ticket was good, the sync file is gone');
  if (phase(load(words, lifeAt)) !== SyncPhase.LIVE) env.fail('it was freed under a user');
  rows.leave(note.row);
}

/** Has sent the ticket; takes it back if nobody has opened it, and gives up its own reference. @param {unknown} _world @param {Env} env */
function sender(_world, env) {
  const { rows, tickets } = parts(SENDER);
  env.atomic(() => {
    tickets.issue(OP, rows.make(OP, { id: 1, name: '', fence: DONE }), 0, false);
  });
  tickets.revoke(0, 1);
}

/** @param {unknown} _world @param {Env} env */
function holder(_world, env) {
  const { rows } = parts(HOLDER);
  if (!env.atomic(() => rows.enter(0, 1))) env.fail('the sync file should be there');
  rows.leave(0);
}

function check() {
  const life = load(words, lifeAt);
  if (phase(life) !== SyncPhase.FREE) return `phase ${phase(life)} at the end`;
  return (load(words, ticketAt) & 7) < 5 ? 'the ticket is not over' : null;
}

/** A newcomer's CAS on the life word. @param {PlannedOperation} operation */
const enters = ({ name, word, args }) =>
  name === 'compareExchange' &&
  word.endsWith('.life') &&
  phase(Number(args[0])) === SyncPhase.LIVE &&
  phase(Number(args[1])) === SyncPhase.LIVE;

const QUIET =
  /^ticket.*\.(row|generation|rights|to)|^syncFile.*\.(id|name|fence|agents\+[2-7])|^header/;
const quiet = new Set([...words.keys()].filter((index) => QUIET.test(world.label(index))));

/** @type {Model<World>[]} */
export const models = [
  {
    name: 'sync-file-rows',
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
      'newcomers are not counted in the life word': (operation) =>
        enters(operation) ? [operation.args[0], operation.args[0]] : undefined,
      'the ticket is taken in two steps': ({ name, word }) =>
        name === 'compareExchange' && word.startsWith('ticket') ? 'split' : undefined,
    },
  },
];
