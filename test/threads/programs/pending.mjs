// SPDX-License-Identifier: MIT
/** Nothing but a pending wait keeps this program alive: the timer that ends the wait does not. */
import { Domain, Fence } from 'dmabuf';
import { HOSTED } from './host.mjs';

const domain = await Domain.create(HOSTED);
const timeline = domain.timeline('t');
const buf = domain.alloc(4096);
const lane = domain.channel('lane');
const pool = domain.pool({ name: 'frames', count: 1, size: 4096 });

/** Runs `end` once this program has nothing to do but to wait. @param {() => void} end */
function later(end) {
  setTimeout(end, 20).unref();
}

const fence = timeline.next();
later(() => timeline.signal(fence));
await fence.wait();
console.log('fence');

const last = timeline.next();
later(() => timeline.signal(last));
await Fence.waitAny([last, timeline.next()]);
console.log('any');

const lock = await buf.resv.lock();
later(() => lock.unlock());
(await buf.resv.lock({ timeout: 60_000 })).unlock();
console.log('lock');

later(() => lane.trySend(buf, { tag: 1 }));
(await lane.receive()).done();
console.log('receive');

const frame = await pool.acquire();
later(() => frame.close());
(await pool.acquire()).close();
console.log('acquire');

later(() => lane.end());
for await (const job of lane) job.done();
console.log('end');
