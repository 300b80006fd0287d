// SPDX-License-Identifier: MIT
// @ts-check
/**
 * model/call-world — agents that call each other with a lock in hand, and one who wants that lock.
 *
 * The callback stands for whatever an exporter does under the lock: it says that it is inside, and may wait in there. Who comes
 * in while somebody is inside, without being told that a holder died, has found a lock that was free under a callback.
 */

import { Calls } from '../../dist/agent/calls.js';
import { ownerTag } from '../../dist/agent/index.js';
import { CallLayout, CallPhase, CallSection } from '../../dist/agent/layout.js';
import { Polling } from '../../dist/agent/poll.js';
import { DmaBufError } from '../../dist/errors.js';
import { exchange, load, or, record, section, store, u32 } from '../../dist/mem/index.js';
import { LentAway } from '../../dist/resv/index.js';
import {
  checkLocks,
  joinResv,
  makeResvWorld,
  quietWords,
  recover,
  runUntil,
} from './resv-world.mjs';
import { replaceMethod } from './world.mjs';

/** @import {Env} from './engine/types.js' */
/** @import {Answer, Incoming} from '../../dist/agent/call.js' */
/** @import {Operation, Wait} from '../../dist/agent/index.js' */
/** @import {BorrowedLock, HeldLock, Reservations, ResvLock} from '../../dist/resv/index.js' */
/** @import {World} from './world.mjs' */

// One call at a time for each agent, and one look for more.
Object.defineProperty(Polling.prototype, 'turns', { value: 1 });
Object.defineProperty(Polling.prototype, 'looks', { value: 1 });
replaceMethod(CallSection, 'rows', (/** @type {{agents: number}} */ limits) => limits.agents);

const Data = section(
  'data',
  record('data', {
    inside: u32('who is inside of the lock: thread + 1'),
    go: u32('1: the callback may end'),
    over: u32('bit per thread that has finished'),
  }),
  () => 1,
);
const KIND = 1;
/** Of calls that do nothing. */
const IDLE_KIND = 2;
/** Of the first agent in a slot: a later one is not who is meant. */
const FIRST_LIFE = 1 << 3;

export const world = makeResvWorld({ agents: 7, buffers: 1, waitRows: 2 }, [CallSection, Data]);
const { words } = world.arena;
const [inside, go, over] = [0, 1, 2].map((field) => world.arena.base(Data) + field);
const states = Array.from({ length: 7 }, (_, slot) => callAt(slot) + CallLayout.at.state);

/** @param {number} row */
function callAt(row) {
  return world.arena.base(CallSection) + row * CallLayout.size;
}

/** @param {Env} env */
function join(env) {
  return env.atomic(() => {
    const room = joinResv(world, env);
    const { platform } = room.agent;
    // Turns of the event loop happen, since an agent looks for more calls in some of them.
    platform.soon = platform.microtask;
    return { room, calls: new Calls(room.agent, room) };
  });
}

/** Comes in, as the one who has just taken the lock. @param {Env} env @param {ResvLock} lock */
function enter(env, lock) {
  const before = exchange(words, inside, env.id + 1);
  if (before !== 0 && !lock.ownerDied) env.fail(`thread ${before - 1} was still inside`);
  if (lock.ownerDied) lock.markConsistent();
}

/** Passes on what is inside, under the same hold. @param {Env} env @param {number} from @param {number} to @param {string} when */
function pass(env, from, to, when) {
  const before = exchange(words, inside, to);
  if (before !== from) env.fail(`${when}: thread ${before - 1} was inside in place of ${from - 1}`);
}

/** @param {number} target @param {number} kind @param {LentAway | null} lock */
const requestTo = (target, kind, lock) => ({
  op: 'model',
  target: ownerTag(target, FIRST_LIFE),
  kind,
  patience: Infinity,
  lock,
  at: {},
  write() {},
});

/**
 * Takes the lock, calls the target with it, unlocks; `again`: and takes it once more.
 * @param {number} target @param {{timeout?: number}} [limits] @param {boolean} [again]
 */
export const caller =
  (target, limits = {}, again = false) =>
  (/** @type {World} */ _world, /** @type {Env} */ env) => {
    const { room, calls } = join(env);
    const { agent } = room;
    const lock = room.of(0).lockSync({ recover: true });
    enter(env, lock);
    const request = requestTo(target, KIND, new LentAway(lock));
    try {
      agent.runSync(
        'model',
        calls.ask(request, () => {}),
        limits.timeout,
        agent.held,
      );
    } catch {
      // What went wrong is not what this is about: who is inside is.
    }
    if (lock.held) {
      // A target that has died may have died inside.
      const left = env.isDead(target) && load(words, inside) === target + 1 ? target : env.id;
      pass(env, left + 1, 0, 'after the call');
      lock.unlock();
    }
    if (again) {
      const anew = room.of(0).lockSync({ recover: true });
      enter(env, anew);
      if (!anew.held) env.fail('a lock that was taken anew is not held');
      pass(env, env.id + 1, 0, 'the second time');
      anew.unlock();
    }
    or(words, over, 1 << env.id);
    agent.note(target);
  };

