// SPDX-License-Identifier: MIT
/** From a buffer to a handle: of the device's own objects, and of other drivers. */
import { describe, expect, it } from 'vitest';
import { abroad, passed, until } from '../buf/abroad.js';
import { staticExport } from '../buf/exporters.js';
import { nth, type Rig, rejected, rigs } from '../buf/rig.js';
import { type Bo, peek, poke, type Vgem, vgem } from './vgem.js';

function on(rig: Rig, more: Parameters<typeof vgem>[2] = {}): Vgem {
  return vgem({ name: 'test', buffers: rig.buffers }, rig.heap, more);
}

const only = (): Rig => nth(rigs(1), 0);
const attachments = ({ buffers }: Rig): number => [...buffers.attachments.all()].length;

describe('a buffer of the same device', () => {
  it('gives the handle that it came from, without counting', async () => {
    const { device, create } = on(only());
    const client = device.open();
    await client.createHandle(create());
    const buf = await client.handleToBuf(1);
    for (let n = 0; n < 3; n++) expect(await client.bufToHandle(buf)).toBe(1);
    await client.closeHandle(1);
    expect(client.handles).toEqual([]);
  });

  it('gives another client a handle for the object itself, without attaching', async () => {
    const rig = only();
    const { device, create, calls } = on(rig);
    const [one, other] = [device.open(), device.open()];
    const bo = create();
    await one.createHandle(bo);
    const buf = await one.handleToBuf(1);
    const handle = await other.bufToHandle(buf);
    expect(other.lookup(handle)).toBe(bo);
    expect(await other.bufToHandle(buf)).toBe(handle);
    expect([attachments(rig), calls]).toEqual([0, ['open 1', 'export', 'open 2']]);
    expect((await other.handleToBuf(handle)).id).toBe(buf.id);
  });

  it('gives the object a handle again after its last one has gone', async () => {
    const { device, create } = on(only());
    const client = device.open();
    const bo = create();
    await client.createHandle(bo);
    const buf = await client.handleToBuf(1);
    await client.closeHandle(1);
    expect(client.lookup(await client.bufToHandle(buf))).toBe(bo);
    expect((await client.handleToBuf(1)).id).toBe(buf.id);
  });
});

describe('a buffer of somebody else', () => {
  it('is attached, mapped in both directions, and given to the driver; its reservation is shared', async () => {
    const rig = only();
    const { buf, calls } = staticExport(rig);
    const { device } = on(rig);
    const client = device.open();
    const { imported } = client.lookup(await client.bufToHandle(buf));
    expect(calls).toEqual(['attach vgem -', 'map vgem bidirectional -']);
    expect([imported?.attachment.buf.id, imported?.mapping.direction]).toEqual([
      buf.id,
      'bidirectional',
    ]);
    expect(imported?.resv).toBe(buf.resv);
    expect(buf.closed).toBe(false);
  });

  it('is unmapped and detached when its last handle goes, after the driver has let go', async () => {
    const rig = only();
    const { buf, calls } = staticExport(rig);
    const { device } = on(rig, { free: () => void calls.push('free') });
    const client = device.open();
    await client.bufToHandle(buf);
    buf.close();
    await client.closeHandle(1);
    await rig.buffers.idle();
    expect(calls).toEqual([
      'attach vgem -',
      'map vgem bidirectional -',
      'free',
      'unmap vgem bidirectional',
      'detach vgem',
      'release',
    ]);
    await client.close();
    device.close();
  });

  it('is handed on as it came, never wrapped', async () => {
    const rig = only();
    const foreign = rig.heap.alloc(64);
    const { device, calls } = on(rig);
    const [one, other] = [device.open(), device.open()];
    await one.bufToHandle(foreign);
    const again = await one.handleToBuf(1);
    expect(again.id).toBe(foreign.id);
    await other.createHandle(one.lookup(1));
    await one.closeHandle(1);
    expect((await other.handleToBuf(1)).id).toBe(foreign.id);
    expect(calls).toEqual(['import', 'open 1', 'open 2', 'close 1']);
  });

  it('is one object for each client that imports it, and one handle within a client', async () => {
    const rig = only();
    const foreign = rig.heap.alloc(64);
    const { device, bos } = on(rig);
    const [one, other] = [device.open(), device.open()];
    expect(await Promise.all([one.bufToHandle(foreign), one.bufToHandle(foreign.dup())])).toEqual([
      1, 1,
    ]);
    expect(await other.bufToHandle(foreign)).toBe(1);
    expect([bos.size, attachments(rig)]).toEqual([2, 2]);
    await poke(one.lookup(1), 7);
    expect(await peek(other.lookup(1))).toBe(7);
  });

  it('of another thread is imported from there: its driver is another device', async () => {
    const { home: a, away: b } = abroad();
    const [device, other] = [on(a), on(b)];
    const [there, here] = [device.device.open(), other.device.open()];
    await there.createHandle(device.create());
    const buf = await there.handleToBuf(1);
    expect((await rejected(here.bufToHandle(buf))).code).toBe('EXDEV');
    const received = passed(buf, b);
    buf.close();
    const handle = await here.bufToHandle(received);
    received.close();
    await there.close();
    await poke(here.lookup(handle), 9);
    expect(await peek([...device.bos][0] as Bo)).toBe(9);
    await here.close();
    await b.buffers.idle();
    await until(() => device.bos.size + other.bos.size === 0);
  });
});

