// SPDX-License-Identifier: MIT
/** A thread dies while it has references, works for others, or waits: nothing that it had is lost to the others. */
import { Channel, Fence, type Share } from 'dmabuf';
import { describe, expect, test } from 'vitest';
import { Actor } from './support/actor.js';
import { DEAD, dying, holder, lockIsSound, NET } from './support/mortal.js';
import { parked, turnsUntil } from './support/turns.js';
import { withDomain } from './support/with-domain.js';

describe('who has references', () => {
  dying('dies: buffers, tickets, mappings and pool buffers are free', async (domain, way) => {
    using one = domain.alloc(4096);
    using two = domain.alloc(4096);
    using pool = domain.pool({ name: 'frames', count: 3, size: 4096 });
    const actor = await holder(domain, 'references', [one, two]);
    expect(pool.free).toBe(0);
    expect(pool.tryAcquire()).toBe(null);
    expect(new Set(pool.holders().map(({ member }) => member))).toEqual(new Set([actor.name]));
    const waiting = pool.acquire();
    await parked();
    await actor.die(way);
    using frame = await waiting;
    expect(frame.size).toBe(4096);
    expect(pool.free).toBe(2);
    // What it had sent is queued still: a message is a reference of its own.
    using lane = domain.channel('unread');
    expect(lane.queued).toBe(1);
    {
      using job = await lane.receive();
      expect(job).toMatchObject({ tag: 1, buf: { name: 'own', size: 8192 } });
    }
    const left = domain.snapshot().buffers.filter(({ exporter }) => exporter === 'system');
    for (const { refs, attachments, inFlight } of left) {
      expect(Object.keys(refs).filter((name) => name !== 'main')).toEqual([]);
      expect([attachments, inFlight]).toEqual([[], 0]);
    }
    using cpu = await two.cpuAccess('read-write');
    cpu.bytes.fill(1);
  });

  test('exits while main is blocked in acquireSync: main gets the buffer', () =>
    withDomain({}, async (domain) => {
      using pool = domain.pool({ name: 'frames', count: 3, size: 4096 });
      using one = domain.alloc(4096);
      using two = domain.alloc(4096);
      const data = { what: 'references', buffers: [one.share(), two.share()] };
      const actor = await Actor.start(domain, 'death.mjs', 'ambush', data);
      await actor.hear('ready');
      using frame = pool.acquireSync(NET);
      expect(frame.size).toBe(4096);
      await actor.member.gone;
      using lane = domain.channel('unread');
      lane.tryReceive()?.done();
    }));

  dying(
    "dies before it opened its ticket: the named receiver's ticket is released",
    async (domain, way) => {
      const actor = await holder(domain, 'nothing');
      const buf = domain.alloc(4096);
      const share = buf.share({ to: actor.member });
      buf.close();
      expect(domain.snapshot().buffers.find(({ id }) => id === share.id)?.inFlight).toBe(1);
      await actor.die(way);
      await domain.idle();
      expect(domain.snapshot().buffers.find(({ id }) => id === share.id)).toBe(undefined);
      await expect(domain.open(share)).rejects.toMatchObject({ code: 'ESTALE' });
    },
  );

  dying('dies before its share is opened: the ticket is worth nothing', async (domain, way) => {
    const actor = await Actor.start(domain, 'death.mjs', 'holder', { what: 'share' });
    const share = (await actor.hear('ready')) as Share;
    expect(domain.snapshot().buffers).toMatchObject([{ id: share.id, inFlight: 1 }]);
    await actor.die(way);
    expect(domain.snapshot().buffers).toEqual([]);
    await expect(domain.open(share)).rejects.toMatchObject({ code: 'ESTALE' });
  });
});

