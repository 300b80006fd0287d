// SPDX-License-Identifier: MIT
// @ts-check
/**
 * model/models/engine-record — demonstrates the engine: a two-word record under a version word, one writer, readers that never wait.
 *
 * Invariants  an even version that stays the same around both reads means that they belong together.
 *             a writer that died while the version was odd is finished by a reaper; what it does may be done twice.
 */

/** @import {Env, Model} from '../engine/types.js' */

const VERSION = 0;
const LEFT = 1;
const RIGHT = 2;
const LABELS = ['version', 'left', 'right'];
const words = new Int32Array(new SharedArrayBuffer(64));

/** Do readers look at the version again? Only a planted fault says no. */
let rereads = true;

/** @param {number} left @param {number} right */
function write(left, right) {
  const version = Atomics.load(words, VERSION);
  Atomics.store(words, VERSION, version + 1);
  Atomics.store(words, LEFT, left);
  Atomics.store(words, RIGHT, right);
  Atomics.store(words, VERSION, version + 2);
}

function writer() {
  write(1, -1);
  write(2, -2);
}

/** @param {Int32Array} _world @param {Env} env */
function reader(_world, env) {
  const before = Atomics.load(words, VERSION);
  if (before & 1) return null;
  const left = Atomics.load(words, LEFT);
  const right = Atomics.load(words, RIGHT);
  if (rereads && Atomics.load(words, VERSION) !== before) return null;
  if (left + right !== 0) env.fail(`read ${left} with ${right}`);
  return left;
}

/** Empties the row of a dead writer. Two reapers store the same. */
function reaper() {
  const version = Atomics.load(words, VERSION);
  if ((version & 1) === 0) return;
  Atomics.store(words, LEFT, 0);
  Atomics.store(words, RIGHT, 0);
  Atomics.store(words, VERSION, version + 1);
}

/** @type {Model<Int32Array>[]} */
export const models = [
  {
    name: 'engine-record',
    threads: [writer, { name: 'reader 1', run: reader }, { name: 'reader 2', run: reader }],
    kills: 2,
    bounds: { preemptions: 2 },
    reset: () => words.fill(0),
    onKill: (_world, dead) => (dead.includes(0) ? reaper : null),
    word: (_array, index) => LABELS[index] ?? `[${index}]`,
    check: (world) => ((world[VERSION] ?? 1) & 1 ? 'the version stays odd' : null),
    planted: {
      'the version is never odd': ({ name, word, args }) =>
        name === 'store' && word === 'version' && Number(args[0]) & 1 ? 'drop' : undefined,
      'the version is odd too late': ({ name, word, args }) =>
        name === 'store' && word === 'version' && Number(args[0]) & 1 ? 'delay-one' : undefined,
      'the version is even too early': ({ name, word }) =>
        name === 'store' && word === 'right' ? 'delay-one' : undefined,
      'the reaper does nothing': ({ name }, thread) =>
        name === 'store' && thread.name.startsWith('reaper') ? 'drop' : undefined,
      'readers look once': {
        patch() {
          rereads = false;
          return () => {
            rereads = true;
          };
        },
      },
    },
  },
];
