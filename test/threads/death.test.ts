// SPDX-License-Identifier: MIT
/** A thread dies while it holds a lock or owes a fence: whoever comes next gets it, and is told. */
import { Fence } from 'dmabuf';
import { describe, expect, test } from 'vitest';
import { Actor, KILL, WAYS } from './support/actor.js';
import { DEAD, dying, holder, lockIsSound, NET } from './support/mortal.js';
import { parked } from './support/turns.js';
import { withDomain } from './support/with-domain.js';

describe('the holder of a lock', () => {
  dying('dies: the next locker is refused, until one recovers', async (domain, way) => {
    using buf = domain.alloc(4096, { name: 'frame' });
    const actor = await holder(domain, 'lock', [buf]);
    expect(buf.resv.locked).toBe(true);
    expect(buf.resv.tryLock()).toBe(null);
    await actor.die(way);
    await expect(buf.resv.lock()).rejects.toMatchObject(DEAD);
    expect(() => buf.resv.lockSync(NET)).toThrow(expect.objectContaining(DEAD));
    await expect(domain.lockAll([buf])).rejects.toMatchObject({ ...DEAD, at: { buffer: buf.id } });
    expect(buf.resv.locked).toBe(false);
    {
      using lock = await buf.resv.lock({ recover: true });
      expect(lock.ownerDied).toBe(true);
    }
    // Nobody has said that it is repaired.
    using lock = buf.resv.lockSync({ ...NET, recover: true });
    expect(lock.ownerDied).toBe(true);
    lock.markConsistent();
    expect(lock.ownerDied).toBe(false);
    lock.unlock();
    await lockIsSound(buf);
  });

  dying('dies: those who wait already get it in turn', async (domain, way) => {
    using buf = domain.alloc(4096);
    const actor = await holder(domain, 'lock', [buf]);
    const waiting = [buf.resv.lock({ recover: true }), buf.resv.lock({ recover: true })] as const;
    await parked();
    await actor.die(way);
    {
      using first = await waiting[0];
      expect(first.ownerDied).toBe(true);
      first.markConsistent();
    }
    using second = await waiting[1];
    expect(second.ownerDied).toBe(false);
  });

  for (const sync of [true, false]) {
    dying(`dies: a third thread that ${sync ? 'blocks' : 'waits'} gets it`, async (domain, way) => {
      using buf = domain.alloc(4096);
      const actor = await holder(domain, 'lock', [buf]);
      const buffers = [buf.share()];
      const heir = await Actor.start(domain, 'death.mjs', 'heir', { buffers, sync });
      await heir.waits(sync);
      await actor.die(way);
      expect(await heir.hear('got')).toBe(true);
      await heir.finished();
      await lockIsSound(buf);
    });
  }

  dying(
    'of several locks dies: lockAll names the buffer and holds nothing',
    async (domain, way) => {
      using one = domain.alloc(4096);
      using two = domain.alloc(4096);
      using other = domain.alloc(4096);
      const actor = await holder(domain, 'lockSet', [one, two]);
      await actor.die(way);
      const failed = domain.lockAll([other, one, two]);
      await expect(failed).rejects.toMatchObject(DEAD);
      const { at } = (await failed.catch((e: unknown) => e)) as { at: { buffer: number } };
      expect([one.id, two.id]).toContain(at.buffer);
      for (const buf of [one, two, other]) expect(buf.resv.locked).toBe(false);
      using held = await domain.lockAll([other, one, two], { recover: true });
      expect(held.locks.map(({ ownerDied }) => ownerDied)).toEqual([false, true, true]);
      for (const lock of held) lock.markConsistent();
    },
  );

  test('exits while main is blocked in lockSync: main recovers without its event loop', () =>
    withDomain({}, async (domain) => {
      using buf = domain.alloc(4096);
      const data = { what: 'lock', buffers: [buf.share()] };
      const actor = await Actor.start(domain, 'death.mjs', 'ambush', data);
      await actor.hear('ready');
      {
        using lock = buf.resv.lockSync({ ...NET, recover: true });
        expect(lock.ownerDied).toBe(true);
        lock.markConsistent();
      }
      await actor.member.gone;
    }));

  test('is terminated while main is blocked in lockSync: main recovers without its event loop', () =>
    withDomain({}, async (domain) => {
      using buf = domain.alloc(4096);
      const actor = await holder(domain, 'lock', [buf]);
      const killed = actor.member.kill();
      expect(() => buf.resv.lockSync(NET)).toThrow(expect.objectContaining(DEAD));
      using held = domain.lockAllSync([buf], { ...NET, recover: true });
      expect(held.of(buf).ownerDied).toBe(true);
      held.of(buf).markConsistent();
      held.unlock();
      await killed;
    }));
});

