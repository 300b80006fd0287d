// SPDX-License-Identifier: MIT
// @ts-check
/**
 * model/resv-world — agents with reservations, in tables as small as they can be, and parties that pass through locked sections.
 *
 * A thread builds its room in its first block, so that making it is no part of what is explored. Locks are rows 0, 1, …; for each
 * there is a word that says who is inside.
 */

import { DmaBufError } from '../../dist/errors.js';
import { exchange, load, record, section, u32 } from '../../dist/mem/index.js';
import { lockAllSync, Reservations, reservationSections } from '../../dist/resv/index.js';
import { ChunkSection, ResvSection } from '../../dist/resv/layout.js';
import { slotOf } from '../../dist/resv/owner-word.js';
import { makeWorld, replaceMethod } from './world.mjs';

/** @import {Env} from './engine/types.js' */
/** @import {Agent} from '../../dist/agent/index.js' */
/** @import {Operation} from '../../dist/agent/index.js' */
/** @import {Fences} from '../../dist/fence/index.js' */
/** @import {Limits, Section} from '../../dist/mem/index.js' */
/** @import {AcquireContext, Algorithm, ResvLock} from '../../dist/resv/index.js' */
/** @import {platformOf, World} from './world.mjs' */

/** @typedef {Limits & { readonly resvChunks?: number }} TinyLimits */

// Worlds that ask for it have no shared reservations, and that few chunks; all others keep what they have.
{
  const [resv, chunk] = [ResvSection.rows, ChunkSection.rows];
  const few = (/** @type {TinyLimits} */ limits) => limits.resvChunks !== undefined;
  replaceMethod(ResvSection, 'rows', (/** @type {TinyLimits} */ limits) =>
    few(limits) ? limits.buffers : resv(limits),
  );
  replaceMethod(
    ChunkSection,
    'rows',
    (/** @type {TinyLimits} */ limits) => limits.resvChunks ?? chunk(limits),
  );
}

const Inside = section(
  'inside',
  record('inside', { who: u32('who is inside') }),
  (limits) => limits.buffers,
);

/** Words that nobody looks at in these models, or that never change. */
const QUIET =
  /^header|^slot.*\.(start|pid|kind|member|name|watched|pad|lost)|\.since|^timeline|^resv.*\.claim/;

/** @param {World} world @param {RegExp} [more] @returns {(array: unknown, index: number) => boolean} */
export function quietWords(world, more = QUIET) {
  const { words } = world.arena;
  const isQuiet = (/** @type {string} */ label) => QUIET.test(label) || more.test(label);
  const quiet = new Set([...words.keys()].filter((index) => isQuiet(world.label(index))));
  return (_array, index) => quiet.has(index);
}

/** @param {Partial<TinyLimits>} [limits] @param {readonly Section[]} [sections] */
export function makeResvWorld(limits = {}, sections = []) {
  /** @type {Partial<TinyLimits>} */
  const tiny = { agents: 6, buffers: 2, waitRows: 4, resvChunks: 1, ...limits };
  return makeWorld([...reservationSections, Inside, ...sections], tiny);
}

/** No fences: for models of locks alone. */
const noFences = /** @type {Fences} */ (
  /** @type {unknown} */ ({ inSignalling: 0, registerNames() {} })
);

/** The calling thread's room. @param {World} world @param {Env} env @param {(agent: Agent) => Fences} [fences] */
export function joinResv(world, env, fences = () => noFences) {
  return env.atomic(() => {
    const agent = world.join(env);
    // A task that stops because its thread is run again rejects, and nobody is there to hear it.
    const run = agent.run.bind(agent);
    agent.run = (op, operation, limits) => {
      const result = run(op, operation, limits);
      result.catch(() => {});
      return result;
    };
    return new Reservations(agent, fences(agent));
  });
}

/** Recovers all who are dead, though somebody else may be recovering. @param {Reservations} room */
export function recover({ agent: { slots, reapers } }) {
  const left = () => {
    for (let slot = 0; slot < slots.limit; slot++) if (slots.isDead(slot)) return true;
    return false;
  };
  while (left()) if (reapers.sweep().length === 0) reapers.waitForOther(1000);
}

