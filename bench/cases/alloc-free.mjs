// SPDX-License-Identifier: MIT
/**
 * alloc and close of a buffer of one page while many others live. Closing may leave work behind, so
 * each chunk ends with idle().
 */
import { Domain, MiB } from 'dmabuf';
import { interleave } from '../lib/timing.mjs';

const PAGE = 4096;
const HEAP = 512 * MiB;

async function populated(live) {
  const domain = await Domain.create({ heap: HEAP });
  const others = Array.from({ length: live }, () => domain.alloc(PAGE));
  return {
    others,
    async run(n) {
      for (let i = 0; i < n; i++) domain.alloc(PAGE).close();
      await domain.idle();
    },
  };
}

export async function measure({ ms }) {
  const many = await populated(60_000);
  const few = await populated(10);
  return interleave({ ours: many, 'with 10 alive': few }, ms);
}
