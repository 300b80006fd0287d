// SPDX-License-Identifier: MIT
/** Locks that go along with calls to an exporter in another agent, and many calls at once. */
import { describe, expect, it } from 'vitest';
import type { AttachmentInfo, SourceSegment } from '../../../src/buf/index.js';
import { type HeldLock, lockAll } from '../../../src/resv/index.js';
import { abroad, allQuiet, passed, until } from './abroad.js';
import { dynamicExport, type Home, importer, staticExport } from './exporters.js';
import { abortable, gate } from './gate.js';
import { nth, rejected, thrown } from './rig.js';

const whole = ({ buf: { priv, size } }: AttachmentInfo<Home>): SourceSegment[] => [
  { of: priv.home, offset: 0, length: size },
];

describe('a lock that goes along', () => {
  it('and is released meanwhile ends the call, and is free when that was undone', async () => {
    const scene = abroad();
    const { passed: open, open: end } = gate();
    const shown: boolean[] = [];
    const { buf, calls } = dynamicExport(scene.home, 100, {
      map: async (att, _direction, lock) => {
        shown.push(lock.held);
        await open;
        shown.push(lock.held);
        return whole(att);
      },
    });
    const there = passed(buf, scene.away);
    const att = await there.dynamicAttach('gpu', importer());
    const lock = await there.resv.lock();
    const mapping = att.map(lock, 'to-device');
    await until(() => shown.length === 1);
    lock.unlock();
    const next = there.resv.lock();
    expect(await rejected(mapping)).toMatchObject({ code: 'ENOLCK' });
    expect([lock.held, there.resv.holderSlot]).toEqual([false, scene.home.agent.slot]);
    await end();
    using taken = await next;
    expect([taken.ownerDied, shown]).toEqual([false, [true, true]]);
    expect(calls).toEqual(['attach gpu -', 'unmap gpu to-device lock +']);
    taken.unlock();
    await att.detach();
    await allQuiet(scene, buf);
  });

  it('and is released before the exporter has come to it: the callback never runs', async () => {
    const scene = abroad();
    const { buf, calls } = dynamicExport(scene.home);
    const there = passed(buf, scene.away);
    const att = await there.dynamicAttach('gpu', importer());
    const lock = await there.resv.lock();
    const mapping = att.map(lock, 'to-device');
    lock.unlock();
    expect(there.resv.locked).toBe(false);
    const again = await there.resv.lock();
    const second = att.map(again, 'from-device');
    expect(await rejected(mapping)).toMatchObject({ code: 'ENOLCK' });
    expect((await second).direction).toBe('from-device');
    expect(again.held).toBe(true);
    again.unlock();
    await att.detach();
    expect(calls.filter((call) => call.startsWith('map'))).toEqual(['map gpu from-device lock +']);
    await allQuiet(scene, buf);
  });

  it('and is released when the answer is there: what was mapped stays, and room of the next hold too', async () => {
    const scene = abroad();
    const { buf, calls } = dynamicExport(scene.home);
    const there = passed(buf, scene.away);
    const att = await there.dynamicAttach('gpu', importer());
    const lock = await there.resv.lock();
    const { agent } = scene.home;
    await until(() => agent.slots.word(agent.slot, 'looking') === 0);
    lock.reserve(1);
    const mapping = att.map(lock, 'to-device');
    agent.serve();
    expect(calls).toHaveLength(2);
    lock.unlock();
    const again = there.resv.lockSync();
    again.reserve(3);
    expect((await mapping).bytes.length).toBe(100);
    const timelines = ['one', 'two', 'three'].map((name) => scene.away.fences.timeline(name));
    for (const timeline of timelines) again.add(timeline.next(), 'bookkeep');
    again.unlock();
    for (const timeline of timelines) timeline.close();
    await att.detach();
    await allQuiet(scene, buf);
  });

  it('brings back the room that was reserved, also when the callback reserves and adds', async () => {
    const scene = abroad();
    const { home, away } = scene;
    const theirs = home.fences.timeline('exporter');
    const fill = (lock: HeldLock): void => {
      lock.reserve(9);
      lock.add(theirs.next(), 'bookkeep');
    };
    const { buf } = dynamicExport(home, 100, {
      map: (att, _direction, lock) => {
        fill(lock);
        return whole(att);
      },
    });
    const there = passed(buf, away);
    const att = await there.dynamicAttach('gpu', importer());
    const lock = await there.resv.lock();
    lock.reserve(2);
    await att.map(lock, 'to-device');
    const timelines = [away.fences.timeline('one'), away.fences.timeline('two')];
    for (const timeline of timelines) lock.add(timeline.next(), 'bookkeep');
    const more = away.fences.timeline('three').next();
    expect(thrown(() => lock.add(more, 'bookkeep'))).toMatchObject({ code: 'ENOSPC' });
    expect(lock.fences('bookkeep')).toHaveLength(3);
    lock.unlock();
    {
      using mine = await buf.resv.lock();
      const late = home.fences.timeline('late');
      expect(thrown(() => mine.add(late.next(), 'bookkeep'))).toMatchObject({ code: 'ENOSPC' });
      late.close();
    }
    for (const timeline of [...timelines, theirs]) timeline.close();
    await att.detach();
    await allQuiet(scene, buf);
  });

  it('of a context stays the context’s, and what it gives up leaves the context', async () => {
    const scene = abroad();
    const { passed: open, open: end } = gate();
    let slow = false;
    const { buf } = dynamicExport(scene.home, 100, {
      pin: () => (slow ? open : undefined),
    });
    const there = passed(buf, scene.away);
    const att = await there.dynamicAttach('gpu', importer());
    using context = scene.away.reservations.acquireContext();
    const lock = await there.resv.lock({ context });
    const map = await att.map(lock, 'to-device');
    expect([lock.held, context.held, map.bytes.length]).toEqual([true, 1, 100]);
    expect(await rejected(there.resv.lock({ context }))).toMatchObject({ code: 'EALREADY' });
    slow = true;
    const { signal, reason, abort } = abortable();
    const pinning = att.pin(lock, { signal });
    await until(() => scene.home.agent.held === 1);
    abort();
    expect(await rejected(pinning)).toBe(reason);
    expect([lock.held, context.held]).toEqual([false, 0]);
    const next = there.resv.lock({ context });
    await end();
    using again = await next;
    expect([again.held, again.ownerDied, context.held]).toEqual([true, false, 1]);
    again.unlock();
    await att.detach();
    await allQuiet(scene, buf);
  });

  it('is not the lender’s to change as long as the exporter has it', async () => {
    const scene = abroad();
    const { enter, entered, open: end } = gate();
    const { buf } = dynamicExport(scene.home, 100, {
      map: async (att) => {
        await enter();
        return whole(att);
      },
    });
    const there = passed(buf, scene.away);
    const att = await there.dynamicAttach('gpu', importer());
    const lock = await there.resv.lock();
    const mapping = att.map(lock, 'to-device');
    await until(entered);
    expect(thrown(() => lock.reserve(1))).toMatchObject({ code: 'EBUSY', op: 'HeldLock.reserve' });
    expect(thrown(() => lock.markConsistent())).toMatchObject({ code: 'EBUSY' });
    expect([lock.held, lock.fences('bookkeep')]).toEqual([true, []]);
    await end();
    await mapping;
    lock.reserve(1);
    lock.unlock();
    await att.detach();
    await allQuiet(scene, buf);
  });

  it('of a LockSet is the one of its buffer', async () => {
    const scene = abroad();
    const exported = [dynamicExport(scene.home), dynamicExport(scene.home)];
    const there = exported.map(({ buf }) => passed(buf, scene.away));
    const atts = await Promise.all(there.map((buf) => buf.dynamicAttach('gpu', importer())));
    {
      using held = await lockAll(scene.away.reservations, there);
      for (const [n, att] of atts.entries()) {
        const lock = held.locks[n];
        if (lock === undefined) throw new Error('a lock for each');
        expect((await att.map(lock, 'to-device')).bytes.length).toBe(100);
      }
      const [, att] = atts;
      const [wrong] = held.locks;
      if (att === undefined || wrong === undefined) throw new Error('two of each');
      expect(await rejected(att.map(wrong, 'to-device'))).toMatchObject({ code: 'ENOLCK' });
      expect(held.locks.every(({ held: still }) => still)).toBe(true);
    }
    for (const att of atts) await att.detach();
    await allQuiet(scene, ...exported.map(({ buf }) => buf));
  });

  it('goes with one call at a time', async () => {
    const scene = abroad();
    let running = 0;
    let most = 0;
    const during = async (): Promise<void> => {
      most = Math.max(most, ++running);
      await new Promise((resolve) => setImmediate(resolve));
      running--;
    };
    const { buf } = dynamicExport(scene.home, 100, {
      map: async (att) => {
        await during();
        return whole(att);
      },
      pin: during,
    });
    const there = passed(buf, scene.away);
    const att = await there.dynamicAttach('gpu', importer());
    const lock = await there.resv.lock();
    lock.reserve(1);
    const maps = [1, 2, 3].map(() => att.map(lock, 'to-device'));
    const pins = [att.pin(lock), att.pin(lock)];
    await Promise.all([...maps, ...pins]);
    expect([most, lock.held]).toEqual([1, true]);
    const timeline = scene.away.fences.timeline('one');
    lock.add(timeline.next(), 'bookkeep');
    timeline.close();
    lock.unlock();
    await att.detach();
    await allQuiet(scene, buf);
  });

  it('and is released: calls that wait for it do not run', async () => {
    const scene = abroad();
    const { passed: open, open: end } = gate();
    let mapped = 0;
    const { buf } = dynamicExport(scene.home, 100, {
      map: async (att) => {
        mapped++;
        await open;
        return whole(att);
      },
    });
    const there = passed(buf, scene.away);
    const att = await there.dynamicAttach('gpu', importer());
    const lock = await there.resv.lock();
    const asking = [att.map(lock, 'to-device'), att.map(lock, 'to-device')];
    await until(() => mapped === 1);
    lock.unlock();
    for (const mapping of asking) expect(await rejected(mapping)).toMatchObject({ code: 'ENOLCK' });
    await end();
    await att.detach();
    expect(mapped).toBe(1);
    await allQuiet(scene, buf);
  });
});

