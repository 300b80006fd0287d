// SPDX-License-Identifier: MIT
// @ts-check
/**
 * model/models/engine-mutex — demonstrates the engine: a mutex over a two-word record, with a journal, deaths and a reaper.
 *
 * Invariants  the record is torn only while the lock is held, and then the holder's journal says how it goes on.
 *             one live reaper: `reaper` names it, and is taken over only from the dead.
 * Pairs       worker: lock word marked, then asleep on it ↔ unlock, reaper: lock word free, then notify.
 *             reaper: gone from `reaper`, then looks for the dead ↔ the next reaper: its dead exists, then tries `reaper`.
 */

/** @import {Env, Model} from '../engine/types.js' */

const WORKERS = [0, 1, 2];
const WAITERS = 0x100;
const LOCK = 0;
const FIRST = 1;
const SECOND = 2;
const REAPER = 3;
const intent = (/** @type {number} */ id) => 8 + 4 * id;
const value = (/** @type {number} */ id) => 9 + 4 * id;
const reaped = (/** @type {number} */ id) => 10 + 4 * id;

const LABELS = ['lock', 'first', 'second', 'reaper'];
const JOURNAL = ['intent', 'value', 'reaped', 'unused'];
const words = new Int32Array(new SharedArrayBuffer(256));

/** @param {number} tag */
function lock(tag) {
  let mark = 0;
  for (;;) {
    let seen = Atomics.compareExchange(words, LOCK, 0, tag | mark);
    if (seen === 0) return;
    if ((seen & WAITERS) === 0) {
      if (Atomics.compareExchange(words, LOCK, seen, seen | WAITERS) !== seen) continue;
      seen |= WAITERS;
    }
    Atomics.wait(words, LOCK, seen);
    mark = WAITERS; // others may still sleep
  }
}

function unlock() {
  if (Atomics.exchange(words, LOCK, 0) & WAITERS) Atomics.notify(words, LOCK);
}

/** @param {number} next */
function writeRecord(next) {
  Atomics.store(words, FIRST, next);
  Atomics.store(words, SECOND, next);
}

/** @param {Int32Array} _world @param {Env} env */
function worker(_world, { id }) {
  lock(id + 1);
  const next = Atomics.load(words, FIRST) + 1;
  Atomics.store(words, value(id), next);
  Atomics.store(words, intent(id), 1);
  writeRecord(next);
  Atomics.store(words, intent(id), 0);
  unlock();
}

/** Every step may be done again by the next reaper. @param {number} id */
function recover(id) {
  if ((Atomics.load(words, LOCK) & ~WAITERS) === id + 1) {
    if (Atomics.load(words, intent(id)) === 1) writeRecord(Atomics.load(words, value(id)));
    Atomics.store(words, LOCK, 0);
  }
  Atomics.notify(words, LOCK); // it may have died between its unlock and its notify
  Atomics.store(words, reaped(id), 1);
}

/** @param {Int32Array} _world @param {Env} env */
function reaper(_world, env) {
  const forgotten = () =>
    WORKERS.filter((id) => env.isDead(id) && Atomics.load(words, reaped(id)) === 0);
  for (let dead = forgotten(); dead.length > 0; dead = forgotten()) {
    const holder = Atomics.compareExchange(words, REAPER, 0, env.id);
    if (holder !== 0) {
      if (!env.isDead(holder)) return; // it looks again when it has left
      if (Atomics.compareExchange(words, REAPER, holder, env.id) !== holder) continue;
    }
    for (const id of forgotten()) recover(id);
    Atomics.store(words, REAPER, 0);
  }
}

/** @param {number} kills @param {number} preemptions @returns {Model<Int32Array>} */
const mutex = (kills, preemptions) => ({
  name: `engine-mutex, ${kills} killed`,
  threads: WORKERS.map((id) => ({ name: `worker ${id}`, run: worker })),
  kills,
  bounds: { preemptions },
  reset: () => words.fill(0),
  onKill: () => ({ name: 'reaper', run: reaper }),
  word: (_array, index) => LABELS[index] ?? `${JOURNAL[index % 4]} ${(index - 8) >> 2}`,
  check(world, { done }) {
    if (world[FIRST] !== world[SECOND]) return `torn record ${world[FIRST]}/${world[SECOND]}`;
    if (world[LOCK] !== 0) return `lock left at ${world[LOCK]}`;
    const finished = done.slice(0, WORKERS.length).filter(Boolean).length;
    const count = world[FIRST] ?? -1;
    return count >= finished && count <= WORKERS.length
      ? null
      : `${count} increments, ${finished} finished`;
  },
});

/** @type {Model<Int32Array>[]} */
export const models = [
  {
    ...mutex(0, 3),
    planted: {
      'unlock wakes nobody': ({ name }) => (name === 'notify' ? 'drop' : undefined),
      'unlock does not let go': ({ name }) => (name === 'exchange' ? 'drop' : undefined),
      'the lock is taken in two steps': ({ name, word }) =>
        name === 'compareExchange' && word === 'lock' ? 'split' : undefined,
      'one is woken, and forgets the others': ({ name, word, args }) => {
        if (name === 'notify') return [1];
        const takes = name === 'compareExchange' && word === 'lock' && args[0] === 0;
        return takes ? [0, Number(args[1]) & ~WAITERS] : undefined;
      },
    },
  },
  {
    ...mutex(1, 1),
    planted: {
      'no journal': ({ name, word }) =>
        name === 'store' && word.startsWith('intent') ? 'drop' : undefined,
      'the journal comes late': ({ name, word, args }) =>
        name === 'store' && word.startsWith('intent') && args[0] === 1 ? 'delay-one' : undefined,
      'the reaper wakes nobody': ({ name }, thread) =>
        name === 'notify' && thread.name === 'reaper' ? 'drop' : undefined,
    },
  },
  {
    ...mutex(2, 0),
    planted: {
      'a reaper does not step down': ({ name, word }) =>
        name === 'store' && word === 'reaper' ? 'drop' : undefined,
    },
  },
];
