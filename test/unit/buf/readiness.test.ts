// SPDX-License-Identifier: MIT
/** Readiness: a look, and a loop over its changes. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import type { DmaBuf, Readiness } from '../../../src/buf/index.js';
import { openShare } from '../../../src/buf/index.js';
import type { Fence, Timeline } from '../../../src/fence/index.js';
import type { Usage } from '../../../src/resv/index.js';
import { nth, type Rig, rejected, rigs, thrown } from './rig.js';

const IDLE = { readable: true, writable: true };
const READ = { readable: true, writable: false };
const BUSY = { readable: false, writable: false };

function add({ resv }: DmaBuf, fence: Fence, usage: Usage): void {
  using lock = resv.lockSync();
  lock.reserve(1);
  if (usage === 'kernel') lock.addKernel(fence);
  else lock.add(fence, usage);
}

/** A buffer, and timelines that put fences into it. */
function stage(rig: Rig = nth(rigs(1), 0)) {
  const buf = rig.heap.alloc(8);
  const [work, more] = [rig.fences.timeline('work'), rig.fences.timeline('more')];
  const put = (usage: Usage, timeline: Timeline = work): (() => void) => {
    const fence = timeline.next();
    add(buf, fence, usage);
    return () => timeline.signal(fence);
  };
  return { rig, buf, work, more, put };
}

const turns = async (): Promise<void> => {
  for (let turn = 0; turn < 40; turn++) await new Promise((resolve) => setImmediate(resolve));
};

/** A step that was asked for, when everything has settled: what it has brought, in a list that is empty until then. */
async function ask(loop: AsyncIterator<Readiness, undefined>) {
  const brought: unknown[] = [];
  const step = loop.next().then(
    ({ done, value }) => brought.push(done === true ? 'the end' : value),
    (error: unknown) => brought.push(error),
  );
  await turns();
  return { brought, step };
}

const now = async (loop: AsyncIterator<Readiness, undefined>) => (await ask(loop)).brought;

describe('a look', () => {
  it.each([
    ['kernel', BUSY],
    ['write', BUSY],
    ['read', READ],
    ['bookkeep', IDLE],
  ] as const)('at a pending %s fence, and after it', (usage, expected) => {
    const { buf, put } = stage();
    expect(buf.poll()).toEqual(IDLE);
    const signal = put(usage);
    expect(buf.poll()).toEqual(expected);
    signal();
    expect(buf.poll()).toEqual(IDLE);
  });

  it('sees an unfinished writer beside readers, whichever is asked about', () => {
    const { buf, put, more } = stage();
    const read = put('read', more);
    const wrote = put('write');
    expect(buf.poll()).toEqual(BUSY);
    read();
    expect(buf.poll()).toEqual(BUSY);
    wrote();
    expect(buf.poll()).toEqual(IDLE);
  });

  it('needs no lock, and says so while somebody has it', async () => {
    const { buf, put } = stage();
    put('read');
    using lock = await buf.resv.lock();
    expect([lock.held, buf.poll()]).toEqual([true, READ]);
  });

  it('counts what failed as over', () => {
    const { buf, work } = stage();
    const fence = work.next();
    add(buf, fence, 'write');
    work.fail(fence, 'EIO');
    expect(buf.poll()).toEqual(IDLE);
  });

  it('through a handle that is closed is ESTALE', () => {
    const { buf } = stage();
    buf.close();
    expect(thrown(() => buf.poll())).toMatchObject({ code: 'ESTALE' });
    expect(thrown(() => buf.readiness())).toMatchObject({ code: 'ESTALE' });
  });
});