describe('who works for others', () => {
  dying(
    'dies with a submitted frame: its fence fails, the frame is known to be bad',
    async (domain, way) => {
      using frame = domain.alloc(4096);
      using lane = domain.channel('blur');
      const actor = await holder(domain, 'lane', [], { lane: 'blur' });
      const [queued] = await Channel.submit([lane], frame, 'write', { tag: 1 });
      expect(queued.signaled).toBe(false);
      await actor.die(way);
      await expect(queued.wait()).rejects.toMatchObject(DEAD);
      expect(lane.queued).toBe(0);
      await expect(Channel.submit([lane], frame, 'write')).rejects.toMatchObject({ code: 'EPIPE' });
      await expect(frame.cpuAccess('read')).rejects.toMatchObject(DEAD);
      // The next receiver is welcome.
      const next = await holder(domain, 'lane', [], { lane: 'blur' });
      const [again] = await Channel.submit([lane], frame, 'write', { tag: 2 });
      await next.die(way);
      await expect(again.wait()).rejects.toMatchObject(DEAD);
    },
  );

  dying('dies with a frame in hand: its fence fails', async (domain, way) => {
    using frame = domain.alloc(4096);
    using lane = domain.channel('blur');
    const lanes = [lane, domain.channel('sharpen')] as const;
    const first = Actor.start(domain, 'death.mjs', 'holder', { what: 'delivery', lane: 'blur' });
    const second = Actor.start(domain, 'death.mjs', 'holder', { what: 'lane', lane: 'sharpen' });
    const [one, two] = [await first, await second];
    await two.hear('ready');
    const fences = await Channel.submit(lanes, frame, 'write', { tag: 1 });
    await one.hear('ready');
    await one.die(way);
    await expect(fences[0].wait()).rejects.toMatchObject(DEAD);
    expect(fences[1].signaled).toBe(false);
    await two.die(way);
    await expect(Fence.all(fences).wait()).rejects.toMatchObject(DEAD);
    lanes[1].close();
  });

  dying(
    'dies as the last sender: the loop ends with EOWNERDEAD, after what was queued',
    async (domain, way) => {
      const actor = await holder(domain, 'sender', [], { lane: 'frames' });
      using lane = domain.channel('frames');
      await actor.die(way);
      const tags: number[] = [];
      const loop = async (): Promise<void> => {
        for await (using job of lane) tags.push(job.tag);
      };
      await expect(loop()).rejects.toMatchObject(DEAD);
      expect(tags).toEqual([1]);
      expect(() => lane.receiveSync(NET)).toThrow(expect.objectContaining(DEAD));
    },
  );

  test('exits as the last sender while main is blocked in receiveSync', () =>
    withDomain({}, async (domain) => {
      using lane = domain.channel('frames');
      const data = { what: 'sender', lane: 'frames' };
      const actor = await Actor.start(domain, 'death.mjs', 'ambush', data);
      lane.receiveSync(NET).done();
      await actor.hear('ready');
      expect(() => lane.receiveSync(NET)).toThrow(expect.objectContaining(DEAD));
      await actor.member.gone;
    }));
});

describe('who waits', () => {
  const POOL = { name: 'one', count: 1, size: 4096 };
  const WAITS = [
    'lock',
    'lockAll',
    'reservation',
    'fence',
    'cpuAccess',
    'acquire',
    'send',
    'receive',
  ];

  for (const wait of WAITS.flatMap((name) => [name, `${name}Sync`])) {
    test(`is terminated inside ${wait}: nothing of its wait is left`, () =>
      withDomain({}, async (domain) => {
        using buf = domain.alloc(4096);
        using pool = domain.pool(POOL);
        using taken = pool.acquireSync(NET);
        using full = domain.channel('full', { capacity: 1 });
        full.sendSync(taken, NET);
        using timeline = domain.timeline('test');
        const fence = timeline.next();
        const lock = buf.resv.lockSync();
        lock.reserve(1);
        lock.add(fence, 'write');
        if (!wait.startsWith('lock')) lock.unlock();
        const data = { wait, pool: POOL, buffers: [buf.share()] };
        const actor = await Actor.start(domain, 'death.mjs', 'waiter', data);
        await actor.waits(wait.endsWith('Sync'));
        await actor.die();
        lock.unlock();
        timeline.signal(fence);
        await lockIsSound(buf);
        using cpu = buf.cpuAccessSync('read-write', NET);
        cpu.bytes.fill(1);
        (await full.receive()).done();
        full.sendSync(buf, NET);
        (await full.receive()).done();
        taken.close();
        pool.acquireSync(NET).close();
      }));
  }
});

describe('who is in the middle of channel traffic', () => {
  test('is terminated 12 times: each message arrives whole, and in order', () =>
    withDomain({}, async (domain) => {
      using to = domain.channel('to main');
      using from = domain.channel('from main');
      using frame = domain.alloc(4096);
      for (let round = 0; round < 12; round++) {
        const actor = await Actor.start(domain, 'death.mjs', 'traffic');
        let last = -1;
        let received = 0;
        const take = (): void => {
          const job = to.queued > 0 ? to.tryReceive() : null;
          if (job === null) return;
          expect(job.meta).toEqual({ tag: job.tag });
          expect(job.tag).toBeGreaterThan(last);
          last = job.tag;
          received++;
          job.done();
        };
        await turnsUntil(() => {
          take();
          from.trySend(frame);
          return received > round;
        });
        await actor.die();
        while (to.queued > 0) take();
      }
      while (from.queued > 0) from.tryReceive()?.done();
    }));
});
