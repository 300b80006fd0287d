// SPDX-License-Identifier: MIT
// @ts-check
/**
 * model/models/pool-buffers — a pool of one or two buffers: nobody has a buffer that another one has, every buffer comes back, nobody
 * sleeps while one is free, and all memory is given back when the last opener has gone; whoever dies, and wherever.
 */

import { CallSection, setBit } from '../../../dist/agent/index.js';
import { Reapers } from '../../../dist/agent/reaper.js';
import { Buffers, bufferSections, Phase, phaseOf } from '../../../dist/buf/index.js';
import { BufferLayout, BufferSection } from '../../../dist/buf/layout.js';
import { Pools } from '../../../dist/heap/index.js';
import { Line } from '../../../dist/heap/line.js';
import { PoolLayout, PoolSection, poolSections } from '../../../dist/heap/pool-layout.js';
import { PoolTable } from '../../../dist/heap/pool-table.js';
import { RowState } from '../../../dist/heap/registry.js';
import { add, words as field, load, record, section, store, u32 } from '../../../dist/mem/index.js';
import { recover } from '../buf-world.mjs';
import { attempt, broken, messageOf } from '../channel-world.mjs';
import { makeWorld } from '../world.mjs';

/** @import {DmaBuf} from '../../../dist/buf/index.js' */
/** @import {Fences} from '../../../dist/fence/index.js' */
/** @import {Reservations} from '../../../dist/resv/index.js' */
/** @import {Env, Fault, Model, Outcome, Thread} from '../engine/types.js' */
/** @import {World} from '../world.mjs' */

const COUNT = 2;
const THREADS = 10;
const book = record('book', {
  using: field(COUNT, 'thread + 1 that has the buffer in hand'),
  released: field(COUNT, 'how often its memory was given back'),
  made: u32('buffers made'),
});
const Book = section('book', book, () => 1);
const world = makeWorld([CallSection, ...bufferSections, ...poolSections, Book], {
  agents: THREADS,
  buffers: COUNT,
  channels: 1,
  waitRows: 4,
});
const { words } = world.arena;
const base = world.arena.base(Book);
const ABOUT = { exporter: 0, exporterName: 'model', dynamic: false };

const fences = /** @type {Fences} */ (/** @type {unknown} */ ({ registerNames() {} }));
/** All fences have signalled. */
const idle = { test: () => true, fences: () => [] };
const reservations = /** @type {Reservations} */ (
  /** @type {unknown} */ ({ registerNamer() {}, reset() {}, retire() {}, of: () => idle })
);

/** @param {Env} env */
function rooms(env) {
  return env.atomic(() => {
    const agent = world.join(env);
    const buffers = new Buffers(agent, fences, reservations);
    buffers.registerHeap({
      name: 'model',
      bytes: () => new Uint8Array(0),
      release: (row) => {
        const user = load(words, base + book.at.using + row) - 1;
        if (user >= 0 && !env.isDead(user))
          env.fail(`buffer ${row} was given back under thread ${user}`);
        add(words, base + book.at.released + row, 1);
      },
    });
    const pools = new Pools(agent, buffers, () => {
      const row = buffers.begin('model', { size: 1 }, ABOUT);
      add(words, base + book.at.made, 1);
      return buffers.handle(buffers.publish(row));
    });
    return { agent, buffers, pools };
  });
}

/**
 * steady: acquires and gives back · early: closes the pool while it has a buffer · visitor: opens when the others run already, and
 * makes a pool if there is none.
 * @typedef {'steady' | 'early' | 'visitor'} Kind
 */

/** @param {Env} env @param {DmaBuf} buf */
function use(env, buf) {
  const row = messageOf(buf);
  const using = base + book.at.using + row;
  const other = load(words, using) - 1;
  if (other >= 0 && !env.isDead(other)) env.fail(`buffer ${row} is thread ${other}'s`);
  store(words, using, env.id + 1);
  store(words, using, 0);
}

/** @param {Kind} kind @param {number} count @param {number} rounds @returns {Thread<World>} */
const user = (kind, count, rounds) => ({
  name: kind,
  daemon: true,
  run(_world, env) {
    const { pools } = rooms(env);
    const open = () => pools.open({ name: 'p', count, size: 1 });
    const pool = kind === 'visitor' ? attempt(open) : env.atomic(open);
    if (typeof pool === 'string') return pool;
    for (let round = 0; round < rounds; round++) {
      const buf = pool.acquireSync();
      use(env, buf);
      if (kind === 'early') pool.close();
      buf.close();
    }
    pool.close();
    return 'served';
  },
});