describe('many calls', () => {
  it('more than an agent has records for: each is made in its turn', async () => {
    const scene = abroad();
    const ends: (() => void)[] = [];
    const { buf } = staticExport(scene.home, 100, {
      map: async (att) => {
        await new Promise<void>((resolve) => ends.push(resolve));
        return whole(att);
      },
    });
    const there = passed(buf, scene.away);
    const att = await there.attach('enc');
    const asking = Array.from({ length: 20 }, () => att.map('to-device'));
    const { signal, reason, abort } = abortable();
    const impatient = att.map('to-device', { signal });
    await until(() => ends.length === 4); // half of the records: others are asked with the rest
    abort();
    expect(await rejected(impatient)).toBe(reason);
    let over = false;
    const all = Promise.all(asking).finally(() => {
      over = true;
    });
    await until(() => {
      ends.pop()?.();
      return over;
    });
    expect(await all).toHaveLength(20);
    expect([...buf.buffers.attachments.all()]).toMatchObject([{ mapped: 20 }]);
    await att.detach();
    await allQuiet(scene, buf);
  });

  it('that wait for a lock do not keep its holder from mapping with it', async () => {
    const scene = abroad();
    const { buf } = dynamicExport(scene.home);
    const there = passed(buf, scene.away);
    const att = await there.dynamicAttach('gpu', importer());
    const lock = await there.resv.lock();
    const attaching = Array.from({ length: 20 }, () => there.dynamicAttach('late', importer()));
    const map = await att.map(lock, 'to-device');
    map.unmap(lock);
    lock.unlock();
    for (const late of await Promise.all(attaching)) await late.detach();
    await att.detach();
    await allQuiet(scene, buf);
  });

  it('to one that does not answer leave room for others, also when they were given up', async () => {
    const scene = abroad(3, 0);
    const { buf, calls } = staticExport(scene.home);
    const there = passed(buf, scene.away);
    const other = staticExport(nth(scene.all, 2));
    const { signal, reason, abort } = abortable();
    const stuck = Array.from({ length: 8 }, () => rejected(there.attach('enc', { signal })));
    const elsewhere = passed(other.buf, scene.away);
    await (await elsewhere.attach('other')).detach();
    abort();
    expect(await Promise.all(stuck)).toEqual(stuck.map(() => reason));
    expect(await rejected(there.attach('enc', { timeout: 1 }))).toMatchObject({
      code: 'ETIMEDOUT',
    });
    expect([calls, other.calls]).toEqual([[], ['attach other -', 'detach other -']]);
    scene.home.agent.listen();
    await allQuiet(scene, buf, other.buf);
  });

  it('that end something without a lock wait for nobody’s', async () => {
    const scene = abroad();
    const { buf, calls } = dynamicExport(scene.home);
    const other = staticExport(scene.home);
    const there = passed(buf, scene.away);
    const att = await there.dynamicAttach('gpu', importer());
    const fixed = await passed(other.buf, scene.away).attach('enc');
    const map = await fixed.map('to-device');
    const lock = await there.resv.lock();
    (await att.map(lock, 'to-device')).unmap(lock);
    map.unmap();
    await until(() => other.calls.includes('unmap enc to-device -'));
    expect([lock.held, calls.length]).toEqual([true, 2]);
    lock.unlock();
    await att.detach();
    await fixed.detach();
    await allQuiet(scene, buf, other.buf);
  });

  it('under one lock, what was unmapped and unpinned meanwhile takes none of them', async () => {
    const scene = abroad();
    const { buf, calls } = dynamicExport(scene.home);
    const there = passed(buf, scene.away);
    const att = await there.dynamicAttach('gpu', importer());
    const lock = await there.resv.lock();
    for (let n = 0; n < 20; n++) {
      (await att.map(lock, 'to-device')).unmap(lock);
      (await att.pin(lock)).unpin(lock);
    }
    expect(calls.filter((call) => call.startsWith('un'))).toEqual([]);
    lock.unlock();
    await until(() => calls.filter((call) => call.startsWith('un')).length === 40);
    await att.detach();
    expect(calls.filter((call) => !call.includes('lock +'))).toEqual([
      'attach gpu -',
      'detach gpu -',
    ]);
    await allQuiet(scene, buf);
  });
});

