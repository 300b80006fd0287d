// SPDX-License-Identifier: MIT
/** Arrays and chains made in one thread, waited for in others; and what they are when their maker has died. */
import { type Domain, Fence, type FenceName, type Json } from 'dmabuf';
import { describe, expect, test } from 'vitest';
import { Actor } from './support/actor.js';
import { dying } from './support/mortal.js';
import { withDomain } from './support/with-domain.js';

const KINDS = ['all', 'any', 'chain'] as const;
type Kind = (typeof KINDS)[number];

/** A thread that has made one of these fences, and its name. */
async function made(domain: Domain, kind: Kind, fences: readonly Fence[]) {
  const points = fences.map((fence) => fence.toJSON()) as unknown as Json;
  const maker = await Actor.start(domain, 'containers.mjs', 'maker', { kind, points });
  return { maker, name: (await maker.hear('made')) as FenceName };
}

/** A thread that waits for the fence of that name. */
async function waiter(domain: Domain, name: FenceName, sync: boolean): Promise<Actor> {
  const fence = name as unknown as Json;
  const actor = await Actor.start(domain, 'containers.mjs', 'waiter', { fence, sync });
  await actor.waits(sync);
  return actor;
}

describe.each(KINDS)('%s', (kind) => {
  test('made in one thread is waited for in another, blocking and not, and here', () =>
    withDomain({}, async (domain) => {
      using timeline = domain.timeline('here');
      const fences = [timeline.next(), timeline.next(), timeline.next()];
      const { maker, name } = await made(domain, kind, fences);
      expect(name.points.length).toBe(1);
      const waiters = [await waiter(domain, name, true), await waiter(domain, name, false)];
      const here = Fence.from(domain, name).wait();
      if (kind !== 'any') {
        timeline.signal(2);
        expect(Fence.from(domain, name).signaled).toBe(false);
      }
      timeline.signal(kind === 'any' ? 1 : 3);
      for (const actor of waiters) {
        expect(await actor.hear('over')).toEqual({ signaled: true, error: null });
        await actor.finished();
      }
      await here;
      await maker.die('terminate');
    }));

  dying('whose maker dies fails for all who wait', async (domain, way) => {
    using timeline = domain.timeline('here');
    const fences = [timeline.next(), timeline.next()];
    const { maker, name } = await made(domain, kind, fences);
    const waiters = [await waiter(domain, name, true), await waiter(domain, name, false)];
    const here = Fence.from(domain, name);
    const waiting = here.wait();
    waiting.catch(() => {});
    await maker.die(way);
    await expect(waiting).rejects.toMatchObject({ code: 'EOWNERDEAD' });
    for (const actor of waiters) {
      expect(await actor.hear('over')).toEqual({ signaled: true, error: 'EOWNERDEAD' });
      await actor.finished();
    }
    expect(fences.map((fence) => fence.signaled)).toEqual([false, false]);
  });
});
