// SPDX-License-Identifier: MIT
/** Callers in another agent that give up, and exporters that do not answer: what came of it is undone, and the lock is free. */
import { describe, expect, it } from 'vitest';
import { CallLayout, CallSection } from '../../../src/agent/layout.js';
import type { AttachmentInfo, DmaBuf, SourceSegment } from '../../../src/buf/index.js';
import type { HeldLock } from '../../../src/resv/index.js';
import { SMALL } from '../world.js';
import { abroad, allQuiet, passed, served, timersOf, until } from './abroad.js';
import { dynamicExport, type Home, importer, staticExport } from './exporters.js';
import { abortable, gate } from './gate.js';
import { nth, rejected, thrown } from './rig.js';

const whole = ({ buf: { priv, size } }: AttachmentInfo<Home>): SourceSegment[] => [
  { of: priv.home, offset: 0, length: size },
];

/** A lock that nobody has, and of which nobody says that its holder died. */
async function isSound(buf: DmaBuf): Promise<void> {
  using lock = await buf.resv.lock();
  expect(lock.ownerDied).toBe(false);
}

describe('a caller that gives up before', () => {
  it('calls nobody', async () => {
    const scene = abroad();
    const { buf, calls } = staticExport(scene.home);
    const there = passed(buf, scene.away);
    const { signal, reason, abort } = abortable();
    abort();
    expect(await rejected(there.attach('enc', { signal }))).toBe(reason);
    expect(await rejected(there.cpuAccess('read', { signal }))).toBe(reason);
    expect(calls).toEqual([]);
    await allQuiet(scene, buf);
  });

  it('and as long as the exporter has not come to it, it never runs', async () => {
    const scene = abroad(2, 0);
    const { buf, calls } = staticExport(scene.home);
    const there = passed(buf, scene.away);
    const { signal, reason, abort } = abortable();
    const attaching = there.attach('enc', { signal });
    abort();
    expect(await rejected(attaching)).toBe(reason);
    expect(await rejected(there.attach('enc', { timeout: 1 }))).toMatchObject({
      code: 'ETIMEDOUT',
    });
    scene.home.agent.listen();
    await (await there.attach('enc')).detach();
    expect(calls).toEqual(['attach enc -', 'detach enc -']);
    await allQuiet(scene, buf);
  });
});

describe('a caller that gives up while the exporter’s agent waits for a lock', () => {
  it('leaves nobody waiting there', async () => {
    const scene = abroad();
    const { buf, calls } = dynamicExport(scene.home);
    const there = passed(buf, scene.away);
    const lock = await there.resv.lock();
    const { signal, reason, abort } = abortable();
    const attaching = there.attach('enc', { signal });
    await until(() => calls.length === 1);
    abort();
    expect(await rejected(attaching)).toBe(reason);
    await until(() => scene.home.agent.tasks.pending === 0);
    expect([calls, lock.held]).toEqual([['attach enc +', 'detach enc +'], true]);
    lock.unlock();
    await allQuiet(scene, buf);
  });
});

