// SPDX-License-Identifier: MIT
/**
 * copy-encoder-worker — encodes frames that were cloned to it, in the order of their messages.
 */
import { parentPort, workerData } from 'node:worker_threads';
import type { EncodeJob, EncoderSetup, Failed, FrameDone, Ready } from './copy-messages.js';
import { Encoder } from './encoder.js';
import { nowMicros } from './latency.js';
import { messageOf } from './user-error.js';

const { output, format, prefix } = workerData as EncoderSetup;
const encoder = new Encoder(output, format, prefix);
const port = parentPort;
let free = nowMicros();
let last: Promise<void> = Promise.resolve();

async function encode(job: EncodeJob): Promise<void> {
  const hop = nowMicros() - Math.max(job.ready, free);
  try {
    await encoder.encode(job.pixels);
  } catch (error) {
    port?.postMessage({ type: 'failed', message: messageOf(error) } satisfies Failed);
    return;
  }
  free = nowMicros();
  const { checksum, prefixChecksum } = encoder;
  port?.postMessage({
    type: 'frame',
    hop,
    done: free,
    checksum,
    prefixChecksum,
  } satisfies FrameDone);
}

port?.on('message', (job: EncodeJob) => {
  // Writing may wait for a slow pipe: the next frame then waits for this one.
  last = last.then(() => encode(job));
});
port?.postMessage({ type: 'ready' } satisfies Ready);
