// SPDX-License-Identifier: MIT
/** Callers that give up, callbacks that take too long, and clients that nobody closes. */
import { describe, expect, it } from 'vitest';
import { abortable, gate } from '../buf/gate.js';
import { nth, type Rig, rejected, rigs, thrown } from '../buf/rig.js';
import { type Vgem, vgem } from './vgem.js';

function on(rig: Rig, more: Parameters<typeof vgem>[2] = {}): Vgem {
  return vgem({ name: 'test', buffers: rig.buffers }, rig.heap, more);
}

const only = (): Rig => nth(rigs(1), 0);

/** A device whose export waits at a gate, and a client with one handle. */
async function exporting() {
  const rig = only();
  const waiting = gate();
  const made = on(rig, {
    async export({ memory }) {
      made.calls.push('export');
      await waiting.enter();
      const map = () => (memory === null ? [] : [{ of: memory, offset: 0, length: 1 }]);
      return { size: 1, ops: { map, unmap() {} } };
    },
  });
  const client = made.device.open();
  await client.createHandle(made.create());
  return { ...made, rig, waiting, client };
}

describe('a caller gives up', () => {
  it('while the driver exports: no lock is free until that has ended, and the next one exports anew', async () => {
    const { client, waiting, calls } = await exporting();
    const { signal, abort, reason } = abortable();
    const given = client.handleToBuf(1, 2, { signal });
    const next = client.handleToBuf(1);
    abort();
    expect(await rejected(given)).toBe(reason);
    await new Promise((resolve) => setImmediate(resolve));
    expect(calls).toEqual(['open 1', 'export']);
    await waiting.open();
    expect((await next).closed).toBe(false);
    expect(calls).toEqual(['open 1', 'export', 'export']);
  });

  it('while it waits for its turn: those behind it do not notice', async () => {
    const { client, waiting, calls } = await exporting();
    const { signal, abort, reason } = abortable();
    const first = client.handleToBuf(1);
    const given = client.handleToBuf(1, 2, { signal });
    const late = client.handleToBuf(1, 2, { timeout: 0 });
    const last = client.handleToBuf(1);
    expect((await rejected(late)).code).toBe('ETIMEDOUT');
    abort();
    expect(await rejected(given)).toBe(reason);
    await waiting.open();
    expect((await last).id).toBe((await first).id);
    expect(calls).toEqual(['open 1', 'export']);
  });

  it('while the driver imports: what that still brings is freed, unmapped and detached', async () => {
    const rig = only();
    const waiting = gate();
    const { device, calls, bos } = on(rig, {
      async import(imported) {
        await waiting.enter();
        const bo = { memory: null, imported };
        bos.add(bo);
        return bo;
      },
    });
    const client = device.open();
    const foreign = rig.heap.alloc(8);
    const { signal, abort, reason } = abortable();
    const given = client.bufToHandle(foreign, { signal });
    while (!waiting.entered()) await new Promise((resolve) => setImmediate(resolve));
    abort();
    expect(await rejected(given)).toBe(reason);
    expect([...rig.buffers.attachments.all()]).toHaveLength(1);
    await waiting.open();
    await rig.buffers.idle();
    expect([calls, bos.size, client.handles]).toEqual([['free'], 0, []]);
    expect([...rig.buffers.attachments.all()]).toEqual([]);
    await client.close();
    device.close();
  });

  it('while the driver opens: it is closed again when it has', async () => {
    const rig = only();
    const waiting = gate();
    const { device, calls, create, bos } = on(rig, {
      async open() {
        await waiting.enter();
        calls.push('open');
      },
    });
    const client = device.open();
    const { signal, abort, reason } = abortable();
    const given = client.createHandle(create(), { signal });
    abort();
    expect(await rejected(given)).toBe(reason);
    await waiting.open();
    await rig.buffers.idle();
    expect([calls, client.handles, bos.size]).toEqual([['open', 'close 1'], [], 1]);
    expect(await client.createHandle(create())).toBe(1);
  });

  it('while its handle is closed: that goes on', async () => {
    const rig = only();
    const waiting = gate();
    const { device, create, bos } = on(rig, { close: () => waiting.enter() });
    const client = device.open();
    await client.createHandle(create());
    expect((await rejected(client.closeHandle(1, { timeout: 0 }))).code).toBe('ETIMEDOUT');
    expect([client.handles, bos.size]).toEqual([[], 1]);
    await waiting.open();
    await rig.buffers.idle();
    expect(bos.size).toBe(0);
  });

  it('while its client is closed: that goes on', async () => {
    const { client, device, waiting, bos } = await exporting();
    const runs = client.handleToBuf(1);
    expect((await rejected(client.close({ timeout: 0 }))).code).toBe('ETIMEDOUT');
    expect(() => device.close()).toThrow('EBUSY');
    await waiting.open();
    (await runs).close();
    await client.close();
    await client.close({ timeout: 0 });
    await new Promise((resolve) => setImmediate(resolve));
    expect(bos.size).toBe(0);
    device.close();
  });

  it('before it began: nothing has happened', async () => {
    const { device, create, calls, bos } = on(only());
    const client = device.open();
    const { signal, abort, reason } = abortable();
    await client.createHandle(create());
    abort();
    expect(await rejected(client.closeHandle(1, { signal }))).toBe(reason);
    expect(await rejected(client.handleToBuf(1, 2, { signal }))).toBe(reason);
    expect((await rejected(client.handleToBuf(1, 2, { timeout: -1 }))).code).toBe('EINVAL');
    expect([calls, bos.size, client.handles]).toEqual([['open 1'], 1, [1]]);
  });
});

