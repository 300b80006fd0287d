// SPDX-License-Identifier: MIT
// @ts-check
/**
 * model/engine/lanes — explores many models on several threads, within one time budget.
 *
 * A lane is a worker that explores its models one after the other: what the compiler has learned serves the next one, and
 * time that one leaves goes to the next. A planted fault that was not found in that time is searched once more, for longer. A loop without shared operations cannot be interrupted from inside; it must fail
 * the run instead of hanging it, so the lane is watched, and a new worker takes its place.
 */

import { Worker } from 'node:worker_threads';

/** @import {Report} from './types.js' */

/** @typedef {{ file: string, name: string }} Entry */
/** @typedef {Entry & { seconds: number, seed: number }} Task */
/** @typedef {Report & { trace: string[] }} Answer */

/**
 * `patience`: seconds beyond its share after which a worker counts as hanging.
 * @typedef {{ seconds: number, seed: number, lanes: number, patience?: number }} Options
 */

/** Seconds, beyond the budget, for a model some of whose planted faults were not found in its share. */
const SECOND_CHANCE = 60;

/** @param {Answer} answer */
const isBlind = ({ planted }) => Object.values(planted).includes(false);

/**
 * @param {readonly Entry[]} entries
 * @param {Options} options
 * @param {(answer: Answer) => void} each
 */
export async function exploreAll(entries, { seconds, seed, lanes, patience = 20 }, each) {
  const begin = performance.now();
  /** @type {Answer[]} */
  const answers = [];
  const run = async (/** @type {number} */ first) => {
    // Moved on by second searches: they take nothing from the models after them.
    let end = begin + seconds * 1000;
    const lane = new Lane(patience);
    const mine = entries.filter((_, i) => i % lanes === first);
    for (const [i, entry] of mine.entries()) {
      const left = Math.max(0.1, (end - performance.now()) / 1000);
      const task = { ...entry, seconds: left / (mine.length - i), seed };
      let answer = await lane.ask(task);
      if (isBlind(answer)) {
        const longer = Math.max(SECOND_CHANCE, 2 * task.seconds);
        const again = await lane.ask({ ...task, seconds: longer, seed: seed + 1 });
        end += longer * 1000;
        const found = Object.entries(again.planted).filter(([, yes]) => yes);
        answer = { ...answer, planted: { ...answer.planted, ...Object.fromEntries(found) } };
      }
      answers.push(answer);
      each(answer);
    }
    await lane.close();
  };
  await Promise.all(Array.from({ length: lanes }, (_, i) => run(i)));
  return answers;
}

class Lane {
  #patience;
  /** @type {Worker | null} */
  #worker = null;

  /** @param {number} patience */
  constructor(patience) {
    this.#patience = patience;
  }

  /** @param {Task} task @returns {Promise<Answer>} */
  async ask(task) {
    const worker = (this.#worker ??= new Worker(new URL('job.mjs', import.meta.url)));
    try {
      return await answerOf(worker, task, this.#patience);
    } catch (error) {
      await this.close();
      return broken(task.name, error instanceof Error ? error.message : String(error));
    }
  }

  async close() {
    await this.#worker?.terminate();
    this.#worker = null;
  }
}

/** @param {Worker} worker @param {Task} task @param {number} patience @returns {Promise<Answer>} */
function answerOf(worker, task, patience) {
  return new Promise((resolve, reject) => {
    const settle = (/** @type {() => void} */ how) => {
      clearTimeout(hanging);
      for (const event of ['message', 'error', 'exit']) worker.removeAllListeners(event);
      how();
    };
    const fail = (/** @type {Error} */ why) => settle(() => reject(why));
    const hanging = setTimeout(
      () => fail(new Error('no answer: a thread loops without shared operations')),
      (task.seconds + patience) * 1000,
    );
    worker.on('message', (answer) => settle(() => resolve(answer)));
    worker.on('error', fail);
    worker.on('exit', () => fail(new Error('the worker ended without an answer')));
    worker.postMessage(task);
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
