// SPDX-License-Identifier: MIT
/** Waits for a thread, or a process, that does not keep this program alive by itself. */
import { Domain } from 'dmabuf';
import { HOST, HOSTED } from './host.mjs';

const domain = await Domain.create(HOSTED);
const worker = await domain.spawn(new URL('./once-main-waits.mjs', import.meta.url), { as: HOST });
worker.host.unref();
worker.host.channel?.unref();
const receiving = domain.channel('lane').receive();
const buf = domain.alloc(4096);
await domain.channel('main waits').send(buf);
const job = await receiving;
console.log(`received ${job.tag}`);
job.done();
