// SPDX-License-Identifier: MIT
/** A program that leaves everything open, and ends. */
import { Domain } from 'dmabuf';
import { HOSTED } from './host.mjs';

const domain = await Domain.create(HOSTED);
const buf = domain.alloc(4096);
const lane = domain.channel('lane');
domain.pool({ name: 'frames', count: 2, size: 4096 });
domain.timeline('t').next();
domain.on('stall', () => {});
await lane.send(buf);
await buf.cpuAccess('write');
await buf.resv.lock();
console.log('the last line');
