// SPDX-License-Identifier: MIT
// @ts-check
/**
 * model/models/sync-files — shared sync files: the row lives as long as somebody has it open or a ticket for it is on its way, and
 * no longer; who opens it learns the error of its fence.
 *
 * One agent has a sync file that it has shared, closes its own handle and may take the ticket back; others open the ticket, or
 * have the file open from the beginning. Who has it open looks whether the row still lives. In some models the fence fails, and its
 * maker looks for records that it can use again. Whoever dies is recovered, and its reaper may die too.
 */

import { TicketLayout, Tickets } from '../../../dist/buf/index.js';
import { TicketPhase } from '../../../dist/buf/layout.js';
import { DmaBufError } from '../../../dist/errors.js';
import { Fence } from '../../../dist/fence/index.js';
import { load } from '../../../dist/mem/index.js';
import { FileRows } from '../../../dist/sync/file-rows.js';
import { SyncFile, SyncFiles, syncSections } from '../../../dist/sync/index.js';
import {
  SyncFileLayout,
  SyncFileSection,
  SyncPhase,
  SyncTicketSection,
} from '../../../dist/sync/layout.js';
import { joinFences, makeFenceWorld, recover, timeOf } from '../fence-world.mjs';
import { replaceMethod } from '../world.mjs';

/** @import {Buffers} from '../../../dist/buf/index.js' */
/** @import {SyncShare} from '../../../dist/sync/index.js' */
/** @import {Env, Model, Outcome} from '../engine/types.js' */
/** @import {World} from '../world.mjs' */

const world = makeFenceWorld(3, syncSections, { buffers: 1 });
const { arena } = world;
const { words } = arena;
const file = SyncFileLayout.at;
const rowAt = arena.base(SyncFileSection);
const ticketAt = arena.base(SyncTicketSection) + TicketLayout.at.state;
const ROW = 0;
const FIRST = { row: 1, seqno: 1 };
const SENDER = 0;

/** What a sync file needs of its agent's buffers. */
const noBuffers = () => {
  const stand = { ports: {}, leaks: { track() {}, unwatch() {} } };
  return /** @type {Buffers} */ (/** @type {unknown} */ (stand));
};

/** The calling thread's rooms. @param {Env} env */
function rooms(env) {
  return env.atomic(() => {
    const fences = joinFences(world, env);
    const syncFiles = new SyncFiles(fences.agent, fences, noBuffers());
    return { name: 'model', agent: `t${env.id}`, fences, syncFiles };
  });
}

const lifeOf = () => load(words, rowAt + file.life);
const phase = (/** @type {number} */ life) => life & 7;

/** What never happens twice, done before anybody runs. @param {Env} env @param {boolean} pending */
function begin(env, pending) {
  return env.atomic(() => {
    const domain = rooms(env);
    const { fences } = domain;
    const context = pending ? fences.contexts() : 0;
    const fence = pending ? fences.create(context, FIRST.seqno) : Fence.done;
    const own = SyncFile.create(domain, fence, 'model');
    return { ...domain, context, fence, own, share: own.share() };
  });
}

/** Closes its own, and takes back what nobody opened. @param {World} _world @param {Env} env */
function sender(_world, env) {
  const { own, share } = begin(env, false);
  own.close();
  own.revoke(share);
}

/** Closes its own, and waits until the ticket was opened. @param {World} _world @param {Env} env */
function patientSender(_world, env) {
  const { fences, syncFiles, own } = begin(env, false);
  own.close();
  while (syncFiles.tickets.sent > 0) fences.agent.sleepOnce();
}

/** Closes its own; its fence fails, and then it needs new records. @param {World} _world @param {Env} env */
function maker(_world, env) {
  const { fences, context, fence, own } = begin(env, true);
  own.close();
  fences.clock.now = FIRST.seqno;
  fences.signal(/** @type {Fence} */ (fence), 18);
  for (const seqno of [2, 3]) fences.signal(fences.create(context, seqno));
}

const NAMES = { dmabuf: 'sync-file', domain: arena.id, id: 1, generation: 1, ticket: 0 };

/** The sync file of the ticket, or null when it is too late. @param {Env} env @param {ReturnType<typeof rooms>} domain */
function open(env, domain) {
  try {
    return SyncFile.open(domain, /** @type {SyncShare} */ (NAMES));
  } catch (error) {
    if (!DmaBufError.is(error, 'ESTALE')) throw error;
    if (error.message.includes('is gone')) env.fail('the ticket was there, the sync file was not');
    return null;
  }
}

/** It is open: it has to live. @param {Env} env */
function look(env) {
  if (phase(lifeOf()) !== SyncPhase.LIVE) env.fail('it was freed under a user');
}

/** @param {World} _world @param {Env} env */
function receiver(_world, env) {
  const theirs = open(env, rooms(env));
  if (theirs === null) return;
  look(env);
  theirs.close();
}

/** Has had it open since before anybody ran. @param {World} _world @param {Env} env */
function holder(_world, env) {
  const theirs = env.atomic(() => rooms(env).syncFiles.adopt(ROW, 1));
  if (theirs === null) return env.fail('the sync file should be there');
  look(env);
  return theirs.close();
}

/** Opens, and says how its fence ended. @param {World} _world @param {Env} env */
function asker(_world, env) {
  const theirs = open(env, rooms(env));
  if (theirs === null) return 'too late';
  const { status } = theirs;
  theirs.close();
  return status;
}

