// SPDX-License-Identifier: MIT
/** Eight reservations at once with a context, blocking, nobody else there. */
import { Domain } from 'dmabuf';
import { casPairs } from '../floor/cas-pair.mjs';
import { sink } from '../lib/sink.mjs';
import { interleave } from '../lib/timing.mjs';

const LOCKS = 8;

export async function measure({ ms }) {
  const domain = await Domain.create();
  const bufs = Array.from({ length: LOCKS }, () => domain.alloc(4096));
  const ours = {
    run(n) {
      for (let i = 0; i < n; i++) {
        const held = domain.lockAllSync(bufs);
        sink.object = held;
        held.unlock();
      }
    },
  };
  return interleave({ ours, [`${LOCKS} x CAS + store`]: casPairs(LOCKS) }, ms);
}
