// SPDX-License-Identifier: MIT
/**
 * Reference for the main job: its source, its filter bands and its encoder in as many threads, but
 * each with frames of its own, and without a word between them. What is left is the work itself; no
 * way of handing frames over can be faster.
 */
import { once } from 'node:events';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';

const PIPELINE = new URL('../../dist/tools/pipeline/', import.meta.url);
const load = (name) => import(new URL(name, PIPELINE));

/** `count` frames in turn, as often as one asks. */
function cycle(count, bytes, fill) {
  const frames = Array.from({ length: count }, () => new Uint8Array(bytes));
  // What is only read needs memory of its own: pages never written are all one page of zeros.
  if (fill !== undefined) for (const frame of frames) frame.fill(fill);
  let next = 0;
  return () => frames[next++ % count];
}

async function filterPart({ index, workers, width, height, filter, slots }) {
  const { filterBand } = await load('filters.js');
  const { bandOf } = await load('bands.js');
  const { geometryOf } = await load('geometry.js');
  const geometry = geometryOf(width, height, '420');
  const { y0, y1 } = bandOf(geometry, index, workers);
  const input = cycle(slots, geometry.bytes, 77);
  const output = cycle(slots, geometry.bytes);
  return () => filterBand(filter, geometry, input(), output(), y0, y1);
}

async function encoderPart({ width, height, slots }) {
  const { Checksum } = await load('checksum.js');
  const { geometryOf } = await load('geometry.js');
  const frame = cycle(slots, geometryOf(width, height, '420').bytes, 77);
  const checksum = new Checksum();
  return () => checksum.update(frame());
}

async function sourcePart({ width, height, slots }) {
  const { PatternSource } = await load('source-pattern.js');
  const { geometryOf } = await load('geometry.js');
  const source = new PatternSource(geometryOf(width, height, '420'));
  const frame = cycle(slots, source.format.geometry.bytes);
  return () => source.read(frame());
}

async function startPart(job) {
  const worker = new Worker(new URL(import.meta.url), { workerData: job });
  worker.on('error', (error) => {
    throw error;
  });
  await once(worker, 'message');
  return worker;
}

export async function measure(options) {
  const { workers, frames } = options;
  const { framesInFlight } = await load('job.js');
  const job = { ...options, slots: framesInFlight(workers) };
  const filters = Array.from({ length: workers }, (_, index) =>
    startPart({ ...job, part: 'filter', index }),
  );
  const others = await Promise.all([...filters, startPart({ ...job, part: 'encoder' })]);
  const step = await sourcePart(job);
  const start = performance.now();
  const finished = others.map((worker) => once(worker, 'message'));
  for (const worker of others) worker.postMessage('go');
  for (let k = 0; k < frames; k++) await step();
  await Promise.all(finished);
  return { ns: ((performance.now() - start) * 1e6) / frames };
}

async function serve() {
  const step = await (workerData.part === 'filter' ? filterPart : encoderPart)(workerData);
  parentPort.once('message', () => {
    for (let k = 0; k < workerData.frames; k++) step();
    parentPort.postMessage('finished');
  });
  parentPort.postMessage('ready');
}

if (!isMainThread) await serve();
