// SPDX-License-Identifier: MIT
/** From a handle to a buffer: what is checked in which order, and which buffer it is. */
import { describe, expect, it } from 'vitest';
import { DmaBufError } from '../../../src/errors.js';
import { DRM_CLOEXEC, DRM_RDWR } from '../../../src/prime/index.js';
import { nth, type Rig, rejected, rigs } from '../buf/rig.js';
import { type Vgem, vgem } from './vgem.js';

function made(more: Parameters<typeof vgem>[2] = {}): Vgem & { readonly rig: Rig } {
  const rig = nth(rigs(1), 0);
  return { rig, ...vgem({ name: 'test', buffers: rig.buffers }, rig.heap, more) };
}

describe('which buffer', () => {
  it("the same one each time, from every client, and a reference of one's own each time", async () => {
    const { device, create, calls } = made();
    const [one, other] = [device.open(), device.open()];
    const bo = create();
    await one.createHandle(bo);
    await other.createHandle(bo);
    const bufs = [await one.handleToBuf(1), await one.handleToBuf(1), await other.handleToBuf(1)];
    expect(new Set(bufs.map(({ id }) => id)).size).toBe(1);
    expect(calls.filter((call) => call === 'export')).toHaveLength(1);
    bufs[0]?.close();
    expect(bufs[1]?.name).toBeNull();
    expect(bufs[2]).toMatchObject({ size: 4096, exporter: 'vgem', closed: false });
  });

  it('a new one when all handles had gone: until then the object keeps its buffer', async () => {
    const { device, create } = made();
    const client = device.open();
    const bo = create();
    await client.createHandle(bo);
    const { id } = await client.handleToBuf(1);
    (await client.handleToBuf(1)).close();
    expect((await client.handleToBuf(1)).id).toBe(id);
    await client.closeHandle(1);
    await client.createHandle(bo);
    expect((await client.handleToBuf(1)).id).not.toBe(id);
  });

  it('keeps nothing of its own when it was closed at once', async () => {
    const { rig, device, create, bos } = made();
    const client = device.open();
    await client.createHandle(create());
    const buf = await client.handleToBuf(1);
    const { row } = buf;
    expect(rig.buffers.holders(row)).toBe(3); // the caller, the cache, the object
    buf.close();
    expect(rig.buffers.holders(row)).toBe(2);
    await client.closeHandle(1);
    await rig.buffers.idle();
    expect([rig.buffers.holders(row), bos.size]).toEqual([0, 0]);
  });
});

describe('rights', () => {
  it('are those of the first export', async () => {
    const { device, create } = made();
    const client = device.open();
    const bo = create();
    await client.createHandle(bo);
    const first = await client.handleToBuf(1, 0);
    const again = await client.handleToBuf(1, DRM_RDWR | DRM_CLOEXEC);
    expect((await rejected(again.cpuAccess('write'))).code).toBe('EACCES');
    (await again.cpuAccess('read')).end();
    await client.createHandle(create());
    const writable = await client.handleToBuf(2);
    (await writable.cpuAccess('write')).end();
    expect([first.readOnly, writable.readOnly]).toEqual([true, false]);
  });

  it('do not come back narrowed by the way a buffer came back', async () => {
    const { rig, device, create } = made();
    const client = device.open();
    await client.createHandle(create());
    const buf = await client.handleToBuf(1);
    const narrow = rig.buffers.handle(buf.use('test'), true);
    await client.closeHandle(1);
    expect(await client.bufToHandle(narrow)).toBe(1);
    expect((await client.handleToBuf(1)).readOnly).toBe(false);
  });
});

describe('refused', () => {
  it('other flags, before anything else is looked at', async () => {
    const { device, create, calls } = made();
    const client = device.open();
    await client.createHandle(create());
    const wrong = [
      DRM_CLOEXEC + 1,
      DRM_CLOEXEC - 1,
      DRM_RDWR + 1,
      DRM_RDWR - 1,
      -1,
      2.5,
      '2',
      null,
    ];
    for (const flags of wrong) {
      for (const handle of [1, 99]) {
        expect((await rejected(client.handleToBuf(handle, flags as number))).code).toBe('EINVAL');
      }
    }
    expect(calls).toEqual(['open 1']);
    await client.close();
    expect((await rejected(client.handleToBuf(1, 1))).code).toBe('EINVAL');
  });

  it('an unknown handle', async () => {
    const client = made().device.open();
    expect(await rejected(client.handleToBuf(1))).toMatchObject({
      code: 'ENOENT',
      op: 'PrimeClient.handleToBuf',
    });
  });

  it('by the driver: its own error, EIO for what else it throws, ENOTSUP when it cannot', async () => {
    const refusals = [DmaBufError.of('EACCES', 'secret'), new Error('broken')];
    const { device, create } = made({
      async export() {
        throw refusals.shift();
      },
    });
    const client = device.open();
    await client.createHandle(create());
    expect(await rejected(client.handleToBuf(1))).toMatchObject({
      code: 'EACCES',
      op: 'PrimeClient.handleToBuf',
    });
    expect((await rejected(client.handleToBuf(1))).message).toContain('the driver "vgem" failed');
    const mute = made({ export: undefined });
    const muteClient = mute.device.open();
    await muteClient.createHandle(mute.create());
    expect((await rejected(muteClient.handleToBuf(1))).code).toBe('ENOTSUP');
  });

  it('what the driver gives is no export; then the next one is made anew', async () => {
    const given: unknown[] = [
      null,
      {},
      { size: -1, ops: {} },
      { size: 1, ops: {} },
      { size: 1, ops: { map() {}, unmap() {}, pin() {} } },
    ];
    const { rig, device, create, calls } = made({ export: () => given.shift() as never });
    const client = device.open();
    await client.createHandle(create());
    while (given.length > 0) expect((await rejected(client.handleToBuf(1))).code).toBe('EINVAL');
    given.push({ size: 0, ops: { map: () => [], unmap() {} } });
    (await client.handleToBuf(1)).close();
    await client.close();
    await rig.buffers.idle();
    expect(calls).toEqual(['open 1', 'close 1', 'free']);
    device.close();
  });
});

it('callbacks of a class keep their object', async () => {
  class Ops {
    readonly #seen: string[] = [];
    map(): [] {
      this.#seen.push('map');
      return [];
    }
    unmap(): void {
      this.#seen.push('unmap');
    }
    get seen(): string[] {
      return this.#seen;
    }
  }
  const ops = new Ops();
  const { device, create } = made({ export: () => ({ size: 0, ops }) });
  const client = device.open();
  await client.createHandle(create());
  const attachment = await (await client.handleToBuf(1)).attach('gpu');
  (await attachment.map('to-device')).unmap();
  expect(ops.seen).toEqual(['map', 'unmap']);
});
