// SPDX-License-Identifier: MIT
/** What IGT's vgem_basic says of objects, handles and buffers of a driver, under its names. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type DmaBuf, Domain } from '../../src/index.js';
import { HOSTED } from '../threads/support/host.js';
import { thrown } from '../unit/buf/rig.js';
import { peek, poke, type Vgem, vgem } from '../unit/prime/vgem.js';

let domain: Domain;
let card: Vgem;
let client: ReturnType<Vgem['device']['open']>;
beforeEach(async () => {
  domain = await Domain.create(HOSTED);
  card = vgem(domain, domain);
  client = card.device.open();
});
afterEach(() => domain.close());

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
