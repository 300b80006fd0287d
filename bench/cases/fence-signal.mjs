// SPDX-License-Identifier: MIT
/** Signalling points that nobody waits for. They are issued before the clock starts. */
import { Domain } from 'dmabuf';
import { interleave } from '../lib/timing.mjs';

function addAndNotify() {
  const words = new Int32Array(new SharedArrayBuffer(4));
  return {
    run(n) {
      for (let i = 0; i < n; i++) {
        Atomics.add(words, 0, 1);
        Atomics.notify(words, 0);
      }
    },
  };
}

export async function measure({ ms }) {
  const domain = await Domain.create();
  const timeline = domain.timeline('line');
  let points = [];
  const ours = {
    prepare(n) {
      points = Array.from({ length: n }, () => timeline.next());
    },
    run(n) {
      for (let i = 0; i < n; i++) timeline.signal(points[i]);
    },
  };
  return interleave({ ours, 'Atomics.add + notify': addAndNotify() }, ms);
}