/** @param {World} world */
export const reaper = (world) => ({
  name: 'reaper',
  run: (/** @type {World} */ _world, /** @type {Env} */ env) => recover(joinResv(world, env)),
});

/**
 * @typedef {object} Party
 * @property {readonly number[]} locks
 * @property {Algorithm | null} algorithm  null: without a context, one lock only
 * @property {number} [rounds]
 * @property {number} [timeout]  virtual milliseconds, per lock or set of locks
 */

export class Sections {
  #base;
  #words;

  /** @param {World} world @param {Env} env */
  constructor(world, env) {
    this.env = env;
    this.#words = world.arena.words;
    this.#base = world.arena.base(Inside);
  }

  /** Nobody else is inside, or he died there. @param {readonly ResvLock[]} locks */
  pass(locks) {
    for (const lock of locks) this.#enter(lock);
    for (const lock of locks) {
      const who = exchange(this.#words, this.#at(lock), 0);
      if (who !== this.env.id + 1)
        this.env.fail(`thread ${this.env.id} was joined inside ${lock.resv.row}`);
    }
    for (const lock of locks) lock.unlock();
  }

  /** @param {ResvLock} lock */
  #enter(lock) {
    const before = exchange(this.#words, this.#at(lock), this.env.id + 1);
    if (before !== 0 && !lock.ownerDied) this.env.fail(`two inside ${lock.resv.row}`);
    if (lock.ownerDied) lock.markConsistent();
  }

  /** @param {ResvLock} lock */
  #at(lock) {
    return this.#base + lock.resv.row * Inside.layout.size;
  }
}

/** @param {unknown} error @param {string} code */
const isCode = (error, code) => DmaBufError.is(error) && error.code === code;

/** A party that blocks its thread. @param {Reservations} room @param {Sections} sections @param {Party} party */
export function passSync(room, sections, { locks, algorithm, rounds = 1, timeout }) {
  const limits = timeout === undefined ? { recover: true } : { recover: true, timeout };
  for (let round = 0; round < rounds; round++) {
    const of = locks.map((row) => room.of(row));
    try {
      if (algorithm === null) sections.pass([/** @type {any} */ (of[0]).lockSync(limits)]);
      else {
        const context = room.acquireContext({ algorithm });
        sections.pass([...lockAllSync(room, of, { ...limits, context })]);
        context[Symbol.dispose]();
      }
    } catch (error) {
      if (!isCode(error, 'ETIMEDOUT')) throw error;
    }
  }
}

/**
 * A party that is a task: takes its locks by hand.
 * @param {Reservations} room @param {Sections} sections @param {Party} party @param {unknown} [reason]  an end that is all right
 * @returns {Operation<void>}
 */
export function* passTask(room, sections, { locks, algorithm }, reason) {
  try {
    const context = algorithm === null ? null : room.acquireContext({ algorithm });
    const held = yield* takeAll(room, context, locks);
    sections.pass(held);
    context?.[Symbol.dispose]();
  } catch (error) {
    if (error === undefined || error !== reason)
      sections.env.fail(`a task failed: ${String(error)}`);
  }
}

/**
 * A party that blocks its thread and takes its locks by hand. The first of them it has before anybody runs, and its age as well.
 * @param {World} world @param {Env} env @param {Party} party @param {number} first  how many of them
 */
export function passByHand(world, env, { locks, algorithm }, first) {
  const { room, request, early } = env.atomic(() => {
    const joined = joinResv(world, env);
    const context = algorithm === null ? undefined : joined.acquireContext({ algorithm });
    const options = { context, recover: true };
    const taken = locks.slice(0, first).map((row) => joined.of(row).lockSync(options));
    return { room: joined, request: options, early: taken };
  });
  let held = early;
  for (let at = 0; at < locks.length; at++) {
    const resv = room.of(/** @type {number} */ (locks[at]));
    if (held.some((lock) => lock.resv === resv)) continue;
    try {
      held.push(resv.lockSync(request));
    } catch (error) {
      if (!isCode(error, 'EDEADLK')) throw error;
      for (const lock of held) lock.unlock();
      held = [resv.lockSync(request)];
      at = -1;
    }
  }
  new Sections(world, env).pass(held);
  request.context?.[Symbol.dispose]();
}

