// SPDX-License-Identifier: MIT
/** The end of an importer's agent, and of an exporter's, while the one calls the other. */
import { describe, expect, it } from 'vitest';
import type { AttachmentInfo, SourceSegment } from '../../../src/buf/index.js';
import { abroad, allQuiet, passed, timersOf, until } from './abroad.js';
import { dynamicExport, type Home, importer, staticExport } from './exporters.js';
import { gate } from './gate.js';
import { nth, type Rig, rejected, thrown } from './rig.js';

const whole = ({ buf: { priv, size } }: AttachmentInfo<Home>): SourceSegment[] => [
  { of: priv.home, offset: 0, length: size },
];
const LEFT = new Error('left');

function leave({ buffers, agent }: Rig): void {
  buffers.close();
  agent.leave(LEFT);
}

/** A dynamic exporter whose maps end when the test says so. */
function slow(rig: Rig) {
  const { passed: open, open: end } = gate();
  const entered: boolean[] = [];
  const exported = dynamicExport(rig, 100, {
    map: async (att, _direction, lock) => {
      entered.push(lock.held);
      await open;
      entered.push(lock.held);
      return whole(att);
    },
  });
  return { ...exported, end, entered };
}

describe('the agent of an importer', () => {
  it('leaves: what it has attached, mapped, pinned and accessed there ends', async () => {
    const scene = abroad();
    const { buf, calls } = dynamicExport(scene.home);
    const there = passed(buf, scene.away);
    const att = await there.dynamicAttach('gpu', importer());
    const lock = await there.resv.lock();
    await att.map(lock, 'to-device');
    await att.pin(lock);
    lock.unlock();
    await there.cpuAccess('read');
    calls.length = 0;
    leave(scene.away);
    await until(() => calls.length === 7);
    expect(calls.toSorted()).toEqual([
      'detach cpu -',
      'detach gpu -',
      'end read -',
      'unmap cpu bidirectional lock +',
      'unmap gpu to-device lock +',
      'unpin cpu lock +',
      'unpin gpu lock +',
    ]);
    await allQuiet(scene, buf);
    buf.close();
    await until(() => calls.length === 8);
    expect([calls.at(-1), scene.home.heap.used]).toEqual(['release', 0]);
  });

  it('leaves, and its exporter looks before its slot is free', async () => {
    const scene = abroad();
    const { home, away } = scene;
    const { buf, calls } = staticExport(home);
    const att = await passed(buf, away).attach('enc');
    await att.map('to-device');
    const { slots } = away.agent;
    const { free } = slots;
    slots.free = (index) => {
      home.agent.serve();
      free.call(slots, index);
    };
    leave(away);
    await until(() => calls.length === 4);
    expect(calls.slice(2)).toEqual(['unmap enc to-device -', 'detach enc -']);
    await allQuiet(scene, buf);
  });

  it('leaves with a call under way: it is undone, and the lock is free after that', async () => {
    const scene = abroad();
    const { buf, calls, end, entered } = slow(scene.home);
    const there = passed(buf, scene.away);
    const att = await there.dynamicAttach('gpu', importer());
    const lock = await there.resv.lock();
    const mapping = att.map(lock, 'to-device');
    await until(() => entered.length === 1);
    leave(scene.away);
    expect(await rejected(mapping)).toBe(LEFT);
    expect(buf.resv.holderSlot).toBe(scene.home.agent.slot);
    const next = buf.resv.lock();
    await end();
    using taken = await next;
    expect([entered, taken.ownerDied]).toEqual([[true, true], false]);
    taken.unlock();
    await until(() => calls.length === 3);
    expect(calls.slice(1)).toEqual(['unmap gpu to-device lock +', 'detach gpu -']);
    await allQuiet(scene, buf);
  });

  it('leaves before its call was taken: nothing has happened', async () => {
    const scene = abroad();
    const { buf, calls } = staticExport(scene.home);
    const there = passed(buf, scene.away);
    const attaching = there.attach('enc');
    leave(scene.away);
    expect(await rejected(attaching)).toBe(LEFT);
    await (await buf.attach('own')).detach();
    expect(calls).toEqual(['attach own -', 'detach own -']);
    await allQuiet(scene, buf);
  });

  it('dies with a call under way: it is undone, and the next one learns that a holder died', async () => {
    const scene = abroad();
    const { buf, calls, end, entered } = slow(scene.home);
    const there = passed(buf, scene.away);
    const att = await there.dynamicAttach('gpu', importer());
    const lock = await there.resv.lock();
    void att.map(lock, 'to-device').catch(() => {});
    await until(() => entered.length === 1);
    scene.all.bury(scene.away);
    expect(buf.resv.holderSlot).toBe(scene.home.agent.slot);
    const refused = rejected(buf.resv.lock());
    const next = buf.resv.lock({ recover: true });
    await end();
    expect(await refused).toMatchObject({ code: 'EOWNERDEAD' });
    using taken = await next;
    expect([entered, taken.ownerDied]).toEqual([[true, true], true]);
    taken.markConsistent();
    taken.unlock();
    await until(() => calls.length === 3);
    expect(calls.slice(1)).toEqual(['unmap gpu to-device lock +', 'detach gpu -']);
    expect([...buf.buffers.attachments.all()]).toEqual([]);
    expect([scene.home.agent.held, buf.resv.locked]).toEqual([0, false]);
  });

  it('gave up, and dies only then: no holder has died', async () => {
    const scene = abroad();
    const { buf, end, entered } = slow(scene.home);
    const there = passed(buf, scene.away);
    const att = await there.dynamicAttach('gpu', importer());
    const lock = await there.resv.lock();
    const timers = timersOf(scene.away);
    const mapping = att.map(lock, 'to-device', { timeout: 1 });
    await until(() => entered.length === 1);
    timers.expire();
    expect(await rejected(mapping)).toMatchObject({ code: 'ETIMEDOUT' });
    scene.all.bury(scene.away);
    await end();
    using taken = await buf.resv.lock();
    expect(taken.ownerDied).toBe(false);
  });

  it('dies after the answer: what it was given ends', async () => {
    const scene = abroad();
    const { buf, calls } = dynamicExport(scene.home);
    const there = passed(buf, scene.away);
    const att = await there.dynamicAttach('gpu', importer());
    const lock = await there.resv.lock();
    await att.map(lock, 'to-device');
    await att.pin(lock);
    scene.all.bury(scene.away);
    await until(() => calls.length === 6);
    expect(calls.slice(3)).toEqual([
      'unmap gpu to-device lock +',
      'unpin gpu lock +',
      'detach gpu -',
    ]);
    using taken = await buf.resv.lock({ recover: true });
    expect(taken.ownerDied).toBe(true);
    taken.markConsistent();
  });

  it('that comes next in the same slot has nothing of it', async () => {
    const scene = abroad(3);
    const { buf, calls } = staticExport(scene.home);
    const there = passed(buf, scene.away);
    await (await there.attach('enc')).map('to-device');
    leave(scene.away);
    await until(() => calls.length === 4);
    const other = await passed(buf, nth(scene.all, 2)).attach('other');
    expect([...buf.buffers.attachments.all()]).toMatchObject([{ device: 'other', mapped: 0 }]);
    await other.detach();
    await allQuiet(scene, buf);
  });
});