describe('a callback that is called from elsewhere', () => {
  it('may neither wait nor call on', async () => {
    const scene = abroad(3);
    const { home } = scene;
    const third = nth(scene.all, 2);
    const contended = home.heap.alloc(1);
    const lock = await passed(contended, third).resv.lock();
    const timeline = third.fences.timeline('owed');
    lock.reserve(1);
    lock.add(timeline.next(), 'write');
    const elsewhere = passed(staticExport(third).buf, home);
    const refused: unknown[] = [];
    const attempts = [
      () => contended.resv.lockSync(),
      () => contended.resv.waitSync('write'),
      () => contended.cpuAccessSync('read'),
      () => elsewhere.attachSync('x'),
      () => elsewhere.cpuAccessSync('read'),
    ];
    const asynchronous: Promise<unknown>[] = [];
    const { buf } = staticExport(home, 100, {
      map: (att) => {
        for (const attempt of attempts) refused.push(thrown(attempt));
        asynchronous.push(rejected(elsewhere.attach('x')), rejected(elsewhere.cpuAccess('read')));
        return whole(att);
      },
    });
    const there = passed(buf, scene.away);
    const att = await there.attach('enc');
    expect((await att.map('to-device')).bytes.length).toBe(100);
    const outcomes = [...refused, ...(await Promise.all(asynchronous))];
    expect(outcomes.map((error) => (error as { code?: string }).code)).toEqual(
      outcomes.map(() => 'EDEADLK'),
    );
    lock.unlock();
    timeline.close();
    await att.detach();
    await allQuiet(scene, buf);
  });
});
