// SPDX-License-Identifier: MIT
/** Waits for a thread that does not keep this program alive by itself. */
import { Domain } from 'dmabuf';

const domain = await Domain.create();
const worker = await domain.spawn(new URL('./once-main-waits.mjs', import.meta.url));
worker.host.unref();
const receiving = domain.channel('lane').receive();
worker.host.postMessage('main waits');
const job = await receiving;
console.log(`received ${job.tag}`);
job.done();
