// SPDX-License-Identifier: MIT
/** A thread of somebody else's pool: it got the domain's handle, and joins when it is told to. */
import { once } from 'node:events';
import { parentPort, workerData } from 'node:worker_threads';
import { Domain } from 'dmabuf';

await once(parentPort, 'message');
const domain = await Domain.join(workerData.handle);
const buf = domain.alloc(4096, { name: 'of the pool' });
parentPort.postMessage(domain.agent);
await once(parentPort, 'message');
buf.close();
await domain.close();
