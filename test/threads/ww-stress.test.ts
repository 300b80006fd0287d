// SPDX-License-Identifier: MIT
/** The kernel's ww_mutex stress tests (test-ww_mutex.c) on real threads, bounded by counts instead of time. */
import { describe, expect, test } from 'vitest';
import { changers, closeAll, counts, makeBuffers } from './support/changers.js';
import { withDomain } from './support/with-domain.js';

/** Twice the processors of a small machine, as the kernel's own. */
const THREADS = 4;

describe.each(['wait-die', 'wound-wait'])('stress, %s', (algorithm) => {
  for (const strategy of ['inorder', 'reorder']) {
    test(`${strategy}: ${THREADS} threads take 16 locks each in an order of their own`, () =>
      withDomain({}, async (domain) => {
        const buffers = makeBuffers(domain, 16);
        const rounds = 100;
        const data = { how: 'byHand', strategy, algorithm, sync: true, rounds };
        await changers(domain, buffers, THREADS, data);
        expect(await counts(buffers)).toEqual(buffers.map(() => THREADS * rounds));
        closeAll(buffers);
      }));
  }

  test('all: 6 threads, many locks, some of them or one of them at a time', () =>
    withDomain({}, async (domain) => {
      const buffers = makeBuffers(domain, 256);
      await changers(domain, buffers, 6, { how: 'all', algorithm, sync: true, rounds: 300 });
      const total = (await counts(buffers)).reduce((sum, count) => sum + count, 0);
      expect(total).toBeGreaterThan(6 * 300);
      closeAll(buffers);
    }));
});
