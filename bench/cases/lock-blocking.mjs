// SPDX-License-Identifier: MIT
/** lockSync and unlock of one reservation, nobody else there, against a bare pair of atomics. */
import { Domain } from 'dmabuf';
import { casPair } from '../floor/cas-pair.mjs';
import { sink } from '../lib/sink.mjs';
import { interleave } from '../lib/timing.mjs';

export async function measure({ ms }) {
  const domain = await Domain.create();
  const { resv } = domain.alloc(4096);
  const ours = {
    run(n) {
      for (let i = 0; i < n; i++) {
        const lock = resv.lockSync();
        sink.object = lock;
        lock.unlock();
      }
    },
  };
  return interleave({ ours, 'CAS + store': casPair() }, ms);
}