/** @param {World} _world @param {Env} env */
function reaper(_world, env) {
  recover(rooms(env).fences);
}

/** Nothing is left of it. */
function check() {
  const life = lifeOf();
  if (phase(life) !== SyncPhase.FREE || life >>> 20 !== 1) return `phase ${phase(life)} at the end`;
  for (let i = 0; i < 8; i++) {
    if (load(words, rowAt + file.agents + i) !== 0) return 'somebody still has it open';
  }
  const ticket = load(words, ticketAt) & 7;
  return ticket < TicketPhase.OPENED ? `the ticket is in phase ${ticket} at the end` : null;
}

/** @param {World} _world @param {Outcome} outcome */
function checkError(_world, { results, done, dead }) {
  const [, learnt] = results;
  const gone = dead[SENDER] === true;
  if (done[1] === true && !['too late', 0, 'EIO'].includes(/** @type {string} */ (learnt))) {
    if (!gone || learnt !== 'EOWNERDEAD') return `who opened it learned: ${String(learnt)}`;
  }
  // Nobody takes back what was not opened, but a reaper.
  return done[1] === true && gone ? check() : null;
}

const QUIET =
  /^header|^slot.*\.(start|pid|kind|member|name|watched|pad|lost)|^timeline|^ticket.*\.(row|generation|rights|to)|^syncFile.*\.(id|name|fence|agents\+[1-7])|\.agents\+[1-7]/;
const quiet = new Set([...words.keys()].filter((index) => QUIET.test(world.label(index))));

/** @type {Omit<Model<World>, 'name' | 'threads'>} */
const common = {
  reset: world.reset,
  check,
  onKill: () => ({ name: 'reaper', run: reaper }),
  word: (_array, index) => world.label(index),
  private: (_array, index) => quiet.has(index),
};

/** The ticket first, then a reference of one's own. */
function ticketFirst() {
  const { read, take } = Tickets.prototype;
  const mends = [
    replaceMethod(
      Tickets.prototype,
      'read',
      /** @this {Tickets} @param {Parameters<typeof read>} args */
      function early(...args) {
        const note = read.apply(this, args);
        take.call(this, args[0], args[1], note);
        return note;
      },
    ),
    replaceMethod(Tickets.prototype, 'take', () => {}),
  ];
  return () => {
    for (const mend of mends) mend();
  };
}

/** @type {NonNullable<Model<World>['planted']>} */
const orderFaults = {
  'the ticket is taken before there is a reference': { patch: ticketFirst },
  'the ticket is taken in two steps': ({ name, word }) =>
    name === 'compareExchange' && word.startsWith('ticket') ? 'split' : undefined,
};

/** @type {NonNullable<Model<World>['planted']>} */
const deathFaults = {
  'a reaper leaves the tickets of the dead open': {
    patch: () => replaceMethod(Tickets.prototype, 'reap', () => {}),
  },
  'a reaper leaves the bits of the dead': {
    patch: () => replaceMethod(FileRows.prototype, 'reap', () => 0),
  },
  'who closes last does not look whether it was the last': ({ name, word, site }) =>
    name === 'compareExchange' && word.endsWith('.life') && site().includes('leave')
      ? 'drop'
      : undefined,
};

const senders = [
  { name: 'sender', run: sender },
  { name: 'receiver', run: receiver },
  { name: 'holder', run: holder },
];
const askers = [
  { name: 'maker', run: maker },
  { name: 'asker', run: asker },
];

/** @param {number} kills @param {number} preemptions @returns {Model<World>} */
const failing = (kills, preemptions) => ({
  ...common,
  name: `sync-files, a fence that fails, ${kills} killed`,
  threads: askers,
  kills,
  bounds: { preemptions },
  check: checkError,
  plain: () => [timeOf(world, FIRST.row)],
});

/** @type {Model<World>[]} */
export const models = [
  {
    ...common,
    name: 'sync-files, nobody killed',
    threads: senders,
    bounds: { preemptions: 3 },
    planted: orderFaults,
  },
  {
    ...common,
    name: 'sync-files, two openers',
    threads: [
      { name: 'sender', run: sender },
      { name: 'receiver 1', run: receiver },
      { name: 'receiver 2', run: receiver },
    ],
    bounds: { preemptions: 2 },
  },
  {
    ...common,
    name: 'sync-files, 1 killed',
    threads: senders,
    kills: 1,
    bounds: { preemptions: 2 },
    planted: deathFaults,
  },
  {
    ...common,
    name: 'sync-files, 2 killed',
    threads: senders,
    kills: 2,
    bounds: { preemptions: 1 },
  },
  {
    ...common,
    name: 'sync-files, a sender that waits',
    threads: [
      { name: 'sender', run: patientSender },
      { name: 'receiver', run: receiver },
    ],
    bounds: { preemptions: 4 },
    planted: {
      'a ring that finds its agent awake is forgotten': ({ name, word }) =>
        name === 'or' && word.includes('.summary') ? 'drop' : undefined,
    },
  },
  {
    ...failing(0, 3),
    planted: {
      'what sync files name is not asked for': {
        patch: () =>
          replaceMethod(FileRows.prototype, 'names', function* names() {
            // nothing is named
          }),
      },
    },
  },
  failing(1, 2),
];
