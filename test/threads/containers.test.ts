// SPDX-License-Identifier: MIT
/** Arrays and chains made in one thread, waited for in others; and what they are when their maker has died. */
import { type Domain, Fence, FenceChain, type FenceName, type Json } from 'dmabuf';
import { describe, expect, test } from 'vitest';
import { Actor } from './support/actor.js';
import { Board } from './support/board.js';
import { dying } from './support/mortal.js';
import { choices } from './support/random.js';
import { turnsUntil } from './support/turns.js';
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
      await maker.die();
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

// find_race of the kernel's st-dma-fence-chain.c, bounded by counts instead of time.
test('find_race: three threads ask for numbers at random, while payloads signal at random', () =>
  withDomain({}, async (domain) => {
    const timelines = Array.from({ length: 64 }, (_, i) => domain.timeline(`payload ${i}`));
    const append = (chain: FenceChain | null, fence: Fence, i: number): FenceChain =>
      FenceChain.append(domain, chain, fence, i + 1);
    const payloads = timelines.map((timeline) => timeline.next());
    const tail = payloads.reduce<FenceChain | null>(append, null) as FenceChain;
    const fence = tail.toJSON() as unknown as Json;
    using board = new Board(domain);
    const actors = await Promise.all(
      [1, 2, 3].map((seed) => Actor.start(domain, 'containers.mjs', 'finder', { fence, seed })),
    );
    for (const actor of actors) actor.tell(board.share());
    const random = choices(7);
    for (const left = timelines.slice(0, -1); left.length > 0; ) {
      const asked = Atomics.load(board.words, 1);
      await turnsUntil(
        () => Atomics.load(board.words, 1) >= asked + 8 || actors.some((a) => a.error),
      );
      left.splice(random(left.length), 1)[0]?.signal(1);
    }
    Atomics.store(board.words, 0, 1);
    await Promise.all(actors.map((actor) => actor.finished()));
    expect([tail.findSeqno(63), tail.findSeqno(64)]).toEqual([null, tail]);
    for (const timeline of timelines) timeline.close();
  }));
