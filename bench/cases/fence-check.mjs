// SPDX-License-Identifier: MIT
/**
 * Asking fences that are not signalled yet: one that is may answer from memory of its own, these
 * have to look. Several in turn, so that no look can be moved out of the loop.
 */
import { Domain } from 'dmabuf';
import { atomicsLoad } from '../floor/atomics-load.mjs';
import { sink } from '../lib/sink.mjs';
import { interleave } from '../lib/timing.mjs';

const FENCES = 16;

export async function measure({ ms }) {
  const domain = await Domain.create();
  const fences = Array.from({ length: FENCES }, (_, k) => domain.timeline(`line ${k}`).next());
  const ours = {
    run(n) {
      let signaled = 0;
      for (let i = 0; i < n; i++) if (fences[i & (FENCES - 1)].signaled) signaled++;
      sink.number += signaled;
    },
  };
  return interleave({ ours, 'Atomics.load': atomicsLoad(FENCES) }, ms);
}
