// SPDX-License-Identifier: MIT
// @ts-check
/**
 * model/world — one small arena for a model, and agents of the real code on simulated threads.
 *
 * The arena is made once; `reset` brings back the words it began with, so that words keep their addresses. A thread joins in
 * its first block (`join`), which is one step before anybody runs. Deaths are the engine's truth: an agent is gone when its
 * thread is.
 */

import { Agent, ControlSection, SlotSection, WaitRowSection } from '../../dist/agent/index.js';
import { Arena } from '../../dist/mem/index.js';

/** @import {Env} from './engine/types.js' */
/** @import {Limits, Section} from '../../dist/mem/index.js' */
/** @import {Platform} from '../../dist/agent/index.js' */

/** @type {Limits} */
const TINY = { agents: 4, buffers: 4, timelines: 2, channels: 2, pages: 8, waitRows: 4 };

/**
 * @typedef {object} World
 * @property {Arena} arena
 * @property {() => World} reset  back to the words it began with
 * @property {(env: Env) => Agent} join  the calling thread's agent; jobs of its event loop wait for `drain`
 * @property {(index: number) => string} label  section, row and field of a word
 */

/** @param {readonly Section[]} sections @param {Partial<Limits>} [limits] @returns {World} */
export function makeWorld(sections, limits = {}) {
  const all = [ControlSection, SlotSection, WaitRowSection, ...sections];
  const arena = Arena.create(all, { ...TINY, ...limits }, [1, 2]);
  const initial = arena.words.slice();
  /** @type {World} */
  const world = {
    arena,
    reset() {
      arena.words.set(initial);
      return world;
    },
    join: (env) => env.atomic(() => joined(arena, env)),
    label: (index) => labelOf(arena, all, index),
  };
  return world;
}

/**
 * Looks once before it sleeps: more looks are the same steps again. It has no event loop: see `runTasks`.
 * @param {Arena} arena @param {Env} env
 */
function joined(arena, env) {
  const agent = new Agent(arena, platformOf(env), identityOf(env));
  Object.defineProperty(agent.polling, 'looks', { value: 1 });
  Object.defineProperty(agent.polling, 'turns', { value: 0 });
  agent.listen = () => {};
  return agent;
}

/**
 * Stands for the event loop of a thread: runs its jobs, then sleeps on the bell, until none of its operations is pending.
 * @param {Agent} agent
 */
export function runTasks(agent) {
  const { jobs } = /** @type {ReturnType<typeof platformOf>} */ (agent.platform);
  for (;;) {
    for (let job = jobs.shift(); job !== undefined; job = jobs.shift()) job();
    if (agent.tasks.pending === 0) return;
    agent.sleepOnce();
  }
}

/**
 * Breaks a method of the real code; call what it returns to mend it.
 * @param {object} target @param {string} key @param {unknown} value
 */
export function replaceMethod(target, key, value) {
  const before = Reflect.get(target, key);
  Reflect.set(target, key, value);
  return () => void Reflect.set(target, key, before);
}

/** @param {Env} env */
function identityOf(env) {
  const name = `t${env.id}`;
  return {
    thread: env.id + 1,
    startTime: 0,
    pid: 1,
    station: 0,
    kind: /** @type {const} */ ('thread'),
    member: 0,
    name,
  };
}

/** A platform without an event loop: jobs are kept and never run, unless the model runs them. @param {Env} env @returns {Platform & {jobs: (() => void)[]}} */
export function platformOf(env) {
  /** @type {(() => void)[]} */
  const jobs = [];
  return {
    jobs,
    now: () => env.now(),
    timer: () => ({ cancel() {} }),
    soon() {},
    microtask: (job) => void jobs.push(job),
    giveWay: null,
    hold() {},
    release() {},
    mayBlock: true,
    isGone: (thread) => env.isDead(thread - 1),
    processes: null,
  };
}

/** @param {Arena} arena @param {readonly Section[]} sections @param {number} index */
function labelOf(arena, sections, index) {
  for (const section of sections) {
    const { layout } = section;
    const offset = index - arena.base(section);
    const row = Math.floor(offset / layout.size);
    if (offset < 0 || row >= section.rows(arena.limits)) continue;
    const word = offset % layout.size;
    const fields = Object.entries(layout.at).filter(([, at]) => at <= word);
    const [field, at] = fields.reduce((best, next) => (next[1] >= best[1] ? next : best));
    return `${layout.name}[${row}].${field}${word > at ? `+${word - at}` : ''}`;
  }
  return `header+${index}`;
}
