// SPDX-License-Identifier: MIT
/** Handles of one client: their numbers, and how long their objects live. */
import { describe, expect, it } from 'vitest';
import { PrimeDevice } from '../../../src/prime/index.js';
import { gate } from '../buf/gate.js';
import { nth, type Rig, rejected, rigs, thrown } from '../buf/rig.js';
import { type Vgem, vgem } from './vgem.js';

function made(more: Parameters<typeof vgem>[2] = {}): Vgem & { readonly rig: Rig } {
  const rig = nth(rigs(1), 0);
  return { rig, ...vgem({ name: 'test', buffers: rig.buffers }, rig.heap, more) };
}

describe('numbers', () => {
  it('begin at 1, and the lowest free one is next', async () => {
    const { device, create } = made();
    const client = device.open();
    const handles = [];
    for (let n = 0; n < 3; n++) handles.push(await client.createHandle(create()));
    expect(handles).toEqual([1, 2, 3]);
    await client.closeHandle(2);
    await client.closeHandle(1);
    expect(client.handles).toEqual([3]);
    expect([await client.createHandle(create()), await client.createHandle(create())]).toEqual([
      1, 2,
    ]);
  });

  it('are those of one client', async () => {
    const { device, create } = made();
    const [one, other] = [device.open(), device.open()];
    const bo = create();
    expect([await one.createHandle(bo), await other.createHandle(create())]).toEqual([1, 1]);
    expect(one.lookup(1)).toBe(bo);
    expect(other.lookup(1)).not.toBe(bo);
  });

  it('name nothing once they were closed, and never 0', async () => {
    const { device, create } = made();
    const client = device.open();
    await client.createHandle(create());
    await client.closeHandle(1);
    for (const handle of [1, 0, -1, 1.5]) {
      expect(thrown(() => client.lookup(handle)).code).toBe('ENOENT');
      expect((await rejected(client.closeHandle(handle))).code).toBe('EINVAL');
    }
  });

  it('are free only when their close callback has ended', async () => {
    const closing = gate();
    const { device, create } = made({ close: () => closing.enter() });
    const client = device.open();
    await client.createHandle(create());
    const over = client.closeHandle(1);
    expect(client.handles).toEqual([]);
    expect((await rejected(client.closeHandle(1))).code).toBe('EINVAL');
    expect(await client.createHandle(create())).toBe(2);
    await closing.open();
    await over;
    expect(await client.createHandle(create())).toBe(1);
  });

  it('name nothing before their open callback has ended', async () => {
    const opening = gate();
    const { device, create } = made({ open: () => opening.enter() });
    const client = device.open();
    const making = client.createHandle(create());
    expect(client.handles).toEqual([]);
    expect((await rejected(client.handleToBuf(1))).code).toBe('ENOENT');
    expect((await rejected(client.closeHandle(1))).code).toBe('EINVAL');
    await opening.open();
    expect(await making).toBe(1);
    expect(client.handles).toEqual([1]);
  });
});

describe('objects', () => {
  it('are freed with their last handle, whichever client has it', async () => {
    const { device, create, calls, bos } = made();
    const [one, other] = [device.open(), device.open()];
    const bo = create();
    await one.createHandle(bo);
    await other.createHandle(bo);
    await other.createHandle(bo);
    await one.closeHandle(1);
    await other.closeHandle(1);
    expect(bos.size).toBe(1);
    await other.closeHandle(2);
    expect(bos.size).toBe(0);
    expect(calls).toEqual(['open 1', 'open 2', 'open 2', 'close 1', 'close 2', 'close 2', 'free']);
    expect((await rejected(one.createHandle(bo))).code).toBe('ESTALE');
  });

  it('live on as a buffer, and are freed with it', async () => {
    const { rig, device, create, bos } = made();
    const client = device.open();
    await client.createHandle(create());
    const buf = await client.handleToBuf(1);
    await client.closeHandle(1);
    expect(bos.size).toBe(1);
    await client.closeHandle(await client.bufToHandle(buf));
    expect(bos.size).toBe(1);
    buf.close();
    await rig.buffers.idle();
    expect(bos.size).toBe(0);
  });

  it("stay their maker's while no handle was made: a failed open frees nothing", async () => {
    const refuse = new Error('no');
    const { device, create, calls, bos } = made({
      open() {
        throw refuse;
      },
    });
    const client = device.open();
    const bo = create();
    for (let n = 0; n < 2; n++) {
      expect(await rejected(client.createHandle(bo))).toMatchObject({ code: 'EIO', cause: refuse });
    }
    expect([calls, bos.size, client.handles]).toEqual([[], 1, []]);
    await client.close();
    device.close();
  });

  it('must be objects', async () => {
    const client = made().device.open();
    for (const wrong of [null, undefined, 7, 'bo'])
      expect((await rejected(client.createHandle(wrong as never))).code).toBe('EINVAL');
  });
});

