// SPDX-License-Identifier: MIT
// 6. A dynamic exporter with nothing wrong, so far as its tests can tell: see 6-tests.ts.
import type { Domain, DynamicExportedBuf, HeldLock } from 'dmabuf';

const size = 10_000;

export function makeExporter(domain: Domain) {
  const place = { at: domain.alloc(size, { name: 'near' }) };
  const buf: DynamicExportedBuf<typeof place> = domain.dynamicExport({
    exporter: 'my-camera',
    size,
    priv: place,
    ops: {
      map: () => [{ of: place.at, offset: 0, length: size }],
      unmap() {},
      pin() {},
      unpin() {},
      release: () => place.at.close(),
    },
  });

  async function move(lock: HeldLock) {
    const next = domain.alloc(size, { name: 'far' }); // may fail: nothing has been touched yet
    try {
      await buf.moveNotify(lock); // EBUSY while somebody has pinned it
      await lock.wait('bookkeep');
      using from = await place.at.cpuAccess('read');
      using to = await next.cpuAccess('write');
      to.bytes.set(from.bytes);
    } catch (error) {
      next.close();
      throw error;
    }
    place.at.close();
    place.at = next;
  }

  return { buf, move };
}