describe('who owes a fence', () => {
  dying('dies: everybody who waits is told', async (domain, way) => {
    using buf = domain.alloc(4096);
    const actor = await holder(domain, 'fence', [buf], { usage: 'write' });
    const [fence] = buf.resv.fences('write');
    if (fence === undefined) throw new Error('no fence');
    const called: unknown[] = [];
    fence.onSignal((error) => void called.push(error));
    const waits = [
      fence.wait(),
      Fence.all([fence, Fence.done]).wait(),
      Fence.any([fence]).wait(),
      buf.cpuAccess('read'),
    ].map((wait) => expect(wait).rejects.toMatchObject(DEAD));
    const counts = [buf.resv.wait('bookkeep'), Fence.waitAny([fence]), buf.readable()];
    await parked();
    expect(fence.signaled).toBe(false);
    await actor.die(way);
    await Promise.all(waits);
    // A failed fence is over for those who only wait until nothing is in the way.
    expect(await Promise.all(counts)).toEqual([undefined, 0, undefined]);
    expect(fence).toMatchObject({ signaled: true, error: 'EOWNERDEAD' });
    expect(fence.timestamp).toBeGreaterThan(0);
    expect(called).toEqual(['EOWNERDEAD']);
    expect(() => fence.waitSync(NET)).toThrow(expect.objectContaining(DEAD));
  });

  dying(
    'of a write dies: no reader takes the half frame, until somebody writes anew',
    async (domain, way) => {
      using buf = domain.alloc(4096);
      const actor = await holder(domain, 'fence', [buf], { usage: 'write' });
      await actor.die(way);
      await expect(buf.cpuAccess('read')).rejects.toMatchObject(DEAD);
      await expect(buf.cpuAccess('read-write')).rejects.toMatchObject(DEAD);
      expect(() => buf.tryCpuAccess('read')).toThrow(expect.objectContaining(DEAD));
      // Only a dead holder makes a lock fail.
      await lockIsSound(buf);
      {
        using cpu = await buf.cpuAccess('write');
        cpu.bytes.fill(1);
      }
      using lock = await buf.resv.lock();
      lock.markConsistent();
      lock.unlock();
      using cpu = await buf.cpuAccess('read');
      expect(cpu.bytes[0]).toBe(1);
    },
  );

  dying('dies: a loop over readiness sees the fence come, and go with it', async (domain, way) => {
    using buf = domain.alloc(4096);
    const loop = buf.readiness();
    expect((await loop.next()).value).toEqual({ readable: true, writable: true });
    const busy = loop.next();
    await parked();
    const actor = await holder(domain, 'fence', [buf], { usage: 'write' });
    expect((await busy).value).toEqual({ readable: false, writable: false });
    const idle = loop.next();
    await parked();
    await actor.die(way);
    expect((await idle).value).toEqual({ readable: true, writable: true });
    await loop.return?.();
  });

  dying('of a read dies: nothing is known to be bad', async (domain, way) => {
    using buf = domain.alloc(4096);
    const actor = await holder(domain, 'fence', [buf], { usage: 'read' });
    const writable = buf.writable();
    expect(buf.tryCpuAccess('write')).toBe(null);
    await actor.die(way);
    await writable;
    using cpu = await buf.cpuAccess('read-write');
    cpu.bytes.fill(1);
  });

  test('exits while main is blocked in waitSync: main is told without its event loop', () =>
    withDomain({}, async (domain) => {
      using buf = domain.alloc(4096);
      for (const blocked of ['fence', 'set', 'cpuAccess', 'reservation'] as const) {
        const data = { what: 'fence', usage: 'write', buffers: [buf.share()] };
        const actor = await Actor.start(domain, 'death.mjs', 'ambush', data);
        await actor.hear('ready');
        const [fence] = buf.resv.fences('write');
        if (fence === undefined) throw new Error('no fence');
        const calls = {
          fence: () => fence.waitSync(NET),
          set: () => Fence.all([fence]).waitSync(NET),
          cpuAccess: () => buf.cpuAccessSync('read', NET),
          reservation: () => buf.resv.waitSync('write', NET),
        };
        if (blocked === 'reservation') calls[blocked]();
        else expect(calls[blocked]).toThrow(expect.objectContaining(DEAD));
        expect(fence.error).toBe('EOWNERDEAD');
        await actor.member.gone;
        using lock = await buf.resv.lock();
        lock.markConsistent();
      }
    }));
});

describe('a slot', () => {
  dying('is used again, by a new life that inherits nothing', async (domain, way) => {
    using buf = domain.alloc(4096);
    for (let life = 0; life < 3; life++) {
      const actor = await holder(domain, 'fence', [buf], { usage: 'bookkeep' });
      const pending = buf.resv.fences('bookkeep').filter(({ signaled }) => !signaled);
      expect(pending).toHaveLength(1);
      await actor.die(way);
      expect(pending[0]).toMatchObject({ signaled: true, error: 'EOWNERDEAD' });
    }
  });

  test('limits who lives at once, not who has lived', () =>
    withDomain({ limits: { agents: 3 } }, async (domain) => {
      using buf = domain.alloc(4096);
      using other = domain.alloc(4096);
      for (let life = 0; life < 6; life++) {
        const way = WAYS[life % WAYS.length] ?? KILL;
        const one = await holder(domain, 'lock', [buf]);
        const two = await holder(domain, 'fence', [other], { usage: 'read' });
        await one.die(way);
        await two.die(way);
        using lock = await buf.resv.lock({ recover: true });
        expect(lock.ownerDied).toBe(true);
        lock.markConsistent();
      }
    }));
});
