// SPDX-License-Identifier: MIT
/** What IGT's vgem_basic says of objects, handles and buffers of a driver, under its names. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type DmaBuf, Domain, type Reservation, type Timeline } from '../../src/index.js';
import { rejected, thrown } from '../unit/buf/rig.js';
import { peek, poke, type Vgem, vgem } from '../unit/prime/vgem.js';

let domain: Domain;
let card: Vgem;
let client: ReturnType<Vgem['device']['open']>;
beforeEach(async () => {
  domain = await Domain.create();
  card = vgem(domain, domain);
  client = card.device.open();
});
afterEach(() => domain.close());

/** Ready for reading and for writing: POLLIN and POLLOUT. */
const ready = ({ resv }: DmaBuf): [boolean, boolean] => [resv.test('write'), resv.test('read')];

async function fenced(
  timeline: Timeline,
  resv: Reservation,
  usage: 'read' | 'write',
): Promise<() => void> {
  const point = timeline.next();
  using lock = await resv.lock();
  lock.reserve(1);
  lock.add(point, usage);
  return () => timeline.signal(point);
}

describe('vgem_basic', () => {
  test('create: no memory of no size; of any other size a handle, and the size stays', async () => {
    expect(thrown(() => card.create(0)).code).toBe('EINVAL');
    for (const size of [1, 4096, 1 << 20]) {
      const handle = await client.createHandle(card.create(size));
      using buf = await client.handleToBuf(handle);
      expect(buf.size).toBe(size);
    }
    expect(thrown(() => card.create(2 ** 40)).code).toBe('ENOMEM');
  });

  test('mmap: bytes that are open outlive the handle', async () => {
    const bo = card.create();
    const handle = await client.createHandle(bo);
    const access = await (bo.memory as DmaBuf).cpuAccess('write');
    await client.closeHandle(handle);
    access.bytes[0] = 8;
    expect(access.bytes[0]).toBe(8);
    access.end();
  });

  test('dmabuf-mmap: bytes of the buffer outlive its last reference and the handle', async () => {
    const handle = await client.createHandle(card.create());
    const buf = await client.handleToBuf(handle);
    const access = await buf.cpuAccess('write');
    buf.close();
    await client.closeHandle(handle);
    expect(card.bos.size).toBe(1);
    access.bytes[0] = 8;
    expect(access.bytes[0]).toBe(8);
    access.end();
    await domain.idle();
    expect(card.bos.size).toBe(0);
  });

  test('dmabuf-export: what is written through the buffer is seen through the handle of another driver', async () => {
    const handle = await client.createHandle(card.create());
    const other = vgem(domain, domain, { name: 'other' }).device.open();
    using buf = await client.handleToBuf(handle);
    const imported = await other.bufToHandle(buf);
    using access = await buf.cpuAccess('write');
    access.bytes.fill(0x42);
    expect(await peek(other.lookup(imported))).toBe(0x42);
  });

  test('second-client: works beside the first one, and after it', async () => {
    const second = card.device.open();
    const handle = await second.createHandle(card.create());
    await poke(second.lookup(handle), 4);
    await client.close();
    using buf = await second.handleToBuf(handle);
    expect(await peek(second.lookup(await second.bufToHandle(buf)))).toBe(4);
  });

  test('bad-handle: an unknown handle has no object', async () => {
    expect(thrown(() => client.lookup(0xdead)).code).toBe('ENOENT');
    expect((await rejected(client.handleToBuf(0xdead))).code).toBe('ENOENT');
  });

  test('dmabuf-fence: a fence that comes after the export shows in the buffer', async () => {
    using buf = await client.handleToBuf(await client.createHandle(card.create()));
    const timeline = domain.timeline('vgem');
    const read = await fenced(timeline, buf.resv, 'read');
    expect(ready(buf)).toEqual([true, false]);
    read();
    const write = await fenced(timeline, buf.resv, 'write');
    expect(ready(buf)).toEqual([false, false]);
    write();
    expect(ready(buf)).toEqual([true, true]);
  });

  test('dmabuf-fence-before: a fence of the object that is there before the export shows in the buffer', async () => {
    const resv = domain.reservation();
    const timeline = domain.timeline('vgem');
    const own = vgem(domain, domain, {
      export: () => ({ size: 0, resv, ops: { map: () => [], unmap() {} } }),
    });
    for (const [usage, during] of [
      ['read', [true, false]],
      ['write', [false, false]],
    ] as const) {
      const signal = await fenced(timeline, resv, usage);
      const other = own.device.open();
      using buf = await other.handleToBuf(await other.createHandle(own.create()));
      expect(ready(buf)).toEqual(during);
      signal();
      expect(ready(buf)).toEqual([true, true]);
    }
  });

  test('unload: a driver cannot go while a client, a buffer or only bytes of it are open, and can after the last', async () => {
    const busy = (): void => expect(thrown(() => card.device.close()).code).toBe('EBUSY');
    busy();
    const buf = await client.handleToBuf(await client.createHandle(card.create()));
    await client.close();
    busy();
    const access = await buf.cpuAccess('read');
    buf.close();
    await domain.idle();
    busy();
    access.end();
    await domain.idle();
    card.device.close();
    expect(card.bos.size).toBe(0);
  });
});
