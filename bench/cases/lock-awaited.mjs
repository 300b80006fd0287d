// SPDX-License-Identifier: MIT
/** await lock() and unlock of one reservation, nobody else there, against the locks of one thread. */
import AsyncLock from 'async-lock';
import { Mutex } from 'async-mutex';
import { Domain } from 'dmabuf';
import { interleave } from '../lib/timing.mjs';

export async function measure({ ms }) {
  const domain = await Domain.create();
  const { resv } = domain.alloc(4096);
  const mutex = new Mutex();
  const keyed = new AsyncLock();
  const ours = {
    async run(n) {
      for (let i = 0; i < n; i++) {
        const lock = await resv.lock();
        lock.unlock();
      }
    },
  };
  const asyncMutex = {
    async run(n) {
      for (let i = 0; i < n; i++) {
        const release = await mutex.acquire();
        release();
      }
    },
  };
  const asyncLock = {
    async run(n) {
      for (let i = 0; i < n; i++) await keyed.acquire('key', () => i);
    },
  };
  const settled = Promise.resolve();
  const hop = {
    async run(n) {
      for (let i = 0; i < n; i++) await settled;
    },
  };
  const sides = {
    ours,
    'async-mutex': asyncMutex,
    'async-lock': asyncLock,
    'one await': hop,
  };
  return interleave(sides, ms);
}
