// SPDX-License-Identifier: MIT
/** What IGT's prime_mmap says of the way from a handle to a buffer, under its names. */
import { describe, expect, onTestFinished, test } from 'vitest';
import { Domain } from '../../src/index.js';
import { DRM_CLOEXEC, DRM_RDWR } from '../../src/prime.js';
import { HOSTED } from '../threads/support/host.js';
import { rejected } from '../unit/buf/rig.js';
import { peek, poke, vgem } from '../unit/prime/vgem.js';

/** One card with one client, until the end of the test. */
async function opened() {
  const domain = await Domain.create(HOSTED);
  onTestFinished(() => domain.close());
  const card = vgem(domain, domain);
  return { domain, card, client: card.device.open() };
}

describe('prime_mmap', () => {
  test('reprime: a second export, after the first buffer was closed, has the same content', async () => {
    const { card, client } = await opened();
    const handle = await client.createHandle(card.create());
    await poke(client.lookup(handle), 6);
    const first = await client.handleToBuf(handle);
    {
      using access = await first.cpuAccess('read');
      first.close();
      expect(access.bytes[0]).toBe(6);
    }
    using second = await client.handleToBuf(handle);
    using access = await second.cpuAccess('read');
    expect(access.bytes[0]).toBe(6);
  });

  test('refcounting: a buffer whose handle was closed can still be opened', async () => {
    const { card, client } = await opened();
    const handle = await client.createHandle(card.create());
    await poke(client.lookup(handle), 6);
    using buf = await client.handleToBuf(handle);
    await client.closeHandle(handle);
    using access = await buf.cpuAccess('read');
    expect(access.bytes[0]).toBe(6);
    expect(await peek([...card.bos][0] as Parameters<typeof peek>[0])).toBe(6);
  });

  test('errors: flags that do not exist are EINVAL, a handle that was closed is ENOENT, and there is no buffer', async () => {
    const { domain, card, client } = await opened();
    const handle = await client.createHandle(card.create());
    for (const flags of [DRM_CLOEXEC - 1, DRM_CLOEXEC + 1, DRM_RDWR - 1, DRM_RDWR + 1])
      expect((await rejected(client.handleToBuf(handle, flags))).code).toBe('EINVAL');
    await client.closeHandle(handle);
    expect((await rejected(client.handleToBuf(handle))).code).toBe('ENOENT');
    expect(domain.snapshot().buffers.filter(({ exporter }) => exporter === 'vgem')).toEqual([]);
  });
});
