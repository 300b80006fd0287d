// SPDX-License-Identifier: MIT
/** Cache maintenance: what an exporter of one's own is told of CPU access, when, and what becomes of errors. */
import { describe, expect, it } from 'vitest';
import type { CpuIntent, DmaBuf } from '../../../src/buf/index.js';
import { fail } from '../../../src/errors.js';
import type { Fence, Timeline } from '../../../src/fence/index.js';
import type { Usage } from '../../../src/resv/index.js';
import { dynamicExport, type Journal, staticExport } from './exporters.js';
import { nth, type Rig, rejected, rigs, thrown } from './rig.js';

const INTENTS: readonly CpuIntent[] = ['read', 'write', 'read-write'];

/** Callbacks of CPU access only: how the bytes are found is another matter. */
const hooks = ({ calls }: Journal): string[] => calls.filter((call) => /^(begin|end) /.test(call));

/** A pending fence of this usage in the way. */
async function inTheWay(rig: Rig, { buf }: { readonly buf: DmaBuf }, usage: Usage) {
  const timeline: Timeline = rig.fences.timeline('work');
  const fence: Fence = timeline.next();
  using lock = await buf.resv.lock();
  lock.reserve(1);
  if (usage === 'kernel') lock.addKernel(fence);
  else lock.add(fence, usage);
  return { timeline, signal: () => timeline.signal(fence) };
}

describe('the exporter is told', () => {
  it('what the CPU is going to do, and the same again at the end, without the lock', async () => {
    for (const make of [staticExport, dynamicExport]) {
      for (const intent of INTENTS) {
        const a = nth(rigs(1), 0);
        const exported = make(a);
        const access = await exported.buf.cpuAccess(intent);
        expect(access.intent).toBe(intent);
        expect(hooks(exported)).toEqual([`begin ${intent} -`]);
        access.end();
        access.end();
        expect(hooks(exported)).toEqual([`begin ${intent} -`, `end ${intent} -`]);
        exported.buf.cpuAccessSync(intent)[Symbol.dispose]();
        expect(hooks(exported).slice(2)).toEqual([`begin ${intent} -`, `end ${intent} -`]);
        await a.buffers.idle();
      }
    }
  });

  it('before anything is waited for: readers wait for writers and movers, writers for readers too', async () => {
    const waits: Readonly<Record<Usage, readonly CpuIntent[]>> = {
      kernel: INTENTS,
      write: INTENTS,
      read: ['write', 'read-write'],
      bookkeep: [],
    };
    for (const [usage, waiting] of Object.entries(waits) as [Usage, readonly CpuIntent[]][]) {
      for (const intent of INTENTS) {
        const a = nth(rigs(1), 0);
        const exported = staticExport(a);
        const { timeline, signal } = await inTheWay(a, exported, usage);
        let begun = false;
        const asking = exported.buf.cpuAccess(intent).then(() => {
          begun = true;
        });
        expect(hooks(exported)).toEqual([`begin ${intent} -`]);
        const mustWait = waiting.includes(intent);
        if (mustWait) await new Promise((resolve) => setImmediate(resolve));
        else await asking;
        expect(begun, `${usage} ${intent}`).toBe(!mustWait);
        signal();
        await asking;
        timeline.close();
      }
    }
  });

  it('and may have the work over itself: what it has signalled is not waited for', async () => {
    const a = nth(rigs(1), 0);
    const work: { signal?: () => void } = {};
    const exported = staticExport(a, 100, { beginCpuAccess: () => work.signal?.() });
    const { signal } = await inTheWay(a, exported, 'write');
    work.signal = signal;
    expect(exported.buf.cpuAccessSync('read', { timeout: 0 }).intent).toBe('read');
  });

  it('each time, as accesses are not counted, and in the order in which they end', async () => {
    const a = nth(rigs(1), 0);
    const exported = staticExport(a);
    const [outer, inner, third] = [
      await exported.buf.cpuAccess('read-write'),
      await exported.buf.cpuAccess('read'),
      await exported.buf.cpuAccess('read'),
    ];
    outer.end();
    expect(inner.bytes.length).toBe(100);
    third.end();
    inner.end();
    expect(hooks(exported)).toEqual([
      'begin read-write -',
      'begin read -',
      'begin read -',
      'end read-write -',
      'end read -',
      'end read -',
    ]);
    for (const access of [outer, inner, third]) {
      expect(thrown(() => access.bytes)).toMatchObject({ code: 'ESTALE' });
    }
  });

  it('nothing, if it does not care: both are optional, one without the other too', async () => {
    const nothing = { beginCpuAccess: undefined, endCpuAccess: undefined } as object;
    for (const more of [nothing, { ...nothing, endCpuAccess() {} }]) {
      const exported = staticExport(nth(rigs(1), 0), 8, more);
      using access = await exported.buf.cpuAccess('write');
      expect(access.bytes.length).toBe(8);
      expect(hooks(exported)).toEqual([]);
    }
  });
});

