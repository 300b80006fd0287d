// SPDX-License-Identifier: MIT
/** The thread of waits-for-thread.mjs: sends when it is told that main waits. */
import { once } from 'node:events';
import { parentPort } from 'node:worker_threads';
import { Domain } from 'dmabuf';

const domain = await Domain.join();
await once(parentPort, 'message');
const buf = domain.alloc(4096);
await domain.channel('lane').send(buf, { tag: 7 });
buf.close();
await domain.close();
