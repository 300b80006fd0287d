// SPDX-License-Identifier: MIT
/** What the main job reports as left behind: one leak of each kind, planted. */
import { type DmaBuf, Domain, type Pool } from 'dmabuf';
import { expect, it } from 'vitest';
import { LeakCount } from '../../src/tools/pipeline/leaks.js';

const CLEAN = { buffers: 0, attachments: 0, locks: 0, fences: 0 };

/** What is counted after `plant`. Its result is kept alive, so that no collection decides when the leak is told. */
async function leaksAfter(plant: (domain: Domain, pool: Pool) => Promise<unknown>) {
  const domain = await Domain.create({ heap: 2 ** 20 });
  const count = new LeakCount(domain);
  const planted: unknown[] = [];
  {
    using pool = domain.pool({ name: 'frames', count: 2, size: 4096 });
    planted.push(await plant(domain, pool));
    await count.beforeClosing(pool);
  }
  await count.afterClosing();
  await domain.close();
  expect(planted).toHaveLength(1);
  return count.leaks;
}

async function use(pool: Pool, work: (frame: DmaBuf) => Promise<unknown>): Promise<unknown> {
  using frame = await pool.acquire();
  return await work(frame);
}

it('nothing, when all was closed', async () => {
  expect(await leaksAfter((_, pool) => use(pool, async () => null))).toEqual(CLEAN);
});

it('a buffer of the pool that was not given back', async () => {
  const leaks = await leaksAfter((_, pool) => pool.acquire());
  expect(leaks).toEqual({ ...CLEAN, buffers: 1 });
});

it('a lock', async () => {
  const leaks = await leaksAfter((_, pool) => use(pool, (frame) => frame.resv.lock()));
  expect(leaks.locks).toBe(1);
});

it('an attachment', async () => {
  const leaks = await leaksAfter((_, pool) => use(pool, (frame) => frame.attach('screen')));
  expect(leaks.attachments).toBe(1);
});

it('a fence that nobody signals', async () => {
  const leaks = await leaksAfter((domain, pool) =>
    use(pool, async (frame) => {
      const timeline = domain.timeline('late');
      using lock = await frame.resv.lock();
      lock.reserve(1);
      lock.add(timeline.next(), 'read');
      return timeline;
    }),
  );
  expect(leaks.fences).toBe(1);
});