describe('a caller that gives up while the callback runs', () => {
  it('of attach: it is detached when it has ended', async () => {
    const scene = abroad();
    const { enter, entered, open: end } = gate();
    const { buf, calls } = staticExport(scene.home, 100, {
      attach: enter,
    });
    const there = passed(buf, scene.away);
    const { signal, reason, abort } = abortable();
    const attaching = there.attach('enc', { signal });
    await until(entered);
    abort();
    expect(await rejected(attaching)).toBe(reason);
    expect(calls).toEqual([]);
    await end();
    await until(() => calls.length === 1);
    expect(calls).toEqual(['detach enc -']);
    await allQuiet(scene, buf);
  });

  it('of map without the lock: it is unmapped, and the detach waits for that', async () => {
    const scene = abroad();
    const { enter, entered, open: end } = gate();
    const map = async (att: AttachmentInfo<Home>): Promise<SourceSegment[]> => {
      await enter();
      return whole(att);
    };
    const { buf, calls } = staticExport(scene.home, 100, { map });
    const there = passed(buf, scene.away);
    const att = await there.attach('enc');
    const { signal, reason, abort } = abortable();
    const mapping = att.map('to-device', { signal });
    await until(entered);
    abort();
    expect(await rejected(mapping)).toBe(reason);
    const detaching = att.detach();
    await end();
    await detaching;
    expect(calls).toEqual(['attach enc -', 'unmap enc to-device -', 'detach enc -']);
    await allQuiet(scene, buf);
  });

  for (const what of ['map', 'pin'] as const) {
    for (const how of ['abort', 'time-out'] as const) {
      it(`of ${what} with the lock (${how}): the lock passes to the exporter until that is undone`, async () => {
        const scene = abroad();
        const { home, away } = scene;
        const { passed: open, open: end } = gate();
        const shown: HeldLock[] = [];
        const later = async (lock: HeldLock): Promise<void> => {
          shown.push(lock);
          await open;
          shown.push(lock);
          lock.reserve(1);
        };
        const { buf, calls } = dynamicExport(home, 100, {
          map: async (att, _direction, lock) => {
            await later(lock);
            return whole(att);
          },
          pin: (_att, lock) => later(lock),
        });
        const there = passed(buf, away);
        const att = await there.dynamicAttach('gpu', importer());
        const lock = await there.resv.lock();
        const { signal, reason, abort } = abortable();
        const timers = timersOf(away);
        const options = how === 'abort' ? { signal } : { timeout: 20 };
        const asking =
          what === 'map' ? att.map(lock, 'to-device', options) : att.pin(lock, options);
        await until(() => shown.length === 1);
        if (how === 'abort') {
          abort();
          expect(await rejected(asking)).toBe(reason);
        } else {
          timers.expire();
          expect(await rejected(asking)).toMatchObject({ code: 'ETIMEDOUT' });
        }
        expect([lock.held, away.agent.held, there.resv.holderSlot]).toEqual([
          false,
          0,
          home.agent.slot,
        ]);
        expect(thrown(() => lock.reserve(1))).toMatchObject({ code: 'ENOLCK' });
        const next = there.resv.lock();
        await end();
        using taken = await next;
        expect(taken.ownerDied).toBe(false);
        expect(shown).toHaveLength(2);
        expect(calls.slice(1)).toEqual([
          what === 'map' ? 'unmap gpu to-device lock +' : 'unpin gpu lock +',
        ]);
        taken.unlock();
        await att.detach();
        await allQuiet(scene, buf);
      });
    }
  }

  it('of cpuAccess: it is ended', async () => {
    const scene = abroad();
    const { enter, entered, open: end } = gate();
    const { buf, calls } = staticExport(scene.home, 100, {
      beginCpuAccess: enter,
    });
    const there = passed(buf, scene.away);
    const { signal, reason, abort } = abortable();
    const asking = there.cpuAccess('write', { signal });
    await until(entered);
    abort();
    expect(await rejected(asking)).toBe(reason);
    await end();
    await until(() => calls.length === 1);
    expect(calls).toEqual(['end write -']);
    await allQuiet(scene, buf);
  });

  it('which is still on the stack: it keeps its lock to its end', async () => {
    const scene = abroad();
    const { signal, reason, abort } = abortable();
    const held: boolean[] = [];
    const { buf, calls } = dynamicExport(scene.home, 100, {
      map: (att, _direction, lock) => {
        abort();
        held.push(lock.held);
        lock.reserve(1);
        return whole(att);
      },
    });
    const there = passed(buf, scene.away);
    const att = await there.dynamicAttach('gpu', importer());
    const lock = await there.resv.lock();
    expect(await rejected(att.map(lock, 'to-device', { signal }))).toBe(reason);
    expect([held, lock.held]).toEqual([[true], false]);
    await isSound(there);
    await until(() => calls.length === 2);
    expect(calls).toEqual(['attach gpu -', 'unmap gpu to-device lock +']);
    await att.detach();
    await allQuiet(scene, buf);
  });

  it('of an exporter that caches: nothing is kept of it', async () => {
    const scene = abroad();
    const { signal, reason, abort } = abortable();
    const { buf, calls } = staticExport(scene.home, 100, {
      cacheMapping: true,
      map: (att) => {
        abort();
        return whole(att);
      },
    });
    const there = passed(buf, scene.away);
    const att = await there.attach('enc');
    expect(await rejected(att.map('to-device', { signal }))).toBe(reason);
    const map = await att.map('from-device');
    expect([map.direction, att.cached]).toEqual(['from-device', true]);
    await att.detach();
    expect(calls).toEqual([
      'attach enc -',
      'unmap enc to-device -',
      'unmap enc from-device -',
      'detach enc -',
    ]);
    await allQuiet(scene, buf);
  });

  it('whose callback fails at last: there is nothing to undo', async () => {
    const scene = abroad();
    const { enter, entered, open: end } = gate();
    const { buf, calls } = dynamicExport(scene.home, 100, {
      map: async () => {
        await enter();
        throw new Error('broken');
      },
    });
    const there = passed(buf, scene.away);
    const att = await there.dynamicAttach('gpu', importer());
    const lock = await there.resv.lock();
    const { signal, abort } = abortable();
    const mapping = att.map(lock, 'to-device', { signal });
    await until(entered);
    abort();
    await rejected(mapping);
    await end();
    await isSound(there);
    await att.detach();
    expect(calls).toEqual(['attach gpu -', 'detach gpu -']);
    await allQuiet(scene, buf);
  });
});

