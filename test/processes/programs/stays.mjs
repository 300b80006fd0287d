// SPDX-License-Identifier: MIT
// @ts-check
/** A thread that gets a domain's handle, and stays in the domain until it is told to leave. */
import { once } from 'node:events';
import { parentPort, workerData } from 'node:worker_threads';
import { Domain } from 'dmabuf';

const domain = await Domain.join(workerData);
parentPort?.postMessage('in');
if (parentPort !== null) await once(parentPort, 'message');
await domain.close();
