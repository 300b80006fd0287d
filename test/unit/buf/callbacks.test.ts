// SPDX-License-Identifier: MIT
/** Exporter callbacks that return promises: time limits, callers that give up, blocking callers. */
import { describe, expect, it } from 'vitest';
import type { DmaBuf, SourceSegment } from '../../../src/buf/index.js';
import { importer, staticExport } from './exporters.js';
import { nth, type Rig, rejected, rigs, thrown } from './rig.js';

/** A dynamic exporter whose callbacks end when the test says so. */
function slow(rig: Rig, callTimeout?: number) {
  const calls: string[] = [];
  const pending: (() => void)[] = [];
  const home: DmaBuf = rig.heap.alloc(10);
  const later = async (name: string): Promise<void> => {
    calls.push(`${name}…`);
    await new Promise<void>((resolve) => pending.push(resolve));
    calls.push(`${name}${buf.resv.locked ? ' +' : ' -'}`);
  };
  const segments: SourceSegment[] = [{ of: home, offset: 0, length: 10 }];
  const buf = rig.buffers.exports.dynamic({
    exporter: 'slow',
    size: 10,
    priv: null,
    ...(callTimeout === undefined ? {} : { callTimeout }),
    ops: {
      attach: () => later('attach'),
      detach: () => void calls.push('detach'),
      map: async () => {
        await later('map');
        return segments;
      },
      unmap: () => void calls.push(`unmap${buf.resv.locked ? ' +' : ' -'}`),
      pin: () => later('pin'),
      unpin: () => void calls.push(`unpin${buf.resv.locked ? ' +' : ' -'}`),
      beginCpuAccess: () => later('begin'),
      endCpuAccess: () => void calls.push('end'),
      release() {},
    },
  });
  /** Ends the callback that runs now, and lets what follows from it happen. */
  const finish = async (): Promise<void> => {
    pending.shift()?.();
    await new Promise((resolve) => setImmediate(resolve));
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { buf, calls, finish };
}

const patience = () => AbortSignal.timeout(1);

describe('callbacks that take their time', () => {
  it('are waited for, with the lock held around map', async () => {
    const { buf, calls, finish } = slow(nth(rigs(1), 0));
    const attaching = buf.dynamicAttach('gpu', importer());
    await finish();
    const att = await attaching;
    const lock = await buf.resv.lock();
    const mapping = att.map(lock, 'to-device');
    await finish();
    expect((await mapping).bytes.length).toBe(10);
    expect(calls).toEqual(['attach…', 'attach -', 'map…', 'map +']);
    lock.unlock();
  });

  it('whoever gives up on an attach has it undone when it has ended', async () => {
    const a = nth(rigs(1), 0);
    const { buf, calls, finish } = slow(a);
    const attaching = buf.attach('enc', { signal: patience() });
    expect(await rejected(attaching)).toMatchObject({ name: 'TimeoutError' });
    expect(calls).toEqual(['attach…']);
    await finish();
    expect(calls).toEqual(['attach…', 'attach -', 'detach']);
    expect([...a.buffers.attachments.all()]).toEqual([]);
  });

  it('a lock is never released under a running callback: giving up in map keeps it until the map is undone', async () => {
    const { buf, calls, finish } = slow(nth(rigs(1), 0));
    const attaching = buf.attach('enc', { signal: AbortSignal.timeout(30) });
    await finish();
    await finish();
    expect(calls.at(-1)).toBe('map…');
    expect(await rejected(attaching)).toMatchObject({ name: 'TimeoutError' });
    expect(buf.resv.locked).toBe(true);
    await finish();
    expect(calls.slice(-4)).toEqual(['map +', 'unmap +', 'unpin +', 'detach']);
    expect(buf.resv.locked).toBe(false);
  });

  it('a map that the importer gave up is undone under a lock of its own', async () => {
    const a = nth(rigs(1), 0);
    const { buf, calls, finish } = slow(a);
    const attaching = buf.dynamicAttach('gpu', importer());
    await finish();
    const att = await attaching;
    const lock = await buf.resv.lock();
    expect(await rejected(att.map(lock, 'to-device', { timeout: 1 }))).toMatchObject({
      code: 'ETIMEDOUT',
    });
    expect(await rejected(att.pin(lock, { timeout: 1 }))).toMatchObject({ code: 'ETIMEDOUT' });
    lock.unlock();
    await finish();
    await finish();
    await a.buffers.idle();
    expect(calls.slice(2)).toEqual(
      ['map…', 'pin…', 'map -', 'unmap +', 'pin -', 'unpin +'].filter(Boolean),
    );
  });

  it('have a time limit of their exporter', async () => {
    const { buf, calls, finish } = slow(nth(rigs(1), 0), 2);
    const error = await rejected(buf.attach('enc'));
    expect(error).toMatchObject({ code: 'ETIMEDOUT' });
    expect(error.message).toContain('callTimeout of 2 ms');
    await finish();
    expect(calls.at(-1)).toBe('detach');
  });

  it('cannot be had by a call that blocks the thread they need', async () => {
    const { buf, calls, finish } = slow(nth(rigs(1), 0));
    expect(thrown(() => buf.attachSync('enc'))).toMatchObject({ code: 'EDEADLK' });
    expect(thrown(() => buf.cpuAccessSync('read'))).toMatchObject({ code: 'EDEADLK' });
    await finish();
    await finish();
    expect(calls.slice(2)).toEqual(['attach -', 'detach', 'begin -', 'end']);
  });

  it('attach and detach of one buffer run side by side (D-13)', async () => {
    const running = new Map<string, () => void>();
    const during =
      (what: string) =>
      ({ device }: { readonly device: { readonly name: string } }): Promise<void> =>
        new Promise((resolve) => running.set(`${what} ${device.name}`, resolve));
    const end = (name: string): void => {
      running.get(name)?.();
      running.delete(name);
    };
    const ops = { attach: during('attach'), detach: during('detach') };
    const { buf } = staticExport(nth(rigs(1), 0), 10, ops);
    const [first, second] = [buf.attach('a'), buf.attach('b')];
    expect([...running.keys()]).toEqual(['attach a', 'attach b']);
    end('attach b');
    const b = await second;
    end('attach a');
    const a = await first;
    const leaving = [a.detach(), b.detach()];
    const coming = buf.attach('c');
    expect([...running.keys()]).toEqual(['detach a', 'detach b', 'attach c']);
    for (const name of ['attach c', 'detach b', 'detach a']) end(name);
    await Promise.all(leaving);
    const last = (await coming).detach();
    end('detach c');
    await last;
  });

  it('detach waits for those that are under way without a lock', async () => {
    const a = nth(rigs(1), 0);
    const finish: (() => void)[] = [];
    const { buf, calls } = staticExport(a, 10, {
      map: async ({ buf: { priv } }) => {
        calls.push('map…');
        await new Promise<void>((resolve) => finish.push(resolve));
        return [{ of: priv.home, offset: 0, length: 10 }];
      },
    });
    const att = await buf.attach('x');
    const mapping = att.map('to-device');
    const detaching = att.detach();
    await new Promise((resolve) => setImmediate(resolve));
    expect(calls).toEqual(['attach x -', 'map…']);
    finish[0]?.();
    const map = await mapping;
    await detaching;
    expect(calls.slice(2)).toEqual(['unmap x to-device -', 'detach x -']);
    expect(thrown(() => map.bytes)).toMatchObject({ code: 'ESTALE' });
  });

  it('detach waits for those that are under way', async () => {
    const { buf, calls, finish } = slow(nth(rigs(1), 0));
    const attaching = buf.dynamicAttach('gpu', importer());
    await finish();
    const att = await attaching;
    const lock = await buf.resv.lock();
    const mapping = att.map(lock, 'to-device');
    const detaching = att.detach();
    await finish();
    const map = await mapping;
    expect(calls.at(-1)).toBe('map +');
    lock.unlock();
    await detaching;
    expect(calls.slice(-2)).toEqual(['unmap +', 'detach']);
    expect(thrown(() => map.bytes)).toMatchObject({ code: 'ESTALE' });
  });
});

describe('callbacks that cannot fail', () => {
  it('may not wait either: they are told, and their exporter is', async () => {
    const all = rigs(2);
    const rig = nth(all, 0);
    const busy = rig.heap.alloc(8);
    nth(all, 1).reservations.of(busy.row).tryLock();
    const seen: unknown[] = [];
    const wait = (): void => {
      seen.push(thrown(() => busy.resv.lockSync({ timeout: 1_000 })).code);
    };
    const { buf } = staticExport(rig, 100, { unmap: wait, endCpuAccess: wait, release: wait });
    const att = await buf.attach('x');
    (await att.map('to-device')).unmap();
    await att.detach();
    (await buf.cpuAccess('read')).end();
    await rig.buffers.idle();
    buf.close();
    rig.agent.flush();
    expect(seen).toEqual(['EDEADLK', 'EDEADLK', 'EDEADLK', 'EDEADLK']);
    expect(rig.agent.callbacks).toBe(0);
  });

  it('are reported, and what the listener throws is nobody’s but its own', () => {
    const broken = new Error('listener');
    const onError = (): never => {
      throw broken;
    };
    const rig = nth(rigs(1, {}, { onError }), 0);
    const jobs: (() => void)[] = [];
    rig.agent.platform.microtask = (job) => void jobs.push(job);
    rig.buffers.report(new Error('callback'));
    expect(jobs).toHaveLength(1);
    expect(jobs[0]).toThrow(broken);
  });
});
