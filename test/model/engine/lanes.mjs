// SPDX-License-Identifier: MIT
// @ts-check
/**
 * model/engine/lanes — explores many models on several threads, within one time budget.
 *
 * Each model has a worker of its own: a loop without shared operations cannot be interrupted from inside, and must fail the
 * run instead of hanging it. A lane explores its models one after the other; time that one leaves goes to the next.
 */

import { Worker } from 'node:worker_threads';

/** @import {Report} from './types.js' */

/** @typedef {{ file: string, name: string }} Entry */
/** @typedef {Report & { trace: string[] }} Answer */
/**
 * `patience`: seconds beyond its share after which a worker counts as hanging.
 * @typedef {{ seconds: number, seed: number, lanes: number, patience?: number }} Options
 */

/**
 * @param {readonly Entry[]} entries
 * @param {Options} options
 * @param {(answer: Answer) => void} each
 */
export async function exploreAll(entries, { seconds, seed, lanes, patience = 20 }, each) {
  const end = performance.now() + seconds * 1000;
  /** @type {Answer[]} */
  const answers = [];
  const lane = async (/** @type {number} */ first) => {
    const mine = entries.filter((_, i) => i % lanes === first);
    for (const [i, entry] of mine.entries()) {
      const left = Math.max(0.1, (end - performance.now()) / 1000);
      const task = { ...entry, seconds: left / (mine.length - i), seed };
      const answer = await ask(task, patience);
      answers.push(answer);
      each(answer);
    }
  };
  await Promise.all(Array.from({ length: lanes }, (_, i) => lane(i)));
  return answers;
}

/**
 * @param {Entry & { seconds: number, seed: number }} task @param {number} patience
 * @returns {Promise<Answer>}
 */
function ask(task, patience) {
  return new Promise((resolve) => {
    const worker = new Worker(new URL('job.mjs', import.meta.url), { workerData: task });
    const failed = (/** @type {string} */ message) => resolve(broken(task.name, message));
    const hanging = setTimeout(
      () => {
        failed('no answer: a thread loops without shared operations');
        void worker.terminate();
      },
      (task.seconds + patience) * 1000,
    );
    worker.once('message', resolve);
    worker.once('error', (error) => failed(String(error)));
    worker.once('exit', () => {
      clearTimeout(hanging);
      failed('the worker ended without an answer');
    });
  });
}

/** @param {string} name @param {string} message @returns {Answer} */
function broken(name, message) {
  return {
    name,
    schedules: 0,
    steps: 0,
    kills: 0,
    bugs: 1,
    complete: false,
    bound: -1,
    planted: {},
    failure: { message, schedule: '', search: '', at: 0 },
    seconds: 0,
    trace: [],
  };
}
