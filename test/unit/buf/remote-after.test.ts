// SPDX-License-Identifier: MIT
/** What comes after a call that was given up, half done or made in a callback: whose the lock is, and what still has to end. */
import { describe, expect, it } from 'vitest';
import type { AttachmentInfo, SourceSegment } from '../../../src/buf/index.js';
import type { ResvLock } from '../../../src/resv/index.js';
import { abroad, allQuiet, passed, until } from './abroad.js';
import { dynamicExport, type Home, importer, staticExport } from './exporters.js';
import { abortable, gate } from './gate.js';
import { rejected } from './rig.js';

const whole = ({ buf: { priv, size } }: AttachmentInfo<Home>): SourceSegment[] => [
  { of: priv.home, offset: 0, length: size },
];

describe('a caller that gave up while the callback was on the stack', () => {
  it('and holds the lock again: it stays his, though the exporter dies', async () => {
    const scene = abroad();
    const { home, away, all } = scene;
    const { signal, reason, abort } = abortable();
    const again: ResvLock[] = [];
    const { buf } = dynamicExport(home, 100, {
      map(att) {
        // Runs when the exporter's agent has unlocked, before it does anything else.
        home.agent.defer(() => {
          again.push(there.resv.tryLock() as ResvLock);
          all.bury(home);
        });
        abort();
        return whole(att);
      },
    });
    const there = passed(buf, away);
    const att = await there.dynamicAttach('gpu', importer());
    const lock = await there.resv.lock();
    expect(await rejected(att.map(lock, 'to-device', { signal }))).toBe(reason);
    await until(() => again.length > 0);
    expect([lock.held, again[0]?.held, there.resv.locked]).toEqual([false, true, true]);
    again[0]?.unlock();
    using next = await there.resv.lock();
    expect(next.ownerDied).toBe(false);
  });
});

describe('what a former holder left behind', () => {
  it('and the caller has repaired, is repaired: whoever has the lock after the call', async () => {
    const scene = abroad(3);
    const { home, away, all } = scene;
    const { passed: open, open: end } = gate();
    const seen: boolean[] = [];
    const { buf } = dynamicExport(home, 100, {
      map: async (att, _direction, lock) => {
        seen.push(lock.ownerDied);
        if (seen.length === 1) lock.markConsistent();
        if (seen.length === 2) await open;
        return whole(att);
      },
    });
    const third = all.rigs[2];
    if (third === undefined) throw new RangeError('there is no third agent');
    const dies = async (): Promise<void> => void (await passed(buf, third).resv.lock());
    await dies();
    all.bury(third);
    const there = passed(buf, away);
    const att = await there.dynamicAttach('gpu', importer());
    const lock = await there.resv.lock({ recover: true });
    await att.map(lock, 'to-device');
    // The callback saw it, and said that all is well.
    expect([seen, lock.ownerDied]).toEqual([[true], false]);
    const { signal, reason, abort } = abortable();
    const mapping = att.map(lock, 'to-device', { signal });
    await until(() => seen.length === 2);
    abort();
    expect(await rejected(mapping)).toBe(reason);
    await end();
    const next = await there.resv.lock();
    expect([seen, next.ownerDied]).toEqual([[true, false], false]);
    next.unlock();
    await att.detach();
  });
});

describe('what ends in a callback', () => {
  it('goes out when the callback is over, however much it is', async () => {
    const scene = abroad();
    const { home, away } = scene;
    const { buf, calls } = staticExport(home);
    const att = await passed(buf, away).attach('enc');
    const mappings = await Promise.all(Array.from({ length: 70 }, () => att.map('to-device')));
    const local = staticExport(away, 100, {
      map(ours) {
        for (const mapping of mappings) mapping.unmap();
        return whole(ours);
      },
    });
    await (await local.buf.attach('chained')).map('to-device');
    await until(() => calls.filter((call) => call.startsWith('unmap')).length === 70);
    expect(away.errors).toEqual([]);
  });
});

describe('an access whose mapping comes in parts', () => {
  it('is ended when who asked gives up between them', async () => {
    const scene = abroad();
    const { home, away } = scene;
    const { signal, reason, abort } = abortable();
    const seen: string[] = [];
    const { buf } = staticExport(home, 100, {
      vmap: ({ priv }) => {
        seen.push('vmap');
        return Array.from({ length: 100 }, (_, offset) => ({ of: priv.home, offset, length: 1 }));
      },
      vunmap: () => void seen.push('vunmap'),
    });
    // The second part is asked for, and not yet answered.
    const { calls } = away.buffers;
    const ask = calls.ask.bind(calls);
    let parts = 0;
    calls.ask = (request, read) => {
      if (request.kind === 7 && ++parts === 2) abort();
      return ask(request, read);
    };
    expect(await rejected(passed(buf, away).cpuAccess('read', { signal }))).toBe(reason);
    await until(() => seen.length === 2);
    expect(seen).toEqual(['vmap', 'vunmap']);
    await allQuiet(scene, buf);
  });
});
