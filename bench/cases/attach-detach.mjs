// SPDX-License-Identifier: MIT
/** attach and detach of a buffer while there are many attachments of other buffers, or one. */
import { Domain } from 'dmabuf';
import { interleave } from '../lib/timing.mjs';

async function crowded(others) {
  const domain = await Domain.create();
  const kept = Array.from({ length: others }, () => domain.alloc(4096).attachSync('other'));
  const buf = domain.alloc(4096);
  return {
    kept,
    async run(n) {
      for (let i = 0; i < n; i++) buf.attachSync('bench')[Symbol.dispose]();
      await domain.idle();
    },
  };
}

export async function measure({ ms }) {
  const many = await crowded(1000);
  const one = await crowded(1);
  return interleave({ ours: many, 'with 1 other': one }, ms);
}