describe('refused', () => {
  it('no buffer, a closed one, a read-only one, and any of somebody else where the driver cannot import', async () => {
    const rig = only();
    const client = on(rig).device.open();
    for (const wrong of [null, undefined, 3, {}])
      expect((await rejected(client.bufToHandle(wrong as never))).code).toBe('EINVAL');
    const { buf, calls } = staticExport(rig);
    const narrow = rig.buffers.handle(buf.use('test'), true);
    expect((await rejected(client.bufToHandle(narrow))).code).toBe('EACCES');
    const without = on(rig, { import: undefined }).device.open();
    expect((await rejected(without.bufToHandle(buf))).code).toBe('EINVAL');
    expect(calls).toEqual([]);
    buf.close();
    expect((await rejected(client.bufToHandle(buf))).code).toBe('ESTALE');
  });

  it('whoever refuses: what was done is undone in reverse, and the next import begins anew', async () => {
    const rig = only();
    const { buf, calls, failing } = staticExport(rig);
    const fails = new Set<string>();
    const refuse = (name: string): void => {
      if (fails.delete(name)) throw new Error(name);
    };
    const { device } = on(rig, {
      import(imported) {
        refuse('import');
        return { memory: null, imported };
      },
      open: () => refuse('open'),
      close: () => void calls.push('close'),
      free: () => void calls.push('free'),
    });
    const client = device.open();
    const steps = {
      attach: ['attach vgem -'],
      map: ['attach vgem -', 'map vgem bidirectional -', 'detach vgem -'],
      import: [
        'attach vgem -',
        'map vgem bidirectional -',
        'unmap vgem bidirectional -',
        'detach vgem -',
      ],
      open: [
        'attach vgem -',
        'map vgem bidirectional -',
        'free',
        'unmap vgem bidirectional -',
        'detach vgem -',
      ],
    };
    for (const [step, expected] of Object.entries(steps)) {
      calls.length = 0;
      if (step === 'attach' || step === 'map') failing.set(step, new Error(step));
      else fails.add(step);
      const error = await rejected(client.bufToHandle(buf));
      expect(error).toMatchObject({ code: 'EIO', cause: { message: step } });
      await rig.buffers.idle();
      expect([calls, client.handles, attachments(rig)]).toEqual([expected, [], 0]);
      expect(rig.buffers.holders(buf.row)).toBe(1);
    }
    expect(await client.bufToHandle(buf)).toBe(1);
  });

  it('an object that import() has given before', async () => {
    const rig = only();
    const same = { memory: null, imported: null };
    const client = on(rig, { import: () => same }).device.open();
    await client.bufToHandle(rig.heap.alloc(8));
    expect((await rejected(client.bufToHandle(rig.heap.alloc(8)))).code).toBe('EINVAL');
    await rig.buffers.idle();
    expect([client.handles, attachments(rig)]).toEqual([[1], 1]);
  });
});
