// SPDX-License-Identifier: MIT
// @ts-check
/**
 * model/models/heap-names — agents that add heaps of one name: one of them has it at a time, and no name stays with the dead;
 * whoever dies, and wherever.
 */

import { DmaBufError } from '../../../dist/errors.js';
import { HeapNames } from '../../../dist/heap/heap-names.js';
import {
  HeapNameLayout,
  HeapNameSection,
  HeapNamesControlLayout,
  HeapNamesControlSection,
  heapNameSections,
} from '../../../dist/heap/heap-names-layout.js';
import { Registry, RowState } from '../../../dist/heap/registry.js';
import { cas, notify, record, section, store, u32 } from '../../../dist/mem/index.js';
import { recover } from '../buf-world.mjs';
import { broken } from '../channel-world.mjs';
import { makeWorld } from '../world.mjs';

/** @import {Env, Fault, Model, Outcome, Thread} from '../engine/types.js' */
/** @import {World} from '../world.mjs' */

const THREADS = 6;
const NAME = 'tiles';
const book = record('book', { has: u32('thread + 1 that has the name, as far as it knows') });
const Book = section('book', book, () => 1);
const world = makeWorld([...heapNameSections, Book], { agents: THREADS, waitRows: 4 });
const { words } = world.arena;
const LOCK = world.arena.base(HeapNamesControlSection) + HeapNamesControlLayout.at.lock;
const HAS = world.arena.base(Book) + book.at.has;

/** @param {Env} env */
const namesOf = (env) => env.atomic(() => new HeapNames(world.join(env), 'system'));

/** Adds the heap, and removes it if it is told to. @param {boolean} removes @returns {Thread<World>} */
const author = (removes) => ({
  name: removes ? 'guest' : 'owner',
  run(_world, env) {
    const names = namesOf(env);
    let row = -1;
    try {
      row = names.add('model', NAME);
    } catch (error) {
      if (DmaBufError.is(error, 'EEXIST')) return 'refused';
      throw error;
    }
    for (let other = 0; ; ) {
      const found = cas(words, HAS, other, env.id + 1);
      if (found === other) break;
      if (!env.isDead(found - 1)) env.fail(`thread ${found - 1} has the name too`);
      other = found;
    }
    if (!removes) return 'added';
    store(words, HAS, 0);
    names.remove(row);
    return 'removed';
  },
});

/** @param {World} _world @param {Env} env */
function reaper(_world, env) {
  const names = namesOf(env);
  recover(names.agent);
  // Who sleeps on the lock wakes by itself, now and then. Here time stands still: who comes next wakes it.
  names.owner('model', NAME);
  notify(words, LOCK);
}

/** @param {number} row @param {keyof typeof HeapNameLayout.at} field */
const word = (row, field) =>
  words[world.arena.base(HeapNameSection) + row * HeapNameLayout.size + HeapNameLayout.at[field]] ??
  0;

/** @param {unknown} _world @param {Outcome} outcome */
function check(_world, { done, dead }) {
  if (done.some((over, id) => !over && !dead[id])) return 'somebody waits for ever';
  const owners = [];
  for (let row = 0; row < HeapNameSection.rows(world.arena.limits); row++) {
    if (word(row, 'state') === RowState.LIVE) owners.push(word(row, 'owner'));
  }
  if (owners.length > 1) return `${owners.length} heaps have the name`;
  if (owners.length === 0) return null;
  const has = (words[HAS] ?? 0) - 1;
  if (has < 0 || dead[has]) return 'a name stays with the dead';
  return null;
}

/** @type {Readonly<Record<string, Fault>>} */
const planted = {
  'the name is looked for and given without the lock': broken(
    Registry.prototype,
    'locked',
    (_locked, _registry, [, body]) => body(),
  ),
};

/** @type {Readonly<Record<string, Fault>>} */
const plantedDeaths = {
  'a reaper overlooks names': broken(Registry.prototype, 'eachLive', () => {}),
  'a name is seen before its owner is': broken(
    Registry.prototype,
    'claim',
    (claim, registry, args) => {
      const row = claim(...args);
      registry.publish(row);
      return row;
    },
  ),
};

const QUIET = /^header|\.(openers|name)(\+|$)|\.(pid|kind|member|start|watched|lost|name)/;
/** @type {(boolean | undefined)[]} */
const known = [];

/** @param {string} name @param {readonly Thread<World>[]} threads @param {number} kills @param {number} preemptions @param {Readonly<Record<string, Fault>>} faults @returns {Model<World>} */
const model = (name, threads, kills, preemptions, faults) => ({
  name: `heap-names, ${name}`,
  threads,
  kills,
  bounds: { preemptions },
  reset: world.reset,
  onKill: () => ({ name: 'reaper', run: reaper }),
  word: (_array, index) => world.label(index),
  private: (_array, index) => (known[index] ??= QUIET.test(world.label(index))),
  check,
  planted: faults,
});

export const models = [
  model('three', [author(true), author(false), author(true)], 0, 2, planted),
  model('two, 1 killed', [author(true), author(false)], 1, 1, plantedDeaths),
];