describe('the agent of an exporter', () => {
  for (const how of ['leaves', 'dies'] as const) {
    const end = ({ home, all }: ReturnType<typeof abroad>): void => {
      if (how === 'leaves') leave(home);
      else all.bury(home);
    };

    it(`${how} before the callback: EOWNERDEAD, and the lock stays`, async () => {
      const scene = abroad(2, 0);
      const { buf } = staticExport(scene.home);
      const there = passed(buf, scene.away);
      const lock = await there.resv.lock();
      const attaching = there.attach('enc');
      end(scene);
      expect(await rejected(attaching)).toMatchObject({ code: 'EOWNERDEAD' });
      expect(await rejected(there.attach('enc'))).toMatchObject({ code: 'EOWNERDEAD' });
      expect(await rejected(there.cpuAccess('read'))).toMatchObject({ code: 'EOWNERDEAD' });
      expect(lock.held).toBe(true);
      lock.unlock();
      there.close();
      expect(scene.away.heap.used).toBe(0);
    });

    it(`${how} during the callback: EOWNERDEAD, and nobody is left locked out`, async () => {
      const scene = abroad();
      const { buf, entered } = slow(scene.home);
      const there = passed(buf, scene.away);
      const att = await there.dynamicAttach('gpu', importer());
      const lock = await there.resv.lock();
      const mapping = att.map(lock, 'to-device');
      await until(() => entered.length === 1);
      end(scene);
      expect(await rejected(mapping)).toMatchObject({ code: 'EOWNERDEAD' });
      expect(lock.held).toBe(true);
      lock.unlock();
      (await there.resv.lock()).unlock();
      await att.detach();
      there.close();
      expect(scene.away.heap.used).toBe(0);
      expect(scene.away.errors).toEqual([]);
    });

    it(`${how} after the callback: mappings live until they are closed`, async () => {
      const scene = abroad();
      const { buf } = dynamicExport(scene.home);
      const there = passed(buf, scene.away);
      const att = await there.dynamicAttach('gpu', importer());
      const lock = await there.resv.lock();
      const map = await att.map(lock, 'to-device');
      const pin = await att.pin(lock);
      map.bytes[0] = 5;
      end(scene);
      expect(map.bytes[0]).toBe(5);
      expect(await rejected(att.map(lock, 'to-device'))).toMatchObject({ code: 'EOWNERDEAD' });
      map.unmap(lock);
      pin.unpin(lock);
      expect(thrown(() => map.bytes)).toMatchObject({ code: 'ESTALE' });
      lock.unlock();
      await att.detach();
      there.close();
      await until(() => scene.away.agent.tasks.pending === 0);
      expect([scene.away.heap.used, scene.away.errors]).toEqual([0, []]);
    });
  }

  it('leaves: what it kept for importers elsewhere is no leak of its own', async () => {
    const scene = abroad();
    const { buf } = staticExport(scene.home);
    const there = passed(buf, scene.away);
    const att = await there.attach('enc');
    const cpu = await there.cpuAccess('read');
    const { home } = scene;
    buf.priv.home.close();
    buf.close();
    leave(home);
    expect(home.leaks).toEqual([]);
    expect(cpu.bytes.length).toBe(100);
    cpu.end();
    await att.detach();
    there.close();
    await until(() => scene.away.agent.tasks.pending === 0);
    expect([scene.away.heap.used, scene.away.errors]).toEqual([0, []]);
  });
});
