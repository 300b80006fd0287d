// SPDX-License-Identifier: MIT
/** A program that works with a thread, closes everything, and ends. */
import { Domain } from 'dmabuf';
import { HOST, HOSTED } from './host.mjs';

const domain = await Domain.create(HOSTED);
const worker = await domain.spawn(new URL('./echo-once.mjs', import.meta.url), { as: HOST });
const buf = domain.alloc(4096);
const [ping, pong] = [domain.channel('ping'), domain.channel('pong')];
await ping.send(buf, { tag: 7 });
const job = await pong.receive();
console.log(`echo ${job.tag}`);
job.done();
buf.close();
await worker.gone;
await domain.close();
console.log('the last line');
