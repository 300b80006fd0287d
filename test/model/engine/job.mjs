// SPDX-License-Identifier: MIT
// @ts-check
/**
 * model/engine/job — explores the models it is asked to, one after the other, in a worker.
 */

import { parentPort } from 'node:worker_threads';
import { loadModels } from './catalogue.mjs';
import { explore, replay } from './index.mjs';

/** @import {Answer, Task} from './lanes.mjs' */

/** @param {Task} task @returns {Promise<Answer>} */
async function run({ file, name, seconds, seed }) {
  const model = (await loadModels(file)).find((candidate) => candidate.name === name);
  if (model === undefined) throw new RangeError(`${file} has no model named ${name}`);
  const { failure, ...report } = explore(model, { seconds, seed });
  if (failure === null) return { ...report, failure, trace: [] };
  const { trace } = replay(model, failure.schedule);
  // What was thrown may hold what cannot be cloned; its stack can.
  const { cause, ...rest } = failure;
  if (cause instanceof Error) trace.push(cause.stack ?? cause.message);
  return { ...report, failure: rest, trace };
}

parentPort?.on('message', (/** @type {Task} */ task) => {
  // A failure is this worker's end, and its lane hears of it.
  void run(task).then((answer) => parentPort?.postMessage(answer));
});