/** @param {World} _world @param {Env} env */
function reaper(_world, env) {
  recover(rooms(env).agent);
}

/** @param {number} count @returns {(world: unknown, outcome: Outcome) => string | null} */
const check =
  (count) =>
  (_world, { done, dead }) => {
    const waits = done.some((over, id) => !over && !dead[id]);
    const life = (/** @type {number} */ row) =>
      phaseOf(
        words[
          world.arena.base(BufferSection) + row * BufferSection.layout.size + BufferLayout.at.life
        ] ?? 0,
      );
    const phases = Array.from({ length: count }, (_, row) => life(row));
    if (waits && phases.includes(Phase.IDLE)) return 'a user waits, and a buffer is free';
    if (waits)
      return phases.every((phase) => phase === Phase.LIVE)
        ? 'a user waits for ever'
        : `phases ${phases.join()}`;
    if (phases.some((phase) => phase !== Phase.FREE)) return `phases ${phases.join()} at the end`;
    const state = words[world.arena.base(PoolSection) + PoolLayout.at.state] ?? 0;
    // What a dead maker had begun is discarded by the next one.
    const over = [RowState.FREE, ...(dead.some(Boolean) ? [RowState.BUILDING] : [])];
    if (!over.some((known) => known === (state & 7)))
      return `the pool is in state ${state & 7} at the end`;
    for (let row = 0; row < count; row++) {
      const released = words[base + book.at.released + row] ?? 0;
      if (released === 0 && !dead.some(Boolean)) return `buffer ${row} was never given back`;
      const again = dead.some(Boolean) || words[base + book.at.made] !== count;
      if (released > 1 && !again) return `buffer ${row} was given back ${released} times`;
    }
    return null;
  };

const QUIET =
  /^header|\.(idHigh|idLow|size|sizeHigh|sizeLow|flags|exporterName|names|nameVersion|resv|moveGen|queues|pid|kind|member|start|watched|lost|count|poolNext|inbox|callTimeout)|^call|\.(agents|attached|openers)\+[1-7]/;
/** @type {(boolean | undefined)[]} */
const known = [];

/** @param {string} name @param {{ count: number, users: readonly Kind[], rounds?: number, kills: number, preemptions: number }} shape @param {Readonly<Record<string, Fault>>} [planted] @returns {Model<World>} */
const model = (name, { count, users, rounds = 1, kills, preemptions }, planted = {}) => ({
  name: `pool-buffers, ${name}`,
  threads: users.map((kind) => user(kind, count, rounds)),
  kills,
  bounds: { preemptions },
  reset: world.reset,
  onKill: () => ({ name: 'reaper', run: reaper }),
  word: (_array, index) => world.label(index),
  private: (_array, index) => (known[index] ??= QUIET.test(world.label(index))),
  check: check(count),
  planted,
});

/** @type {Readonly<Record<string, Fault>>} */
const wakeFaults = {
  'who gives a buffer back wakes nobody': broken(Line.prototype, 'wake', () => {}),
};

/** @type {Readonly<Record<string, Fault>>} */
const endFaults = {
  'who gives a buffer back does not look whether the pool is still there': broken(
    PoolTable.prototype,
    'keeps',
    () => true,
  ),
  'who opens does not say so in the word that closing changes': broken(
    PoolTable.prototype,
    'enter',
    (_enter, table, [row]) => {
      setBit(words, table.at(row) + PoolLayout.at.openers, table.agent.slot);
      return table.isLive(row);
    },
  ),
};

/** @type {Readonly<Record<string, Fault>>} */
const deathFaults = {
  'a reaper rings nobody': broken(Reapers.prototype, 'ringEverybody', () => {}),
  'a reaper does not go on with a pool that was closing': broken(
    PoolTable.prototype,
    'finishFor',
    () => {},
  ),
  'a reaper overlooks buffers that rest in no pool': broken(
    PoolTable.prototype,
    'retireStrays',
    () => {},
  ),
};

export const models = [
  model(
    'three users of one',
    { count: 1, users: ['steady', 'steady', 'steady'], kills: 0, preemptions: 1 },
    wakeFaults,
  ),
  model('the end', { count: 1, users: ['early', 'visitor'], kills: 0, preemptions: 2 }, endFaults),
  model(
    'one, 1 killed',
    { count: 1, users: ['steady', 'early', 'visitor'], kills: 1, preemptions: 0 },
    deathFaults,
  ),
  model('two, 2 killed', {
    count: 2,
    users: ['steady', 'early', 'steady'],
    kills: 2,
    preemptions: 0,
  }),
];
