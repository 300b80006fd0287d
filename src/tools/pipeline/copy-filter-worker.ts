// SPDX-License-Identifier: MIT
/**
 * copy-filter-worker — filters strips that were cloned to it, and clones the result back.
 */
import { parentPort, workerData } from 'node:worker_threads';
import type { BandDone, BandJob, FilterSetup, Ready } from './copy-messages.js';
import { filterBand } from './filters.js';
import { geometryOf } from './geometry.js';
import { nowMicros } from './latency.js';

const { filter, width, chroma } = workerData as FilterSetup;
const port = parentPort;
let free = nowMicros();

port?.on('message', (job: BandJob) => {
  const hop = nowMicros() - Math.max(job.submitted, free);
  const output = new Uint8Array(job.pixels.length);
  filterBand(filter, geometryOf(width, job.height, chroma), job.pixels, output, job.y0, job.y1);
  free = nowMicros();
  port.postMessage({
    type: 'band',
    frame: job.frame,
    pixels: output,
    hop,
    done: free,
  } satisfies BandDone);
});
port?.postMessage({ type: 'ready' } satisfies Ready);