describe('a loop', () => {
  it('begins with the state of now, and tells each change in both directions', async () => {
    const { buf, put, more } = stage();
    const loop = buf.readiness();
    expect(await now(loop)).toEqual([IDLE]);
    const busy = await ask(loop);
    expect(busy.brought).toEqual([]);
    const wrote = put('write');
    await busy.step;
    expect(busy.brought).toEqual([BUSY]);
    const readable = await ask(loop);
    const read = put('read', more);
    await turns();
    expect(readable.brought).toEqual([]);
    wrote();
    await readable.step;
    expect(readable.brought).toEqual([READ]);
    const idle = await ask(loop);
    read();
    await idle.step;
    expect(idle.brought).toEqual([IDLE]);
  });

  it('wakes for a fence that another agent adds, and for each that it signals', async () => {
    const all = rigs(2);
    const [here, there] = [nth(all, 0), nth(all, 1)];
    const { buf } = stage(here);
    const theirs = openShare(there.buffers, 'open', buf.share());
    const loop = buf.readiness();
    expect(await now(loop)).toEqual([IDLE]);
    const timeline = there.fences.timeline('there');
    for (let round = 0; round < 3; round++) {
      const busy = await ask(loop);
      const fence = timeline.next();
      add(theirs, fence, 'write');
      await busy.step;
      const idle = await ask(loop);
      timeline.signal(fence);
      await idle.step;
      expect([busy.brought, idle.brought]).toEqual([[BUSY], [IDLE]]);
    }
  });

  it('is told of a fence that takes the place of one that is over, and of a list that is copied', async () => {
    const { rig, buf, put, work, more } = stage();
    put('write')();
    const loop = buf.readiness();
    expect(await now(loop)).toEqual([IDLE]);
    const replaced = await ask(loop);
    const lock = buf.resv.lockSync();
    lock.replace(work, more.next(), 'write');
    lock.unlock();
    await replaced.step;
    more.signal(1);
    expect([replaced.brought, await now(loop)]).toEqual([[BUSY], [IDLE]]);
    const other = rig.heap.alloc(8);
    add(other, more.next(), 'read');
    const copied = await ask(loop);
    const again = buf.resv.lockSync();
    again.copyFrom(other.resv);
    again.unlock();
    await copied.step;
    expect(copied.brought).toEqual([READ]);
  });

  it('is told of each fence that comes, also after one that changed nothing', async () => {
    const { buf, put, more } = stage();
    put('read');
    const loop = buf.readiness();
    expect(await now(loop)).toEqual([READ]);
    const step = await ask(loop);
    put('read', more);
    await turns();
    expect(step.brought).toEqual([]);
    put('write');
    await step.step;
    expect(step.brought).toEqual([BUSY]);
  });

  it('waits for no fence that was taken out of the list', async () => {
    const { buf, put, work, more } = stage();
    put('write');
    const loop = buf.readiness();
    expect(await now(loop)).toEqual([BUSY]);
    const idle = await ask(loop);
    const preempting = more.next();
    const lock = buf.resv.lockSync();
    lock.replace(work, preempting, 'write');
    lock.unlock();
    await turns();
    expect(idle.brought).toEqual([]);
    more.signal(preempting);
    await idle.step;
    expect(idle.brought).toEqual([IDLE]);
  });

  it('does not tell what came and went, but never loses the last state', async () => {
    const { buf, put } = stage();
    const loop = buf.readiness();
    expect(await now(loop)).toEqual([IDLE]);
    put('write')();
    const step = await ask(loop);
    expect(step.brought).toEqual([]);
    put('read');
    await step.step;
    expect(step.brought).toEqual([READ]);
  });

  it('steps one after the other when several are asked for at once', async () => {
    const { buf, put } = stage();
    const loop = buf.readiness();
    const brought = Promise.all([loop.next(), loop.next(), loop.next()]);
    await turns();
    const signal = put('write');
    await turns();
    signal();
    expect((await brought).map(({ value }) => value)).toEqual([IDLE, BUSY, IDLE]);
  });

  it('sleeps: idle ones look neither when nothing happens nor when another buffer changes', async () => {
    const { rig, buf, put } = stage();
    const others = Array.from({ length: 8 }, () => rig.heap.alloc(8).readiness());
    for (const other of others) await other.next();
    let looks = 0;
    const { test } = Object.getPrototypeOf(buf.resv) as { test: (usage: Usage) => boolean };
    for (const other of others) void other.next();
    const loop = buf.readiness();
    expect(await now(loop)).toEqual([IDLE]);
    const busy = await ask(loop);
    const prototype = Object.getPrototypeOf(buf.resv) as { test: typeof test };
    prototype.test = function counted(usage) {
      looks++;
      return test.call(this, usage);
    };
    try {
      await turns();
      expect(looks).toBe(0);
      put('write');
      await busy.step;
      expect(looks).toBeLessThan(others.length);
    } finally {
      prototype.test = test;
    }
  });

  it('ends when it is left, also while a step is awaited, and gives the buffer back', async () => {
    const { rig, buf, put } = stage();
    put('write');
    for await (const state of buf.readiness()) {
      expect(state).toEqual(BUSY);
      break;
    }
    const loop = buf.readiness();
    await loop.next();
    const step = await ask(loop);
    expect(rig.buffers.holders(buf.row)).toBe(2);
    expect(await loop.return?.()).toEqual({ done: true, value: undefined });
    await step.step;
    expect(step.brought).toEqual(['the end']);
    expect([await now(loop), rig.buffers.holders(buf.row)]).toEqual([['the end'], 1]);
  });

  it('ends with its handle: the buffer is not used again under it, and is released after it', async () => {
    const { rig, buf, put } = stage();
    put('write');
    const [asked, idle] = [buf.readiness(), buf.readiness()];
    await asked.next();
    await idle.next();
    const step = await ask(asked);
    const { row } = buf;
    buf.close();
    const next = rig.heap.alloc(8);
    expect(next.row).not.toBe(row);
    await step.step;
    expect([step.brought, await now(idle)]).toEqual([['the end'], ['the end']]);
    next.close();
    expect(rig.heap.used).toBe(0);
  });

  it('ends with an abort, and with a change that takes too long', async () => {
    const { rig, buf } = stage();
    const abort = new AbortController();
    const loop = buf.readiness({ signal: abort.signal });
    await loop.next();
    const step = await ask(loop);
    abort.abort(new Error('enough'));
    await step.step;
    expect(step.brought).toMatchObject([{ message: 'enough' }]);
    const short = buf.readiness({ timeout: 0 });
    await short.next();
    expect(await rejected(short.next())).toMatchObject({ code: 'ETIMEDOUT' });
    expect([await now(loop), await now(short)]).toEqual([['the end'], ['the end']]);
    expect(rig.buffers.holders(buf.row)).toBe(1);
  });

  it('refuses what is no signal, and no time', () => {
    const { buf } = stage();
    expect(thrown(() => buf.readiness({ timeout: -1 }))).toMatchObject({ code: 'EINVAL' });
    expect(thrown(() => buf.readiness({ signal: 7 as never }))).toMatchObject({ code: 'EINVAL' });
  });

  it('ends when the domain is left, with an error', async () => {
    const { rig, buf } = stage();
    const loop = buf.readiness();
    await loop.next();
    const step = await ask(loop);
    rig.agent.leave(new Error('left'));
    await step.step;
    expect(step.brought).toMatchObject([{ message: 'left' }]);
    expect(await now(loop)).toEqual(['the end']);
  });
});