/** Until the callback may end, or nobody is left to say so: thread 2 is the one. @param {Env} env @returns {Wait} */
function gone(env) {
  const holds = () => load(words, go) === 1 || env.isDead(2);
  return { keys: [7], ready: holds, arm: holds, check: holds, disarm() {} };
}

/**
 * What an exporter does under the lock of somebody else.
 * @param {Env} env @param {Reservations} room @param {boolean} slow
 */
const handler = (env, room, slow) =>
  /** @param {Incoming<BorrowedLock>} call @returns {Operation<Answer>} */
  function* serve({ caller: tag, lock }) {
    const who = tag & 0x1ff; // slot + 1 = thread + 1
    if (lock === null) return env.fail('the lock did not come along');
    pass(env, who, env.id + 1, 'the callback begins');
    if (slow) {
      const interrupt = yield gone(env);
      if (interrupt !== null) {
        const end = lock.outlive();
        void room.agent.run('model', late(env, end));
        throw new Error('given up');
      }
    }
    pass(env, env.id + 1, who, 'the callback ends');
    return { write() {}, undo: () => pass(env, who, 0, 'the callback is undone') };
  };

/** Calls the target, with nothing in hand. @param {number} target @param {number} times */
export const asker = (target, times) => (/** @type {World} */ _world, /** @type {Env} */ env) => {
  const { room, calls } = join(env);
  const request = requestTo(target, IDLE_KIND, null);
  for (let time = 0; time < times; time++) {
    try {
      room.agent.runSync(
        'model',
        calls.ask(request, () => {}),
      );
    } catch (error) {
      if (!DmaBufError.is(error, 'EOWNERDEAD')) throw error;
    }
  }
  or(words, over, 1 << env.id);
  room.agent.note(target);
};

/** @param {Env} env @param {() => void} end @returns {Operation<void>} */
function* late(env, end) {
  yield gone(env);
  pass(env, env.id + 1, 0, 'the late callback ends');
  end();
}

/** Serves calls until those who call have finished, or died. @param {readonly number[]} callers @param {boolean} slow */
export const target = (callers, slow) => (/** @type {World} */ _world, /** @type {Env} */ env) => {
  const { room, calls } = join(env);
  const { agent } = room;
  calls.handle(KIND, /** @type {any} */ (handler(env, room, slow)));
  // oxlint-disable-next-line require-yield -- an operation that never waits
  calls.handle(IDLE_KIND, function* idle() {
    return { write() {}, undo() {} };
  });
  runUntil(agent, () => {
    if (agent.tasks.pending > 0) return false;
    const finished = load(words, over);
    if (callers.some((id) => (finished & (1 << id)) === 0 && !env.isDead(id))) return false;
    return states.every(
      (at, slot) => slot === agent.slot || (load(words, at) & 7) < CallPhase.RUNNING,
    );
  });
};

/** Wants the lock. */
export function contender(/** @type {World} */ _world, /** @type {Env} */ env) {
  const { room } = join(env);
  const lock = room.of(0).lockSync({ recover: true });
  enter(env, lock);
  pass(env, env.id + 1, 0, 'the contender leaves');
  lock.unlock();
}

/** Lets slow callbacks end. @param {number} slot */
export const starter = (slot) => (/** @type {World} */ _world, /** @type {Env} */ env) => {
  const { room } = join(env);
  store(words, go, 1);
  room.agent.ring(slot, 7);
};

const quiet = quietWords(
  world,
  /^call.*\.(kind|message|lockRow|lockTag|error|ping|pong)|^data.*\.over/,
);

export const common = {
  reset: world.reset,
  onKill: () => ({
    name: 'reaper',
    run: (/** @type {World} */ _world, /** @type {Env} */ env) => recover(join(env).room),
  }),
  word: (/** @type {unknown} */ _array, /** @type {number} */ index) => world.label(index),
  private: quiet,
  check() {
    const open = states.findIndex((at) => (load(words, at) & 7) !== CallPhase.IDLE);
    if (open >= 0)
      return `the call of slot ${open} is left in phase ${load(words, states[open] ?? 0) & 7}`;
    return checkLocks(world);
  },
};