it('what close and free throw is reported, and stops nothing', async () => {
  const { rig, device, create } = made({
    close() {
      throw new Error('close');
    },
    free: () => Promise.reject(new Error('free')),
  });
  const client = device.open();
  await client.createHandle(create());
  await client.closeHandle(1);
  await rig.buffers.idle();
  expect(rig.errors).toMatchObject([
    { cause: { message: 'close' } },
    { cause: { message: 'free' } },
  ]);
  await client.close();
  device.close();
});

describe('a client that is closed', () => {
  it('closes its handles, and refuses everything', async () => {
    const { device, create, bos } = made();
    const client = device.open();
    for (let n = 0; n < 3; n++) await client.createHandle(create());
    await Promise.all([client.close(), client.close()]);
    expect([bos.size, client.closed, client.handles]).toEqual([0, true, []]);
    expect(thrown(() => client.lookup(1)).code).toBe('ESTALE');
    const calls = [client.createHandle(create()), client.handleToBuf(1), client.closeHandle(1)];
    for (const call of calls) expect((await rejected(call)).code).toBe('ESTALE');
    device.close();
    device.close();
    expect(thrown(() => device.open()).code).toBe('ESTALE');
  });

  it('lets calls that run end, and those that wait for their turn fail', async () => {
    const exporting = gate();
    const { device, create, calls } = made({
      async export() {
        await exporting.enter();
        return {
          size: 1,
          ops: { map: () => [], unmap() {} },
        };
      },
    });
    const client = device.open();
    await client.createHandle(create());
    const runs = client.handleToBuf(1);
    const waits = rejected(client.handleToBuf(1));
    const closing = client.close();
    expect(calls).toEqual(['open 1']);
    await exporting.open();
    const buf = await runs;
    expect((await waits).code).toBe('ESTALE');
    await closing;
    expect(calls).toEqual(['open 1', 'close 1']);
    buf.close();
  });
});

it('a device needs a domain, a name and free(); what else it is given must be callbacks', () => {
  const { buffers } = nth(rigs(1), 0);
  const domain = { name: 'test', buffers };
  const driver = { name: 'vgem', free() {} };
  const wrong: readonly (readonly [unknown, unknown])[] = [
    [null, driver],
    [{}, driver],
    [domain, null],
    [domain, { name: 'vgem' }],
    [domain, { free() {} }],
    [domain, { ...driver, open: true }],
    [domain, { ...driver, callTimeout: -1 }],
  ];
  for (const [of, what] of wrong)
    expect(thrown(() => new PrimeDevice(of as never, what as never)).code).toBe('EINVAL');
  expect(new PrimeDevice(domain, driver).name).toBe('vgem');
});

it('a device does not go while a client is open, or a buffer of it is in use anywhere', async () => {
  const { rig, device, create } = made();
  const client = device.open();
  expect(thrown(() => device.close()).code).toBe('EBUSY');
  await client.createHandle(create());
  const buf = await client.handleToBuf(1);
  await client.close();
  expect(thrown(() => device.close()).code).toBe('EBUSY');
  const attachment = await buf.attach('gpu');
  const mapping = await attachment.map('to-device');
  buf.close();
  expect(thrown(() => device.close()).code).toBe('EBUSY');
  mapping.unmap();
  await attachment.detach();
  await rig.buffers.idle();
  device.close();
});
