// SPDX-License-Identifier: MIT
/** Eight tasks of one thread queue for one lock and hold it over an await: time per acquisition. */
import { Mutex } from 'async-mutex';
import { Domain } from 'dmabuf';
import { interleave } from '../lib/timing.mjs';

const TASKS = 8;
const settled = Promise.resolve();

/** @param section  one acquisition: takes the lock, awaits once, gives it back */
function tasks(section) {
  return {
    async run(n) {
      const each = Math.ceil(n / TASKS);
      const task = async () => {
        for (let i = 0; i < each; i++) await section();
      };
      await Promise.all(Array.from({ length: TASKS }, task));
    },
  };
}

export async function measure({ ms }) {
  const domain = await Domain.create();
  const { resv } = domain.alloc(4096);
  const mutex = new Mutex();
  const ours = tasks(async () => {
    const lock = await resv.lock();
    await settled;
    lock.unlock();
  });
  const asyncMutex = tasks(async () => {
    const release = await mutex.acquire();
    await settled;
    release();
  });
  return interleave({ ours, 'async-mutex': asyncMutex }, ms);
}