describe('a begin that fails', () => {
  it('ends the call with its error: nothing is waited for, and it is not ended', async () => {
    for (const blocking of [false, true]) {
      const a = nth(rigs(1), 0);
      const exported = staticExport(a);
      const { timeline } = await inTheWay(a, exported, 'bookkeep');
      const error = fail('ENOMEM', 'camera');
      exported.failing.set('begin', error);
      const { buf } = exported;
      const told = blocking
        ? thrown(() => buf.cpuAccessSync('write'))
        : await rejected(buf.cpuAccess('write'));
      expect(told).toBe(error);
      expect(exported.calls).toEqual(['begin write -']);
      buf.close();
      a.agent.flush();
      expect(exported.calls).toEqual(['begin write -', 'release']);
      timeline.close();
    }
  });

  it('with something that is no DmaBufError is EIO with the cause', async () => {
    const exported = staticExport(nth(rigs(1), 0));
    const cause = new Error('broken');
    exported.failing.set('begin', cause);
    expect(await rejected(exported.buf.cpuAccess('read'))).toMatchObject({ code: 'EIO', cause });
  });

  it('does not keep the next one from succeeding', async () => {
    const exported = staticExport(nth(rigs(1), 0));
    exported.failing.set('begin', fail('EBUSY', 'camera'));
    await rejected(exported.buf.cpuAccess('read'));
    (await exported.buf.cpuAccess('read')).end();
    expect(hooks(exported)).toEqual(['begin read -', 'begin read -', 'end read -']);
  });
});

describe('what was begun is ended with the same intent', () => {
  it('when the wait is given up, or takes too long', async () => {
    for (const intent of INTENTS) {
      const a = nth(rigs(1), 0);
      const exported = staticExport(a);
      await inTheWay(a, exported, 'write');
      const controller = new AbortController();
      const reason = new Error('given up');
      const asking = exported.buf.cpuAccess(intent, { signal: controller.signal });
      controller.abort(reason);
      expect(await rejected(asking)).toBe(reason);
      expect(await rejected(exported.buf.cpuAccess(intent, { timeout: 0 }))).toMatchObject({
        code: 'ETIMEDOUT',
      });
      const both = [`begin ${intent} -`, `end ${intent} -`];
      expect(hooks(exported)).toEqual([...both, ...both]);
    }
  });

  it('when the last write has failed, and a reader learns that', async () => {
    const a = nth(rigs(1), 0);
    const exported = staticExport(a);
    const { timeline } = await inTheWay(a, exported, 'write');
    timeline.close();
    expect(await rejected(exported.buf.cpuAccess('read'))).toMatchObject({ code: 'ECANCELED' });
    expect(hooks(exported)).toEqual(['begin read -', 'end read -']);
    (await exported.buf.cpuAccess('write')).end();
    expect(hooks(exported).slice(2)).toEqual(['begin write -', 'end write -']);
  });

  it('when the bytes are not to be had', async () => {
    const a = nth(rigs(1), 0);
    const exported = staticExport(a);
    exported.failing.set('map', fail('ENOMEM', 'camera'));
    expect(await rejected(exported.buf.cpuAccess('read'))).toMatchObject({ code: 'ENOMEM' });
    await a.buffers.idle();
    expect(hooks(exported)).toEqual(['begin read -', 'end read -']);
    exported.buf.close();
    a.agent.flush();
    expect(exported.calls.at(-1)).toBe('release');
  });

  it('when the handle is closed first, and before the release', async () => {
    const a = nth(rigs(1), 0);
    const exported = staticExport(a);
    const access = await exported.buf.cpuAccess('write');
    exported.buf.close();
    a.agent.flush();
    expect(access.bytes.length).toBe(100);
    access.end();
    await a.buffers.idle();
    const told = exported.calls.map((call) => call.split(' ')[0]);
    expect(told.filter((name) => /^(begin|end|release)/.test(name ?? ''))).toEqual([
      'begin',
      'end',
      'release',
    ]);
  });
});

describe('an end that fails', () => {
  it('is reported: the access is over all the same, and disposing does not throw', async () => {
    const a = nth(rigs(1), 0);
    const exported = staticExport(a);
    const cause = new Error('not flushed');
    exported.failing.set('end', cause);
    const access = await exported.buf.cpuAccess('write');
    access[Symbol.dispose]();
    expect(a.errors).toMatchObject([{ code: 'EIO', cause }]);
    expect(thrown(() => access.bytes)).toMatchObject({ code: 'ESTALE' });
    (await exported.buf.cpuAccess('write')).end();
    expect(a.errors).toHaveLength(1);
  });

  it('later is reported as well, and the buffer stays until then', async () => {
    const a = nth(rigs(1), 0);
    let flushed: (error: Error) => void = () => {};
    const endCpuAccess = (): Promise<void> =>
      new Promise((_, reject) => {
        flushed = reject;
      });
    const exported = staticExport(a, 100, { endCpuAccess });
    (await exported.buf.cpuAccess('write')).end();
    exported.buf.close();
    a.agent.flush();
    await new Promise((resolve) => setImmediate(resolve));
    expect(exported.calls).not.toContain('release');
    flushed(new Error('not flushed'));
    await a.buffers.idle();
    expect(a.errors).toMatchObject([{ code: 'EIO' }]);
    expect(exported.calls.at(-1)).toBe('release');
  });
});
