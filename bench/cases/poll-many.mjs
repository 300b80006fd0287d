// SPDX-License-Identifier: MIT
/**
 * Polling many busy buffers of which one becomes ready: a loop over the readiness of each, and of one the fence signals. Then that one is
 * busy again. However many others there are, nobody looks at them.
 */
import { Domain } from 'dmabuf';
import { interleave } from '../lib/timing.mjs';

function makeBusy(buf, timeline) {
  const lock = buf.resv.lockSync();
  lock.reserve(1);
  lock.add(timeline.next(), 'write');
  lock.unlock();
}

async function polling(idle) {
  const domain = await Domain.create();
  const never = domain.timeline('never');
  const waiting = Array.from({ length: idle }, async () => {
    const buf = domain.alloc(4096);
    makeBusy(buf, never);
    const loop = buf.readiness();
    await loop.next();
    return { buf, loop, step: loop.next() };
  });
  const kept = await Promise.all(waiting.map((each) => each.then(({ buf, loop }) => [buf, loop])));
  const work = domain.timeline('work');
  const buf = domain.alloc(4096);
  const loop = buf.readiness();
  await loop.next();
  let point = 0;
  return {
    kept,
    async run(n) {
      for (let i = 0; i < n; i++) {
        makeBusy(buf, work);
        await loop.next();
        const ready = loop.next();
        work.signal(++point);
        const { value } = await ready;
        if (!value.readable) throw new Error('it is not ready');
      }
    },
  };
}

export async function measure({ ms }) {
  const many = await polling(1000);
  const few = await polling(10);
  return interleave({ ours: many, 'with 10 idle': few }, ms);
}