describe('a poller', () => {
  it('sits on a point and not on its record: the next fence there is not its own', async () => {
    const { rig, buf, put, more } = stage();
    const signal = put('write');
    const [first] = buf.resv.list.pendingPoints(3);
    const readable = buf.readable();
    await turns();
    signal();
    // The record is used again before anybody has looked.
    const { records } = rig.fences;
    const row = first?.row ?? -1;
    const again = [];
    do again.push(more.next());
    while (again.at(-1)?.row !== row && again.length < 5000);
    expect(again.at(-1)?.row).toBe(row);
    expect(records.isSignaled(row, first?.generation ?? 0)).toBe(true);
    await expect(readable).resolves.toBeUndefined();
    expect(buf.poll()).toEqual(IDLE);
  });

  it('keeps the buffer until its look is over, though the handle is closed', async () => {
    const { rig, buf, put } = stage();
    const signal = put('write');
    const { row } = buf;
    const readable = buf.readable();
    await turns();
    buf.close();
    await turns();
    expect([rig.buffers.holders(row), rig.heap.used]).toEqual([1, 4096]);
    signal();
    await readable;
    await turns();
    expect([rig.buffers.holders(row), rig.heap.used]).toEqual([0, 0]);
  });

  it('does not bring a dying buffer back: who comes after the last put gets none', async () => {
    const { rig, buf } = stage();
    const { row, generation } = buf;
    buf.close();
    expect(rig.buffers.adopt(row, generation)).toBeNull();
    await expect(rejected(buf.readable())).resolves.toMatchObject({ code: 'ESTALE' });
    const next = rig.heap.alloc(8);
    expect(next.row).toBe(row);
    expect(rig.buffers.adopt(row, generation)).toBeNull();
    expect([rig.buffers.holders(row), next.poll()]).toEqual([1, IDLE]);
  });
});

describe('a loop that was forgotten', () => {
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as () => void;

  it('is kept by nobody, though its handle is open', async () => {
    const { buf } = stage();
    const forgotten: string[] = [];
    const registry = new FinalizationRegistry<string>((loop) => void forgotten.push(loop));
    await (async () => {
      const loop = buf.readiness();
      registry.register(loop, 'the loop');
      await loop.next();
    })();
    while (forgotten.length === 0) {
      await turns();
      gc();
    }
    expect(buf.poll()).toEqual(IDLE);
  });

  it('and that is asked again after its handle was closed has come to its end', async () => {
    const { buf } = stage();
    const loop = buf.readiness();
    await loop.next();
    buf.close();
    expect(await loop.next()).toEqual({ done: true, value: undefined });
  });
});