/** @param {Reservations} room @param {AcquireContext | null} context @param {readonly number[]} rows @returns {Operation<ResvLock[]>} */
function* takeAll(room, context, rows) {
  const request = { context, recover: true };
  /** @type {ResvLock[]} */
  let held = [];
  for (let at = 0; at < rows.length; at++) {
    const resv = room.of(/** @type {number} */ (rows[at]));
    if (held.some((lock) => lock.resv === resv)) continue;
    try {
      held.push(yield* resv.lockOperation('model', request));
    } catch (error) {
      if (!isCode(error, 'EDEADLK')) {
        for (const lock of held) lock.unlock();
        throw error;
      }
      for (const lock of held) lock.unlock();
      held = [yield* resv.lockOperation('model', request)];
      at = -1;
    }
  }
  return held;
}

/** @param {Algorithm | null} algorithm @param {readonly number[]} locks @returns {Party} */
export const partyOf = (algorithm, ...locks) => ({ algorithm, locks });

/** Agents that block, each one party. @param {World} world */
export const blockingIn =
  (world) =>
  (/** @type {Party} */ party) =>
  (/** @type {unknown} */ _world, /** @type {Env} */ env) =>
    passSync(joinResv(world, env), new Sections(world, env), party);

/**
 * A party that waits at the cost of a promise: its part begins when it is told so, as a job.
 * @param {Reservations} room @param {Sections} sections @param {number} row @param {() => void} over
 */
export function passResting(room, sections, row, over) {
  const resv = room.of(row);
  const { platform } = room.agent;
  const pass = (/** @type {ResvLock} */ lock) => {
    platform.microtask(() => {
      sections.pass([lock]);
      over();
    });
  };
  const fail = (/** @type {unknown} */ error) => {
    if (!isCode(error, 'EOWNERDEAD')) throw error;
    platform.microtask(over);
  };
  const lock = resv.take(null);
  if (lock !== null) pass(lock);
  else if (resv.holder !== null) resv.ww.rest({ resolve: pass, reject: fail });
  else throw new Error('somebody of this agent has to hold the lock');
}

/** Runs jobs, and sleeps on the bell, until all is over. @param {Agent} agent @param {() => boolean} [over] */
export function runUntil(agent, over = () => agent.tasks.pending === 0) {
  const { jobs } = /** @type {ReturnType<typeof platformOf>} */ (agent.platform);
  for (;;) {
    for (let job = jobs.shift(); job !== undefined; job = jobs.shift()) job();
    if (over()) return;
    agent.sleepOnce();
  }
}

/** @type {WeakMap<World, readonly number[]>} */
const leftovers = new WeakMap();

/** Words that are 0 when nobody waits. @param {World} world */
function waitWords(world) {
  const known = leftovers.get(world);
  if (known !== undefined) return known;
  const isWait = (/** @type {number} */ index) =>
    /^slot.*\.(waiting|overflow|blocked)$|^waitRow.*\.obj/.test(world.label(index));
  const found = [...world.arena.words.keys()].filter(isWait);
  leftovers.set(world, found);
  return found;
}

/** Nothing is left of all that: after a schedule in which nobody is stuck. @param {World} world */
export function checkLocks(world) {
  const { words, limits } = world.arena;
  const { size, at } = ResvSection.layout;
  const base = world.arena.base(ResvSection) + /** @type {number} */ (at['owner']);
  for (let row = 0; row < limits.buffers; row++) {
    const holder = slotOf(load(words, base + row * size));
    if (holder >= 0) return `lock ${row} is still held by ${holder}`;
  }
  const left = waitWords(world).find((index) => words[index] !== 0);
  return left === undefined ? null : `${world.label(left)} is ${words[left]}`;
}

/** What all models of locks have in common. @param {World} world @param {ReturnType<typeof quietWords>} [quiet] */
export const modelOf = (world, quiet = quietWords(world)) => ({
  reset: world.reset,
  onKill: () => reaper(world),
  check: () => checkLocks(world),
  word: (/** @type {unknown} */ _array, /** @type {number} */ index) => world.label(index),
  private: quiet,
});
