// SPDX-License-Identifier: MIT
/** The file of a buffer in another thread: it is polled and mapped there, and dies with its thread. */
import { DmaBufFile, POLLIN, POLLOUT } from 'dmabuf/file';
import { expect, test } from 'vitest';
import { Actor } from './support/actor.js';
import { dying } from './support/mortal.js';
import { withDomain } from './support/with-domain.js';

test('another thread polls it until it is ready, and what it maps and writes is seen here', () =>
  withDomain({}, async (domain) => {
    using timeline = domain.timeline('render');
    const buf = domain.alloc(4096);
    const job = timeline.next();
    const lock = await buf.resv.lock();
    lock.reserve(1);
    lock.add(job, 'write');
    lock.unlock();
    const actor = await Actor.start(domain, 'files.mjs', 'polls', { buffer: buf.share() });
    expect(await actor.hear('polls')).toBe(0);
    timeline.signal(job);
    expect(await actor.hear('polled')).toBe(POLLIN | POLLOUT);
    await actor.hear('written');
    using file = DmaBufFile.open(buf);
    buf.close();
    using map = await file.mmap(0, 4096);
    expect(map.bytes[0]).toBe(9);
    actor.tell('go');
    await actor.finished();
  }));

dying('who has begun and mapped dies: the exporter learns of the end', async (domain, way) => {
  const calls: string[] = [];
  const home = domain.alloc(4096);
  let release = (): void => {};
  const released = new Promise<void>((resolve) => (release = resolve));
  const buf = domain.export({
    exporter: 'camera',
    size: home.size,
    priv: null,
    ops: {
      map: () => [{ of: home, offset: 0, length: home.size }],
      unmap: () => {},
      mmap: (_buf, { offset, length }) => [{ of: home, offset, length }],
      beginCpuAccess: (_buf, intent) => void calls.push(`begin ${intent}`),
      endCpuAccess: (_buf, intent) => void calls.push(`end ${intent}`),
      release: () => {
        home.close();
        release();
      },
    },
  });
  const actor = await Actor.start(domain, 'files.mjs', 'begins', { buffer: buf.share() });
  await actor.hear('begun');
  const file = DmaBufFile.open(buf);
  using map = await file.mmap(0, 4096);
  file.close();
  expect([map.bytes[0], calls]).toEqual([7, ['begin write']]);
  await actor.die(way);
  map.munmap();
  buf.close();
  await released;
  expect(calls).toEqual(['begin write', 'end write']);
});
