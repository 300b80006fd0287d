// SPDX-License-Identifier: MIT
// @ts-check
/**
 * model/engine/job — explores one model, in a worker.
 */

import { parentPort, workerData } from 'node:worker_threads';
import { loadModels } from './catalogue.mjs';
import { explore, replay } from './index.mjs';

const { file, name, seconds, seed } = workerData;
const model = (await loadModels(file)).find((candidate) => candidate.name === name);
if (model === undefined) throw new RangeError(`${file} has no model named ${name}`);

const { failure, ...report } = explore(model, { seconds, seed });
const trace = failure === null ? [] : replay(model, failure.schedule).trace;
// What was thrown may hold what cannot be cloned; its text can.
if (failure?.cause instanceof Error) trace.push(failure.cause.stack ?? failure.cause.message);
parentPort?.postMessage({
  ...report,
  failure: failure === null ? null : { ...failure, cause: undefined },
  trace,
});