describe('a caller that gives up after', () => {
  it('has what it got', async () => {
    const scene = abroad();
    const { buf, calls } = dynamicExport(scene.home);
    const there = passed(buf, scene.away);
    const { signal, abort } = abortable();
    const att = await there.dynamicAttach('gpu', importer(), { signal });
    const lock = await there.resv.lock();
    const map = await att.map(lock, 'to-device', { signal });
    abort();
    expect([lock.held, map.bytes.length, calls.length]).toEqual([true, 100, 2]);
    lock.unlock();
    await att.detach();
    await allQuiet(scene, buf);
  });
});

describe('an exporter', () => {
  it('whose callback never ends is given up by its own agent, which turns', async () => {
    const scene = abroad();
    const { home, away } = scene;
    const { enter, entered, open: end } = gate();
    const timers = timersOf(home);
    const source = home.heap.alloc(10);
    const undone: boolean[] = [];
    const buf = home.buffers.exports.dynamic({
      exporter: 'slow',
      size: 10,
      priv: null,
      ops: {
        map: async () => {
          await enter();
          return [{ of: source, offset: 0, length: 10 }];
        },
        unmap: (_att, _segments, _direction, lock) => void undone.push(lock.held),
        pin() {},
        unpin() {},
        release() {},
      },
    });
    const there = passed(buf, away);
    const att = await there.dynamicAttach('gpu', importer());
    const lock = await there.resv.lock();
    const mapping = att.map(lock, 'to-device');
    await until(entered);
    timers.expire();
    const error = await rejected(mapping);
    expect(error).toMatchObject({ code: 'ETIMEDOUT' });
    expect(error.message).toContain('a callback of the exporter took longer');
    expect([lock.held, there.resv.holderSlot]).toEqual([false, home.agent.slot]);
    await end();
    await isSound(there);
    expect(undone).toEqual([true]);
    await att.detach();
    await allQuiet(scene, buf);
  });

  it('whose agent does not turn is given up by the caller, who keeps a lock that was never used', async () => {
    const scene = abroad(2, 0);
    const { home, away } = scene;
    const { buf, calls } = dynamicExport(home);
    const there = passed(buf, away);
    const att = await served(home, there.dynamicAttach('gpu', importer()));
    const lock = await there.resv.lock();
    const timers = timersOf(away);
    const mapping = att.map(lock, 'to-device');
    await until(() => away.agent.tasks.stalled(Infinity).length > 0);
    timers.expire();
    const error = await rejected(mapping);
    expect(error).toMatchObject({ code: 'ETIMEDOUT', at: { exporter: 'gpu-memory' } });
    expect(error.message).toContain('its event loop does not turn');
    expect([lock.held, calls]).toEqual([true, ['attach gpu -']]);
    lock.unlock();
    home.agent.listen();
    await att.detach();
    await allQuiet(scene, buf);
  });

  it('that turns is not given up, however long its callback takes', async () => {
    const scene = abroad();
    const { home, away } = scene;
    const { enter, entered, open: end } = gate();
    const map = async (att: AttachmentInfo<Home>): Promise<SourceSegment[]> => {
      await enter();
      return whole(att);
    };
    const { buf } = staticExport(home, 100, { map });
    const att = await passed(buf, away).attach('enc');
    const timers = timersOf(away);
    const mapping = att.map('to-device');
    await until(() => entered() && away.agent.tasks.stalled(Infinity).length > 0);
    const row = away.agent.slot * (CallSection.rows(SMALL) / SMALL.agents);
    const at = away.agent.arena.base(CallSection) + row * CallLayout.size;
    const word = (field: 'ping' | 'pong'): number =>
      away.agent.arena.words[at + CallLayout.at[field]] ?? -1;
    for (let pings = 2; pings < 5; pings++) {
      timers.expire();
      await until(() => word('ping') === pings && word('pong') === pings);
    }
    await end();
    expect((await mapping).bytes.length).toBe(100);
    await att.detach();
    await allQuiet(scene, buf);
  });

  it('that does not turn takes no records from calls to others', async () => {
    const scene = abroad(3, 0);
    const { home, away } = scene;
    const third = nth(scene.all, 2);
    const { buf, calls } = staticExport(home);
    const there = passed(buf, away);
    const att = await served(home, there.attach('enc'));
    const maps = [];
    for (let n = 0; n < 20; n++) maps.push(await served(home, att.map('to-device')));
    for (const map of maps) map.unmap();
    const other = staticExport(third);
    const elsewhere = await passed(other.buf, away).attach('enc');
    (await elsewhere.map('to-device')).unmap();
    await elsewhere.detach();
    expect(calls.filter((call) => call.startsWith('unmap'))).toEqual([]);
    home.agent.listen();
    await until(() => calls.filter((call) => call.startsWith('unmap')).length === 20);
    await att.detach();
    await allQuiet(scene, buf, other.buf);
  });
});