it('a callback that takes longer than callTimeout is ETIMEDOUT, and undone when it ends', async () => {
  const rig = only();
  const waiting = gate();
  const { device, create, calls } = on(rig, { callTimeout: 0, open: () => waiting.enter() });
  const client = device.open();
  const error = await rejected(client.createHandle(create()));
  expect(error).toMatchObject({ code: 'ETIMEDOUT' });
  expect(error.message).toContain('the driver "vgem"');
  await waiting.open();
  await rig.buffers.idle();
  expect(calls).toEqual(['close 1']);
});

it('a callback that calls its own device is told so, and nothing is left locked', async () => {
  const rig = only();
  const inside: Promise<unknown>[] = [];
  const { device, create } = on(rig, {
    async export() {
      inside.push(client.handleToBuf(1), client.createHandle(create()), client.closeHandle(1));
      await Promise.all(inside);
      return { size: 0, ops: { map: () => [], unmap() {} } };
    },
  });
  const client = device.open();
  await client.createHandle(create());
  expect((await rejected(client.handleToBuf(1))).code).toBe('EDEADLK');
  for (const call of inside) expect((await rejected(call)).code).toBe('EDEADLK');
  await client.closeHandle(1, { timeout: 0 });
});

describe('nobody closes a client', () => {
  it('when its agent leaves, it is reported as one leak, and its handles are closed', async () => {
    const rig = only();
    const { device, create, calls, bos } = on(rig);
    const client = device.open();
    await client.createHandle(create());
    (await client.handleToBuf(1)).close();
    await new Promise((resolve) => setImmediate(resolve));
    rig.buffers.close();
    // The object's memory goes with the exported buffer, whose release is deferred; nothing of the room's own is reported.
    const memory = { kind: 'DmaBuf', id: 1 };
    expect(rig.leaks).toEqual([{ kind: 'PrimeClient', id: 1 }, memory]);
    await new Promise((resolve) => setImmediate(resolve));
    expect([calls, bos.size]).toEqual([['open 1', 'export', 'close 1', 'free'], 0]);
  });

  it('one that was closed, by `using` too, is no leak', async () => {
    const rig = only();
    const { device, create, bos } = on(rig);
    {
      using client = device.open();
      await client.createHandle(create());
      await using other = device.open();
      await other.createHandle(create());
      await new Promise((resolve) => setImmediate(resolve));
    }
    await rig.buffers.idle();
    rig.buffers.close();
    expect([bos.size, rig.leaks]).toEqual([0, []]);
  });
});

it('after its agent has left, a client and a device refuse', async () => {
  const rig = only();
  const { device, create } = on(rig);
  const client = device.open();
  const bo = create();
  rig.agent.leave(new Error('left'));
  expect((await rejected(client.createHandle(bo))).code).toBe('ESTALE');
  expect((await rejected(client.handleToBuf(1))).code).toBe('ESTALE');
  expect(thrown(() => device.open()).code).toBe('ESTALE');
});
